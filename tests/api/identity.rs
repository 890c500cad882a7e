//! Azure OpenAI without a key: the program over doubles of the platform's identity endpoint and of
//! Azure OpenAI, and the service over a double of `az`.

#[cfg(unix)]
mod az;

use crate::{
    process::{Running, program},
    service::{self, client},
    upstream::{Answer, Gate, Request, Upstream},
};
use serde_json::{Value, json};

const HEADER: &str = "header-of-the-platform";
const TOKEN_PATH: &str = "/msi/token";
const CLIENT_ID: &str = "66666666-7777-8888-9999-aaaaaaaaaaaa";
const GENERATIONS: &str = "/images/generations";

/// What the platform's endpoint says
/// (<https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>).
fn token(text: &str) -> Answer {
    Answer::json(&json!({
        "access_token": text,
        "expires_on": "4102444800", // in 2100
        "resource": "https://cognitiveservices.azure.com",
        "token_type": "Bearer",
        "client_id": CLIENT_ID,
    }))
}

/// The program as the platform starts it, but for a key.
struct Keyless {
    platform: Upstream,
    azure: Upstream,
    running: Running,
    _folder: tempfile::TempDir,
}

impl Keyless {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let (platform, azure) = (Upstream::start().await, Upstream::start().await);
        platform.serve(TOKEN_PATH, token("eyJ.first.token"));
        let folder = tempfile::tempdir().unwrap();
        let (endpoint, origin) = (format!("{}{TOKEN_PATH}", platform.origin()), azure.origin());
        let own = [
            ("PORT", "0"),
            ("RUST_LOG", "trace"),
            ("STORAGE_DIR", folder.path().to_str().unwrap()),
            ("AZURE_OPENAI_ENDPOINT", &origin),
            ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
            ("AZURE_OPENAI_TEXT_DEPLOYMENT_NAME", "ideas"),
            ("IDENTITY_ENDPOINT", &endpoint),
            ("IDENTITY_HEADER", HEADER),
        ];
        let running = Running::start(program(&[&own[..], settings].concat())).await;
        Self {
            platform,
            azure,
            running,
            _folder: folder,
        }
    }

    async fn generate(&self, body: &Value, key: Option<&str>) -> service::Answer {
        let request = client().post(format!("{}/api/generateImage", self.running.base));
        let request = request.header("accept", "application/json");
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        service::Answer::of(request.body(body.to_string())).await
    }

    async fn get(&self, path: &str) -> service::Answer {
        service::Answer::of(client().get(format!("{}{path}", self.running.base))).await
    }

    fn token_requests(&self) -> Vec<Request> {
        self.platform.requests_to(TOKEN_PATH)
    }

    /// The `Authorization` of each generation that reached Azure OpenAI.
    fn shown(&self) -> Vec<Option<String>> {
        let requests = self.azure.requests_to(GENERATIONS);
        let shown = requests.iter().map(|request| {
            assert_eq!(request.header("api-key"), None);
            request.header("authorization").map(str::to_owned)
        });
        shown.collect()
    }

    /// Everything it printed, at the most talkative level; without secrets.
    async fn printed(self) -> String {
        self.running.signal("-TERM");
        let (code, printed) = self.running.end().await;
        assert_eq!(code, Some(0));
        for secret in ["eyJ", ".token", HEADER, "Bearer "] {
            assert!(!printed.contains(secret), "{secret} in\n{printed}");
        }
        printed
    }
}

fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

#[tokio::test]
async fn many_calls_show_one_token_of_the_managed_identity() {
    let keyless = Keyless::start(&[]).await;
    let body = json!({"prompt": "a"});
    let calls = (0..8).map(|_| keyless.generate(&body, None));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["object"]["attemptCount"], 1);
    }
    let idea = keyless.get("/api/getChatGPTSuggestion").await;
    assert_eq!(idea.header("x-suggestion-source"), "model");
    assert_eq!(keyless.get("/api/health").await.status, 200);
    assert_eq!(keyless.shown(), vec![bearer("eyJ.first.token"); 8]);
    for path in ["/chat/completions", "/models"] {
        let request = keyless.azure.requests_to(path).remove(0);
        assert_eq!(
            request.header("authorization"),
            Some("Bearer eyJ.first.token")
        );
    }
    let asked = keyless.token_requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].header("x-identity-header"), Some(HEADER));
    let query = asked[0].query().unwrap();
    assert!(query.contains("resource=https%3A%2F%2Fcognitiveservices.azure.com"));
    assert!(!query.contains("client_id"), "{query}");
    let printed = keyless.printed().await;
    let first = printed.lines().next().unwrap();
    let identity = "identity: managed identity (system-assigned)";
    assert!(first.contains(identity), "{first}");
}

