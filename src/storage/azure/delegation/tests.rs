//! Keys from a double of the service: when one is asked for, and what becomes of signatures when
//! none comes.

use super::*;
use crate::{
    credentials::Credentials,
    storage::{Role, azure::RetrySettings},
};
use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use azure_core_1::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};
use time::macros::datetime;
use tokio::task::AbortHandle;

const NOON: OffsetDateTime = datetime!(2026-11-21 12:00:00 UTC);

/// What the service does with a request; a key where nothing is said.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Key,
    Status(u16, &'static str),
    Text(&'static str),
    Silent,
}

#[derive(Debug, Default)]
struct Seen {
    script: VecDeque<Answer>,
    /// Path with query, headers as text, body.
    requests: Vec<(String, String, String)>,
}

struct Service {
    seen: Arc<Mutex<Seen>>,
    keys: Arc<DelegationKeys>,
    server: AbortHandle,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Service {
    async fn start(script: &[Answer]) -> Self {
        Self::start_with(script, |_| {}).await
    }

    async fn start_with(script: &[Answer], change: impl FnOnce(&mut AzureSettings)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seen = Arc::new(Mutex::new(Seen::default()));
        seen.lock().unwrap().script.extend(script);
        let shared = seen.clone();
        let double = Router::new().fallback(move |request| answer(shared.clone(), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, double).into_future()).abort_handle();
        let mut settings = settings(&format!("http://{address}/acct"));
        change(&mut settings);
        let keys = Arc::new(keys(settings));
        Self { seen, keys, server }
    }

    fn script(&self, answers: &[Answer]) {
        self.seen.lock().unwrap().script.extend(answers);
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().requests.len()
    }

    async fn key(&self, now: OffsetDateTime) -> Result<Arc<DelegationKey>, StorageError> {
        self.keys.key(now).await
    }
}

async fn answer(seen: Arc<Mutex<Seen>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let answer = {
        let mut seen = seen.lock().unwrap();
        let headers = format!("{:?}", parts.headers);
        let request = (parts.uri.to_string(), headers, body.clone());
        seen.requests.push(request);
        seen.script.pop_front().unwrap_or(Answer::Key)
    };
    match answer {
        Answer::Key => key_xml(&body).into_response(),
        Answer::Text(text) => text.into_response(),
        Answer::Status(status, code) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("x-ms-error-code", code)]).into_response()
        }
        Answer::Silent => std::future::pending().await,
    }
}

/// Just what Azurite answers; it has none of the service's own headers there.
fn key_xml(body: &str) -> String {
    let between = |open: &str, close: &str| {
        let (_, rest) = body.split_once(open).unwrap();
        rest.split_once(close).unwrap().0.to_owned()
    };
    let (start, expiry) = (between("<Start>", "</"), between("<Expiry>", "</"));
    format!(
        "<?xml version=\"1.0\"?><UserDelegationKey><SignedOid>o</SignedOid>\
         <SignedTid>t</SignedTid><SignedStart>{start}</SignedStart>\
         <SignedExpiry>{expiry}</SignedExpiry><SignedService>b</SignedService>\
         <SignedVersion>2025-05-05</SignedVersion><Value>c2VjcmV0</Value></UserDelegationKey>"
    )
}

fn settings(endpoint: &str) -> AzureSettings {
    AzureSettings {
        account: "acct".to_owned(),
        endpoint: endpoint.parse().unwrap(),
        images_container: "images".to_owned(),
        state_container: "state".to_owned(),
        request_timeout: Duration::from_secs(20),
        longest_put: Duration::from_secs(60),
        retries: RetrySettings {
            first_delay: Duration::from_millis(1),
            ..RetrySettings::default()
        },
    }
}

