//! `GET /api/generateSASToken`, against a real blob service.

use crate::{
    azurite,
    service::{Answer, Service, client, open},
};
use serde_json::json;

async fn service(container: &str, settings: &[(&str, &str)]) -> Service {
    let account = azurite::connection_string();
    let own = [
        ("AZURE_STORAGE_CONNECTION_STRING", account.as_str()),
        ("IMAGES_CONTAINER", container),
    ];
    Service::start(&[&own[..], settings].concat()).await
}

async fn stored_path(service: &Service) -> String {
    let body = json!({"prompt": "a", "size": "64x64"});
    let image = service.generate(&body).await.json()["imageList"][0].clone();
    let url = image["url"].as_str().unwrap();
    url.split('?').next().unwrap().to_owned()
}

async fn put(url: &str) -> u16 {
    let request = client().put(url).header("x-ms-blob-type", "BlockBlob");
    Answer::of(request.body("<html>")).await.status
}

#[tokio::test]
async fn the_token_reads_every_image_and_does_nothing_else() {
    let container = azurite::new_container("token");
    let service = service(&container, &[]).await;
    let path = stored_path(&service).await;
    let answer = service.get("/api/generateSASToken").await;
    assert!(answer.header("content-type").starts_with("text/plain"));
    let token = answer.text();
    assert!(token.contains("sr=c") && token.contains("sp=r&") && !token.starts_with('?'));
    assert_eq!(open(&format!("{path}?{token}")).await.status, 200);
    assert_eq!(put(&format!("{path}?{token}")).await, 403);
    let list = format!(
        "{}/{container}?restype=container&comp=list&{token}",
        azurite::endpoint()
    );
    assert_eq!(open(&list).await.status, 403);
    let state = format!("{}/visionary-state/x?{token}", azurite::endpoint());
    assert_eq!(open(&state).await.status, 403);
}

#[tokio::test]
async fn settings_widen_it_to_what_the_original_gave() {
    let container = azurite::new_container("wide");
    let service = service(&container, &[("SAS_PERMISSIONS", "rwc")]).await;
    let path = stored_path(&service).await;
    let token = service.get("/api/generateSASToken").await.text();
    assert!(token.contains("sp=rcw"));
    assert_eq!(put(&format!("{path}-other?{token}")).await, 201);
    let listed = service.get("/api/getImages").await.json();
    let url = listed["imageUrls"][0]["url"].as_str().unwrap().to_owned();
    assert!(
        url.contains("sp=r&") && url.contains("sr=b"),
        "images stay read only: {url}"
    );
    assert_eq!(put(&url).await, 403);
}

#[tokio::test]
async fn the_account_scope_is_the_one_of_the_originals_documentation() {
    let container = azurite::new_container("account");
    let service = service(&container, &[("SAS_SCOPE", "account")]).await;
    let path = stored_path(&service).await;
    let token = service.get("/api/generateSASToken").await.text();
    for part in ["ss=b", "srt=sco", "sp=r&"] {
        assert!(token.contains(part), "{part} in {token}");
    }
    assert_eq!(open(&format!("{path}?{token}")).await.status, 200);
}

#[tokio::test]
async fn a_folders_token_opens_its_files_the_same_way() {
    let service = Service::start(&[]).await;
    let path = stored_path(&service).await;
    let token = service.get("/api/generateSASToken").await.text();
    assert!(token.contains("sr=c") && token.contains("sp=r&"));
    assert_eq!(open(&format!("{path}?{token}")).await.status, 200);
}