#[tokio::test]
async fn a_user_assigned_identity_and_another_scope_are_asked_for() {
    let keyless = Keyless::start(&[
        ("AZURE_CLIENT_ID", CLIENT_ID),
        ("AZURE_OPENAI_SCOPE", "https://ai.azure.com/.default"),
    ])
    .await;
    let answer = keyless.generate(&json!({"prompt": "a"}), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let query = keyless.token_requests()[0].query().unwrap().to_owned();
    assert!(
        query.contains("resource=https%3A%2F%2Fai.azure.com"),
        "{query}"
    );
    assert!(query.contains(&format!("client_id={CLIENT_ID}")), "{query}");
    let printed = keyless.printed().await;
    let identity = "identity: managed identity 66666666… (user-assigned)";
    assert!(printed.lines().next().unwrap().contains(identity));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_takes_none_of_the_retries() {
    let keyless = Keyless::start(&[]).await;
    let body = json!({"prompt": "a", "maxRetries": 0});
    assert_eq!(keyless.generate(&body, None).await.status, 200);
    keyless
        .platform
        .serve(TOKEN_PATH, token("eyJ.second.token"));
    keyless
        .azure
        .always_with(|request| match request.header("authorization") {
            Some("Bearer eyJ.second.token") => Answer::image(crate::upstream::picture::small_png()),
            _ => refused(),
        });
    let answer = keyless.generate(&body, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["object"]["attemptCount"], 2);
    let (first, second) = (bearer("eyJ.first.token"), bearer("eyJ.second.token"));
    assert_eq!(keyless.shown(), [first.clone(), first, second]);
    assert_eq!(keyless.token_requests().len(), 2);
    keyless.printed().await;
}

fn refused() -> Answer {
    Answer::error(401, "invalid_request_error", "401", "Unauthorized")
}

#[tokio::test]
async fn a_call_that_is_refused_again_fails_and_one_that_fails_otherwise_is_retried_as_ever() {
    let keyless = Keyless::start(&[]).await;
    keyless.azure.always(refused());
    let answer = keyless.generate(&json!({"prompt": "a"}), None).await;
    let problem = answer.assert_problem(502, "upstream_misconfigured");
    assert_eq!(problem["attemptCount"], 2);
    assert_eq!(keyless.shown().len(), 2, "once more and no more");
    keyless
        .azure
        .always(Answer::image(crate::upstream::picture::small_png()));
    // One renewal in a call, whatever comes between, and one repetition beside it.
    keyless.azure.push(refused());
    keyless
        .azure
        .push(Answer::server_error().header("retry-after-ms", "1"));
    keyless.azure.push(refused());
    let answer = keyless
        .generate(&json!({"prompt": "a", "maxRetries": 1}), None)
        .await;
    let problem = answer.assert_problem(502, "upstream_misconfigured");
    assert_eq!(problem["attemptCount"], 3);
    let models = keyless.azure.serve("/openai/v1/models", refused());
    let health = keyless.get("/api/health").await;
    assert_eq!(health.status, 503, "{models}: {}", health.text());
    keyless.printed().await;
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_in_the_log_alone() {
    let keyless = Keyless::start(&[]).await;
    let no_identity = Answer::json(&json!({"Message": "No such identity here"}));
    keyless.platform.serve(TOKEN_PATH, no_identity.status(403));
    let body = json!({"prompt": "a"});
    let answer = keyless.generate(&body, Some("one-key")).await;
    let problem = answer.assert_problem(502, "upstream_misconfigured");
    assert_eq!(problem["attemptCount"], 0);
    let health = keyless.get("/api/health").await;
    assert_eq!(health.status, 503, "{}", health.text());
    for text in [answer.text(), health.text()] {
        assert!(!text.contains("No such") && !text.contains("msi"), "{text}");
    }
    assert!(keyless.azure.requests().is_empty());
    // It cost nothing for sure, so the same key may try again.
    keyless.platform.serve(TOKEN_PATH, token("eyJ.first.token"));
    let answer = keyless.generate(&body, Some("one-key")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let printed = keyless.printed().await;
    assert!(printed.contains("No such identity here"), "{printed}");
}

#[tokio::test]
async fn waiting_for_a_token_ends_with_the_calls_time() {
    let keyless = Keyless::start(&[]).await;
    let gate = Gate::closed();
    let held = token("eyJ.first.token").held_by(&gate);
    keyless.platform.serve(TOKEN_PATH, held);
    let answer = keyless
        .generate(&json!({"prompt": "a", "timeoutMs": 1000}), None)
        .await;
    let problem = answer.assert_problem(502, "upstream_misconfigured");
    assert_eq!(problem["attemptCount"], 0);
    assert!(keyless.azure.requests_to(GENERATIONS).is_empty());
    gate.open();
    let printed = keyless.printed().await;
    assert!(
        printed.contains("none came within the call's time"),
        "{printed}"
    );
}

#[tokio::test]
async fn a_sentence_that_repeats_the_token_goes_to_nobody() {
    let keyless = Keyless::start(&[]).await;
    let repeating = "The value eyJ.first.token is not a size.";
    keyless.azure.push(Answer::error(
        400,
        "invalid_request_error",
        "bad",
        repeating,
    ));
    let answer = keyless.generate(&json!({"prompt": "a"}), None).await;
    answer.assert_problem(400, "invalid_request");
    assert!(!answer.text().contains("first"), "{}", answer.text());
    keyless.printed().await;
}

#[tokio::test]
async fn a_key_wins_and_nobody_is_asked_for_a_token() {
    let keyless = Keyless::start(&[("AZURE_OPENAI_API_KEY", "azure-key")]).await;
    keyless.azure.push(refused());
    let body = json!({"prompt": "a"});
    let problem = keyless.generate(&body, None).await;
    let problem = problem.assert_problem(502, "upstream_misconfigured");
    assert_eq!(problem["attemptCount"], 1, "a key is not renewed");
    assert_eq!(keyless.generate(&body, None).await.status, 200);
    for request in keyless.azure.requests_to(GENERATIONS) {
        assert_eq!(request.header("api-key"), Some("azure-key"));
        assert_eq!(request.header("authorization"), None);
    }
    assert!(keyless.platform.requests().is_empty());
    assert!(!keyless.printed().await.contains("identity:"));
}
