//! Suggestions: each may ask a model that is paid for.

use super::{Watch, assert_refused, limited, upstream};
use crate::{service::Service, upstream::Answer};

const PATH: &str = "/api/getChatGPTSuggestion";

async fn sources(service: &Service, count: usize) -> Vec<String> {
    let mut sources = Vec::new();
    for _ in 0..count {
        let answer = service.get(PATH).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.text().is_empty());
        sources.push(answer.header("x-suggestion-source").to_owned());
    }
    sources
}

#[tokio::test]
async fn beyond_the_limit_a_stored_one_stands_in_and_the_model_is_not_asked() {
    let upstream = upstream().await;
    upstream.always(Answer::chat("A red fox."));
    let (watch, model) = (Watch::default(), ("OPENAI_TEXT_MODEL", "gpt-x"));
    let limits = [model, ("RATE_LIMIT_PER_MINUTE", "2")];
    let service = limited(&upstream, &watch, &limits).await;
    assert_eq!(
        sources(&service, 4).await,
        ["model", "model", "fallback", "fallback"]
    );
    watch.go_on(30);
    assert_eq!(sources(&service, 2).await, ["model", "fallback"]);
    assert_eq!(upstream.requests().len(), 3);
    let answer = service.get(PATH).await;
    let policy = r#""caller-suggestions";q=2;w=60;qu="requests""#;
    assert_eq!(answer.header("ratelimit-policy"), policy);
    assert_eq!(
        answer.header("ratelimit"),
        r#""caller-suggestions";r=0;t=60"#
    );
}

#[tokio::test]
async fn where_none_may_stand_in_it_is_a_429_and_images_are_counted_apart() {
    let upstream = upstream().await;
    upstream.always(Answer::chat("A red fox."));
    let settings = [
        ("OPENAI_TEXT_MODEL", "gpt-x"),
        ("SUGGESTION_FALLBACK", "off"),
        ("INSTANCE_RATE_LIMIT_PER_MINUTE", "1"),
    ];
    let service = limited(&upstream, &Watch::default(), &settings).await;
    assert_eq!(sources(&service, 1).await, ["model"]);
    let refused = service.get(PATH).await;
    assert_eq!(assert_refused(&refused, "rate_limited", "instance"), 60);
    upstream.always(Answer::image(crate::upstream::picture::small_png()));
    super::assert_made(&service.generate(&super::fox()).await);
}

#[tokio::test]
async fn stored_ones_are_not_counted_where_there_is_no_model() {
    let service = Service::start(&[("RATE_LIMIT_PER_MINUTE", "1")]).await;
    assert_eq!(sources(&service, 3).await, ["stored", "stored", "stored"]);
}
