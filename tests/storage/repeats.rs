//! Requests to the account are repeated after passing faults, and a write whose answer was lost
//! knows its own blob. A proxy before Azurite makes the faults.

use crate::azurite;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use visionary::storage::{
    BlobStore, Container, ListQuery, Metadata, NewBlob, PutMode, StorageError,
    azure::{AzureSettings, AzureStore, RetrySettings},
};

/// What becomes of the next request for a blob.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The service does not see it.
    Refused(u16),
    /// The service does it, and nobody hears.
    AnswerLost,
}

/// Azurite behind a proxy.
struct Faulty {
    store: AzureStore,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl Faulty {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let faults = Arc::new(Mutex::new(VecDeque::new()));
        let (script, client) = (faults.clone(), http.clone());
        let proxy = Router::new().fallback(move |request: Request| {
            let fault = match request.uri().path().matches('/').count() {
                3 => script.lock().unwrap().pop_front(), // /account/container/blob
                _ => None,
            };
            pass_on(client.clone(), request, fault)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, proxy).into_future());
        let settings = AzureSettings {
            account: azurite::ACCOUNT.to_owned(),
            key: azurite::KEY.into(),
            endpoint: format!("http://{address}/{}", azurite::ACCOUNT)
                .parse()
                .unwrap(),
            images_container: azurite::new_container("images"),
            state_container: azurite::new_container("state"),
            request_timeout: Duration::from_secs(20),
            longest_put: Duration::from_secs(60),
            retries: RetrySettings {
                max_retries: 3,
                first_delay: Duration::from_millis(1),
                ..RetrySettings::default()
            },
        };
        let store = AzureStore::new(settings, http).unwrap();
        let faulty = Self { store, faults };
        faulty.create("first.png").await.unwrap(); // makes the container
        faulty
    }

    fn script(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    async fn create(&self, name: &str) -> Result<(), StorageError> {
        let blob = NewBlob {
            bytes: name.to_owned().into(),
            content_type: "image/png".to_owned(),
            metadata: Metadata::new(),
        };
        let put = self
            .store
            .put(Container::Images, name, blob, PutMode::Create);
        put.await
    }

    async fn stored(&self) -> usize {
        let everything = ListQuery::default();
        let list = self.store.list(Container::Images, &everything);
        list.await.unwrap().items.len()
    }
}

async fn pass_on(client: reqwest::Client, request: Request, fault: Option<Fault>) -> Response {
    if let Some(Fault::Refused(status)) = fault {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let (parts, body) = request.into_parts();
    let endpoint = azurite::endpoint();
    let origin = endpoint
        .strip_suffix(&format!("/{}", azurite::ACCOUNT))
        .unwrap();
    let url = format!("{origin}{}", parts.uri);
    let mut headers = parts.headers;
    headers.remove("host");
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let forwarded = client
        .request(parts.method, url)
        .headers(headers)
        .body(body);
    let answer = forwarded.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for own in ["transfer-encoding", "connection", "keep-alive"] {
        headers.remove(own);
    }
    let body = answer.bytes().await.unwrap();
    if let Some(Fault::AnswerLost) = fault {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    (status, headers, Body::from(body)).into_response()
}

#[tokio::test]
async fn passing_faults_are_repeated_three_times() {
    let account = Faulty::start().await;
    account.script(&[
        Fault::Refused(503),
        Fault::Refused(500),
        Fault::Refused(429),
    ]);
    account.create("a.png").await.unwrap();
    account.script(&[Fault::Refused(503); 4]);
    let failed = account.create("b.png").await;
    assert!(
        matches!(failed, Err(StorageError::Failed { .. })),
        "{failed:?}"
    );
    assert!(
        account.faults.lock().unwrap().is_empty(),
        "three repeats, not fewer"
    );
    account.script(&[Fault::Refused(403)]);
    let denied = account.create("c.png").await;
    assert!(
        matches!(denied, Err(StorageError::Denied { .. })),
        "{denied:?}"
    );
    assert_eq!(account.stored().await, 2);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_knows_its_own_blob() {
    let account = Faulty::start().await;
    account.script(&[Fault::AnswerLost]);
    account.create("a.png").await.unwrap();
    assert_eq!(account.stored().await, 2);
    account.script(&[Fault::Refused(503)]);
    let other = account.create("a.png").await;
    assert!(
        matches!(other, Err(StorageError::AlreadyExists)),
        "{other:?}"
    );
}