fn keys(settings: AzureSettings) -> DelegationKeys {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let issued = Arc::new(AtomicUsize::new(0));
    let make = move || {
        let credential = Numbered(issued.clone());
        Ok(Arc::new(credential) as Arc<dyn TokenCredential>)
    };
    let credentials = Credentials::new("a test", Box::new(make));
    DelegationKeys::new(http, settings, Bearer(Arc::new(credentials)), 30)
}

/// Tokens with numbers, so that a new one shows.
#[derive(Debug)]
struct Numbered(Arc<AtomicUsize>);

#[async_trait::async_trait]
impl TokenCredential for Numbered {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core_1::Result<AccessToken> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let expires_on = OffsetDateTime::now_utc() + time::Duration::hours(1);
        Ok(AccessToken::new(format!("token-{number}"), expires_on))
    }
}

fn cause(error: &StorageError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[tokio::test]
async fn a_key_is_asked_for_once_in_its_slot_whoever_wants_it() {
    let service = Service::start(&[]).await;
    let all = (0..20).map(|minutes| service.key(NOON + time::Duration::minutes(minutes)));
    let keys = futures_util::future::try_join_all(all).await.unwrap();
    assert!(keys.iter().all(|key| Arc::ptr_eq(key, &keys[0])));
    assert_eq!(keys[0].starts_at, NOON - time::Duration::minutes(15));
    assert_eq!(keys[0].version, "2025-05-05");
    let seen = service.seen.lock().unwrap();
    let [(uri, headers, body)] = seen.requests.as_slice() else {
        panic!("{:?}", seen.requests);
    };
    assert_eq!(uri, "/acct/?restype=service&comp=userdelegationkey");
    for header in [
        "\"x-ms-version\": \"2022-11-02\"",
        "\"x-ms-date\": ",
        "Bearer token-0",
    ] {
        assert!(headers.contains(header), "{header}: {headers}");
    }
    assert!(
        body.contains("<Start>2026-11-21T11:45:00Z</Start>"),
        "{body}"
    );
    assert!(
        body.contains("<Expiry>2026-11-21T19:45:00Z</Expiry>"),
        "{body}"
    );
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let refused = Answer::Status(401, "InvalidAuthenticationInfo");
    let service = Service::start(&[refused]).await;
    service.key(NOON).await.unwrap();
    let tokens: Vec<bool> = {
        let seen = service.seen.lock().unwrap();
        let numbered = seen.requests.iter().enumerate();
        numbered
            .map(|(number, (_, headers, _))| headers.contains(&format!("token-{number}")))
            .collect()
    };
    assert_eq!(tokens, [true, true]);
    let service = Service::start(&[refused; 5]).await;
    let error = service.key(NOON).await.unwrap_err();
    let is_denied = matches!(
        error,
        StorageError::Denied {
            missing_role: None,
            ..
        }
    );
    assert!(is_denied, "{error:?}");
    assert_eq!(service.count(), 2);
}

#[tokio::test]
async fn who_lacks_the_role_is_told_which() {
    let service = Service::start(&[Answer::Status(403, "AuthorizationPermissionMismatch")]).await;
    let error = service.key(NOON).await.unwrap_err();
    let StorageError::Denied { missing_role, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*missing_role, Some(Role::BlobDelegator));
    assert!(
        cause(&error).contains("Storage Blob Delegator"),
        "{error:?}"
    );
    assert_eq!(service.count(), 1, "it is not asked again");
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_is_no_key_is_an_error() {
    let service = Service::start(&[Answer::Status(503, "ServerBusy"), Answer::Text("<x>")]).await;
    service.key(NOON).await.unwrap();
    assert_eq!(service.count(), 3);
    for (garbage, told) in [
        ("<html><body>Sign in</body></html>", "it has no Value"),
        ("<a></b>", "it is not XML"),
    ] {
        let service = Service::start(&[Answer::Text(garbage); 4]).await;
        let error = service.key(NOON).await.unwrap_err();
        assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
        assert!(cause(&error).contains(told), "{error:?}");
        assert_eq!(service.count(), 4);
    }
}

#[tokio::test]
async fn a_key_that_ends_before_its_slot_is_asked_for_anew_and_one_that_signs_nothing_is_an_error()
{
    const SHORT: &str = "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid>\
        <SignedStart>2026-11-21T11:45:00Z</SignedStart>\
        <SignedExpiry>2026-11-21T14:00:00Z</SignedExpiry><SignedService>b</SignedService>\
        <SignedVersion>2022-11-02</SignedVersion><Value>c2VjcmV0</Value></UserDelegationKey>";
    let service = Service::start(&[Answer::Text(SHORT)]).await;
    let at = |hour| NOON.replace_hour(hour).unwrap();
    assert!(service.key(at(12)).await.unwrap().serves(at(12), 30));
    assert!(service.key(at(15)).await.unwrap().serves(at(15), 30));
    assert_eq!(service.count(), 2);
    let service = Service::start(&[Answer::Text(SHORT); 4]).await;
    let error = service.key(at(16)).await.unwrap_err();
    assert!(cause(&error).contains("signs nothing now"), "{error:?}");
}

#[tokio::test]
async fn all_who_wait_for_a_key_that_does_not_come_share_its_failure() {
    let longest = Duration::from_millis(400);
    let service = Service::start_with(&[Answer::Silent], |settings| {
        settings.longest_put = longest;
    })
    .await;
    let began = Instant::now();
    let all = (0..10).map(|_| service.key(NOON));
    for outcome in futures_util::future::join_all(all).await {
        assert!(
            matches!(outcome, Err(StorageError::Failed { .. })),
            "{outcome:?}"
        );
    }
    assert!(began.elapsed() < longest * 5);
    assert_eq!(service.count(), 1);
    service.key(NOON).await.unwrap(); // who comes later asks anew
}

#[tokio::test]
async fn a_key_that_is_not_renewed_signs_as_long_as_it_outlives_what_it_signs() {
    let busy = Answer::Status(403, "AuthorizationFailure");
    let service = Service::start(&[Answer::Key, busy]).await;
    let before = service
        .key(NOON - time::Duration::minutes(1))
        .await
        .unwrap();
    let old = service.key(NOON).await.unwrap();
    assert!(Arc::ptr_eq(&before, &old));
    assert_eq!(service.count(), 2);
    let soon = service
        .key(NOON + time::Duration::seconds(29))
        .await
        .unwrap();
    assert!(Arc::ptr_eq(&before, &soon));
    assert_eq!(service.count(), 2, "it is not asked each time");
    service.script(&[busy]);
    let late = NOON + time::Duration::minutes(75);
    let error = service.key(late).await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
    let new = service.key(late).await.unwrap();
    assert_eq!(new.starts_at, NOON - time::Duration::minutes(15));
    assert!(Arc::ptr_eq(&new, &service.key(NOON).await.unwrap()));
}

#[tokio::test]
async fn while_one_renews_a_key_the_others_sign_with_the_old_one() {
    let service = Service::start_with(&[Answer::Key, Answer::Silent], |settings| {
        settings.request_timeout = Duration::from_secs(2);
    })
    .await;
    let old = service
        .key(NOON - time::Duration::minutes(1))
        .await
        .unwrap();
    let keys = service.keys.clone();
    let renewing = tokio::spawn(async move { keys.key(NOON).await });
    while service.count() < 2 {
        tokio::task::yield_now().await;
    }
    let asked = service.key(NOON).await.unwrap();
    assert!(!renewing.is_finished(), "it did not wait");
    assert!(Arc::ptr_eq(&old, &asked));
    let renewed = renewing.await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&old, &renewed), "there was no answer in time");
}

#[tokio::test]
async fn a_token_is_not_sent_over_http_to_another_machine() {
    let error = keys(settings("http://192.0.2.1/acct")).key(NOON).await;
    let error = error.unwrap_err();
    assert!(cause(&error).contains("not sent over http"), "{error:?}");
}
