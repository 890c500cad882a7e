//! Contents that come in several pieces: the blob is what they make together, an account gets
//! them with a length and as often as it takes, and nothing of them is held twice.

use crate::{
    account::{Account, LARGE, SMALL, WRITES, blob, content},
    conformance::{account, conformance, folder},
    faulty_account::Fault,
};
use axum::{Router, body::to_bytes, extract::Request, http::StatusCode};
use bytes::Bytes;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use visionary::storage::{
    BlobContent, BlobStore, Container, PutMode,
    azure::{AzureSettings, AzureStore, RetrySettings},
};

conformance!(pieces_make_one_blob, the_pieces_are_no_part_of_a_version,);

/// A content, cut at these places.
fn cut(whole: &Bytes, places: &[usize]) -> BlobContent {
    let ends = places.iter().copied().chain([whole.len()]);
    let starts = [0].into_iter().chain(places.iter().copied());
    let pieces = starts.zip(ends).map(|(start, end)| whole.slice(start..end));
    pieces.collect::<Vec<_>>().into()
}

async fn pieces_make_one_blob(store: &dyn BlobStore) {
    const BLOCK: usize = 4 * 1024 * 1024;
    let cases: [(usize, &[usize]); 9] = [
        (0, &[0, 0]),
        (5, &[2]),
        (5, &[0, 0, 1, 1, 4, 5]),
        (SMALL, &[33, 34, 1_000_000]),
        (2 * BLOCK, &[BLOCK - 1]),
        (2 * BLOCK + 1, &[BLOCK, 2 * BLOCK]),
        (2 * BLOCK + 1, &[33]),
        (LARGE, &[BLOCK - 1, BLOCK + 1, 2 * BLOCK + 7]),
        (LARGE, &[1, 2, 3, 8_999_999]),
    ];
    for (number, (size, places)) in cases.into_iter().enumerate() {
        let name = format!("gallery/{number}/a.png");
        let whole = content(&name, size);
        let pieces = cut(&whole, places);
        assert_eq!(pieces.len(), size as u64);
        let put = store.put(Container::Images, &name, blob(pieces), PutMode::Create);
        put.await.unwrap();
        let found = store.get(Container::Images, &name).await.unwrap();
        assert!(found.bytes == whole, "{size} bytes cut at {places:?}");
        assert_eq!(found.metadata, blob(Bytes::new()).metadata);
    }
}

async fn the_pieces_are_no_part_of_a_version(store: &dyn BlobStore) {
    let whole = content("a.png", 1000);
    let put = async |places: &[usize], mode| {
        let new = blob(cut(&whole, places));
        let put = store.put(Container::Images, "a.png", new, mode).await;
        put.unwrap()
    };
    let first = put(&[1, 2], PutMode::Create).await;
    let found = store.get(Container::Images, "a.png").await.unwrap();
    assert_eq!(found.etag, first);
    let second = put(&[500], PutMode::Replace(first)).await;
    let found = store.get(Container::Images, "a.png").await.unwrap();
    assert_eq!((found.etag, found.bytes), (second, whole.clone()));
}

#[tokio::test]
async fn pieces_are_sent_again_as_often_as_it_takes() {
    for (step, size) in WRITES {
        for fault in [
            Fault::refused(503, "ServerBusy"),
            Fault::Reset,
            Fault::AnswerLost,
        ] {
            let account = Account::start().await;
            account.script(step, [fault.clone(), fault.clone()]);
            let new = blob(cut(&content("a.png", size), &[33, 70_000]));
            let put = account
                .store
                .put(Container::Images, "a.png", new, PutMode::Create);
            let put = put.await;
            put.unwrap_or_else(|error| panic!("{fault:?} at {step:?}: {error:?}"));
            assert_eq!(account.unmet(), 0);
            assert!(account.has_whole("a.png", size).await);
        }
    }
}

/// What an account sees of a write: its `Content-Length`, whether it is chunked, and its body.
type Seen = (Option<String>, bool, usize);

#[tokio::test]
async fn an_account_is_told_the_length_of_each_request() {
    let seen = Arc::new(Mutex::new(Vec::<Seen>::new()));
    let log = seen.clone();
    let double = Router::new().fallback(async move |request: Request| {
        let headers = request.headers().clone();
        let is_list = request
            .uri()
            .query()
            .unwrap_or_default()
            .contains("blocklist");
        let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
        if !is_list {
            let length = headers.get("content-length");
            let length = length.map(|length| length.to_str().unwrap().to_owned());
            let is_chunked = headers.contains_key("transfer-encoding");
            log.lock().unwrap().push((length, is_chunked, body.len()));
        }
        let date = "Sun, 01 Mar 2026 12:00:00 GMT";
        let headers = [
            ("etag", "\"0x1\""),
            ("last-modified", date),
            ("date", date),
            ("x-ms-request-id", "00000000-0000-0000-0000-000000000000"),
            ("x-ms-request-server-encrypted", "true"),
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ];
        (StatusCode::CREATED, headers)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, double).into_future());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = AzureSettings {
        account: crate::azurite::ACCOUNT.to_owned(),
        endpoint: format!("http://{address}/devstoreaccount1")
            .parse()
            .unwrap(),
        images_container: "images".to_owned(),
        state_container: "state".to_owned(),
        request_timeout: Duration::from_secs(20),
        longest_put: Duration::from_secs(20),
        retries: RetrySettings::default(),
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let store = AzureStore::new(settings, crate::azurite::access(), http);
    for (size, places) in [(0, vec![]), (SMALL, vec![33]), (LARGE, vec![33, 8_000_000])] {
        let new = blob(cut(&content("a.png", size), &places));
        let put = store.put(Container::Images, "a.png", new, PutMode::Create);
        put.await.unwrap();
    }
    const BLOCK: usize = 4 * 1024 * 1024;
    let sizes = [0, SMALL, BLOCK, BLOCK, LARGE - 2 * BLOCK];
    let expected = sizes.map(|size| (Some(size.to_string()), false, size));
    assert_eq!(*seen.lock().unwrap(), expected);
    server.abort();
}
