//! When tokens are asked for, and what is asked, on a credential and a transport that count.

use super::*;
use azure_core_1::{
    Error,
    credentials::{AccessToken as Answer, Secret, TokenRequestOptions},
    error::ErrorKind,
    http::{AsyncRawResponse, Body, HttpClient, Request, headers::Headers},
};
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};

const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const OTHER_SCOPE: &str = "https://storage.azure.com/.default";

/// What a request brings: a token with so many seconds left, or a failure.
type Outcome = Result<i64, &'static str>;

/// Answers from a script and counts; without one every token lasts for an hour.
#[derive(Debug, Default)]
struct Script {
    outcomes: Mutex<VecDeque<Outcome>>,
    asked: AtomicUsize,
    made: AtomicUsize,
}

impl Script {
    fn of(outcomes: impl IntoIterator<Item = Outcome>) -> (Arc<Self>, Arc<Credentials>) {
        let script = Arc::new(Self {
            outcomes: Mutex::new(outcomes.into_iter().collect()),
            ..Self::default()
        });
        let shared = script.clone();
        let make: MakeCredential = Box::new(move || {
            shared.made.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(Scripted(shared.clone())))
        });
        (script, Arc::new(Credentials::new("a double", make)))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Scripted(Arc<Script>);

#[async_trait::async_trait]
impl TokenCredential for Scripted {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core_1::Result<Answer> {
        let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
        for _ in 0..20 {
            tokio::task::yield_now().await; // all who want it are there by now
        }
        let outcome = self.0.outcomes.lock().unwrap().pop_front();
        let seconds = outcome
            .unwrap_or(Ok(3600))
            .map_err(|reason| Error::with_message(ErrorKind::Credential, reason))?;
        let expires_at = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
        let text = format!("token {number} for {}", scopes.join(" "));
        Ok(Answer::new(Secret::new(text), expires_at))
    }
}

/// What 50 callers at once get.
async fn fifty(credentials: &Arc<Credentials>) -> Vec<Result<AccessToken, CredentialError>> {
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let credentials = credentials.clone();
            tokio::spawn(async move { credentials.token(SCOPE).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    outcomes
}

fn text(token: &AccessToken) -> String {
    token.bearer().expose_secret().to_owned()
}

#[tokio::test]
async fn fifty_callers_at_once_are_one_request() {
    let (script, credentials) = Script::of([]);
    let tokens = fifty(&credentials).await;
    assert_eq!(script.asked(), 1);
    let expected = format!("Bearer token 1 for {SCOPE}");
    assert!(
        tokens
            .iter()
            .all(|token| text(token.as_ref().unwrap()) == expected)
    );
    assert!(tokens[0].as_ref().unwrap().expires_at() > OffsetDateTime::now_utc());
}

#[tokio::test]
async fn whoever_waits_for_a_request_that_fails_shares_its_failure() {
    let (script, credentials) = Script::of([Err("no identity"), Ok(3600)]);
    let outcomes = fifty(&credentials).await;
    assert_eq!(script.asked(), 1);
    for outcome in outcomes {
        let shown = outcome.unwrap_err().to_string();
        assert_eq!(shown, "a double gave no token: no identity");
    }
    assert!(
        credentials.token(SCOPE).await.is_ok(),
        "who comes later asks"
    );
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_when_less_than_five_minutes_are_left() {
    for (seconds_left, requests) in [(310, 1), (290, 2)] {
        let (script, credentials) = Script::of([Ok(seconds_left)]);
        credentials.token(SCOPE).await.unwrap();
        long_since(&credentials, SCOPE).await;
        credentials.token(SCOPE).await.unwrap();
        assert_eq!(script.asked(), requests, "{seconds_left} s left");
    }
}

#[tokio::test]
async fn the_old_token_is_kept_while_renewals_fail_and_not_beyond_its_end() {
    let (script, credentials) = Script::of([Ok(200), Err("down"), Err("down")]);
    let old = text(&credentials.token(SCOPE).await.unwrap());
    long_since(&credentials, SCOPE).await;
    for _ in 0..3 {
        assert_eq!(text(&credentials.token(SCOPE).await.unwrap()), old);
    }
    assert_eq!(script.asked(), 2, "one renewal that failed, then a pause");
    long_since(&credentials, SCOPE).await;
    assert_eq!(text(&credentials.token(SCOPE).await.unwrap()), old);
    assert_eq!(script.asked(), 3);
    let (_, credentials) = Script::of([Ok(-1), Err("down")]);
    credentials.token(SCOPE).await.unwrap(); // what was just given is for the service to judge
    assert!(credentials.token(SCOPE).await.is_err());
}

/// As if the last request had been a while ago.
async fn long_since(credentials: &Credentials, scope: &str) {
    let slot = credentials.slot(scope);
    slot.lock().await.last = None;
}

#[tokio::test]
async fn a_refused_token_is_asked_for_anew_once_whoever_reports_it() {
    let (script, credentials) = Script::of([]);
    let refused = credentials.token(SCOPE).await.unwrap();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (credentials, refused) = (credentials.clone(), refused.clone());
            tokio::spawn(async move {
                credentials.refused(SCOPE, &refused).await;
                credentials.token(SCOPE).await.unwrap()
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(
            text(&caller.await.unwrap()),
            format!("Bearer token 2 for {SCOPE}")
        );
    }
    assert_eq!(script.asked(), 2);
    assert_eq!(
        script.made(),
        2,
        "the library keeps tokens by the credential"
    );
}

#[tokio::test]
async fn whoever_waits_shares_a_token_too_that_this_machines_clock_takes_for_old() {
    let (script, credentials) = Script::of([Ok(-5), Ok(-5)]);
    assert!(fifty(&credentials).await.iter().all(Result::is_ok));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn where_every_token_is_refused_not_every_call_asks_for_another() {
    let (script, credentials) = Script::of([]);
    for _ in 0..20 {
        let token = credentials.token(SCOPE).await.unwrap();
        credentials.refused(SCOPE, &token).await;
        credentials.token(SCOPE).await.unwrap();
    }
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn each_scope_has_a_token_of_its_own() {
    let (script, credentials) = Script::of([]);
    let one = credentials.token(SCOPE).await.unwrap();
    let other = credentials.token(OTHER_SCOPE).await.unwrap();
    assert_ne!(text(&one), text(&other));
    credentials.refused(OTHER_SCOPE, &one).await; // not the token of that scope
    credentials.token(OTHER_SCOPE).await.unwrap();
    assert_eq!(script.asked(), 2);
    assert!(text(&one).ends_with(SCOPE) && text(&other).ends_with(OTHER_SCOPE));
}

/// Entra ID's sign-in endpoint: records, and answers with what the test says.
#[derive(Debug)]
struct SignIn {
    status: u16,
    body: &'static str,
    requests: Mutex<Vec<(String, String)>>,
}

#[async_trait::async_trait]
impl HttpClient for SignIn {
    async fn execute_request(&self, request: &Request) -> azure_core_1::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Body::SeekableStream(_) => panic!("a stream"),
        };
        let seen = (request.url().to_string(), body);
        self.requests.lock().unwrap().push(seen);
        let headers = Headers::default();
        let answer = AsyncRawResponse::from_bytes(self.status.into(), headers, self.body);
        Ok(answer)
    }
}

fn sign_in(status: u16, body: &'static str) -> Arc<SignIn> {
    Arc::new(SignIn {
        status,
        body,
        requests: Mutex::default(),
    })
}

const GIVEN: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"eyJ.given.token"}"#;
const SECRET: &str = "client~secret";

fn application(authority_host: Option<&str>) -> Application {
    Application {
        tenant_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        client_id: "66666666-7777-8888-9999-aaaaaaaaaaaa".to_owned(),
        authority_host: authority_host.map(|host| host.parse().unwrap()),
    }
}

fn client_secret(authority_host: Option<&str>) -> IdentitySettings {
    IdentitySettings::ClientSecret {
        application: application(authority_host),
        secret: SECRET.to_owned().into(),
    }
}

#[tokio::test]
async fn a_client_secret_signs_in_at_its_clouds_authority() {
    for (authority_host, start) in [
        (None, "https://login.microsoftonline.com/1111"),
        (
            Some("https://login.microsoftonline.us/"),
            "https://login.microsoftonline.us/1111",
        ),
    ] {
        let entra = sign_in(200, GIVEN);
        let credentials = Credentials::over(&client_secret(authority_host), entra.clone());
        let token = credentials.token(SCOPE).await.unwrap();
        assert_eq!(text(&token), "Bearer eyJ.given.token");
        credentials.token(SCOPE).await.unwrap();
        let requests = entra.requests.lock().unwrap();
        let [(url, body)] = &requests[..] else {
            panic!("{requests:?}")
        };
        assert!(
            url.starts_with(start) && url.ends_with("/oauth2/v2.0/token"),
            "{url}"
        );
        for part in [
            "client_id=66666666-",
            "client_secret=client%7Esecret",
            "client_credentials",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
    }
}

#[tokio::test]
async fn workload_identity_shows_the_issuers_token_for_ours() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "issuers-token").unwrap();
    let entra = sign_in(200, GIVEN);
    let settings = IdentitySettings::WorkloadIdentity {
        application: application(None),
        token_file: file.path().to_owned(),
    };
    let credentials = Credentials::over(&settings, entra.clone());
    credentials.token(SCOPE).await.unwrap();
    let body = entra.requests.lock().unwrap()[0].1.clone();
    assert!(body.contains("client_assertion=issuers-token"), "{body}");
    assert_eq!(credentials.describe(), "workload identity 66666666…");
    drop(file);
    let lost = Credentials::over(&settings, sign_in(200, GIVEN));
    let shown = lost.token(SCOPE).await.unwrap_err().to_string();
    assert!(
        shown.contains("failed to read federated token from file"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_entra_says_is_told_in_one_line_without_the_secret() {
    let refusal = r#"{"error":"invalid_client","error_codes":[7000215],
        "error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 3f; you sent client_secret=client%7Esecret, client~secret"}"#;
    let entra = sign_in(401, refusal);
    let credentials = Credentials::over(&client_secret(None), entra.clone());
    let error = credentials.token(SCOPE).await.unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.starts_with("client secret of application 66666666… gave no token: "),
        "{shown}"
    );
    assert!(
        shown.contains("AADSTS7000215: Invalid client secret provided."),
        "{shown}"
    );
    let debug = format!("{error:?} {credentials:?} {:?}", client_secret(None));
    assert!(!debug.contains(SECRET) && !shown.contains(SECRET) && !shown.contains('\n'));
    assert!(!shown.contains("client%7Esecret"), "{shown}");
    assert_eq!(
        entra.requests.lock().unwrap().len(),
        1,
        "a refusal is not sent again"
    );
}

#[tokio::test]
async fn a_sign_in_that_fails_is_sent_three_times_and_not_for_a_minute() {
    let began = Instant::now();
    let entra = sign_in(503, "{}");
    let credentials = Credentials::over(&client_secret(None), entra.clone());
    assert!(credentials.token(SCOPE).await.is_err());
    assert_eq!(entra.requests.lock().unwrap().len(), 3);
    assert!(began.elapsed() < LONGEST_REQUEST);
}

#[tokio::test]
async fn no_form_of_a_token_shows_it() {
    let credentials = Credentials::over(&client_secret(None), sign_in(200, GIVEN));
    let token = credentials.token(SCOPE).await.unwrap();
    let shown = format!("{token:?} {credentials:?} {:?}", token.bearer());
    assert!(!shown.contains("given"), "{shown}");
    assert!(token.is_in("Bearer eyJ.given.token is not right") && !token.is_in("is not right"));
}
