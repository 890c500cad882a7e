//! A fault of ours in the middle of paid work costs that one request, and nothing else.

use crate::{
    events::Events,
    service::{Service, client},
};
use async_trait::async_trait;
use serde_json::json;
use tokio::time::Instant;
use visionary::{
    images::{
        Generation, GenerationError, GenerationLimits, ImageGenerator, ImageOptions, ImageRequest,
        demo::DemoPainter, rules::ModelRules,
    },
    openai::{ModelEnd, UpstreamError},
};

/// Cannot paint one of its subjects.
#[derive(Default)]
struct FaintingPainter(DemoPainter);

#[async_trait]
impl ImageGenerator for FaintingPainter {
    fn provider(&self) -> &'static str {
        self.0.provider()
    }

    fn model(&self, options: &ImageOptions) -> String {
        self.0.model(options)
    }

    fn rules(&self, options: &ImageOptions) -> ModelRules {
        self.0.rules(options)
    }

    async fn generate(
        &self,
        request: &ImageRequest,
        first: u8,
        count: u8,
        limits: GenerationLimits<'_>,
    ) -> Result<Generation, GenerationError> {
        assert!(!request.prompt.as_str().contains("spider"), "it fainted");
        self.0.generate(request, first, count, limits).await
    }

    async fn check(&self, deadline: Instant) -> Result<Vec<ModelEnd>, UpstreamError> {
        self.0.check(deadline).await
    }
}

#[tokio::test]
async fn a_panic_in_the_task_of_an_operation_ends_that_operation_and_no_other() {
    let service = Service::painted_by(FaintingPainter::default()).await;
    let fainted = service.generate(&json!({"prompt": "a spider"})).await;
    fainted.assert_problem(500, "internal_error");
    let accepted = service.submit(&json!({"prompt": "a spider"})).await;
    assert_eq!(accepted.status, 202);
    let ended = service.ended(&accepted.operation_id()).await;
    assert_eq!(ended["status"], "failed");
    assert_eq!(ended["error"]["code"], "interrupted");
    let request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("accept", "text/event-stream");
    let body = json!({"prompt": "a spider"}).to_string();
    let streamed = Events::of(request.body(body).send().await.unwrap())
        .rest()
        .await;
    let last = streamed.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["status"]),
        ("error", &json!(500))
    );
    let sound = json!({"prompt": "a fox", "size": "64x64"});
    assert_eq!(service.generate(&sound).await.status, 200);
}
