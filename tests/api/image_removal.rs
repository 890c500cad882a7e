//! `DELETE /api/images/{id}`: who may, and that nothing of the image is left.

use crate::{
    azurite,
    faulty_account::{Fault, FaultyAccount, Step},
    service::{Answer, Service, client, open},
};
use serde_json::json;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Notify;
use visionary::config::Mode;

const KEY: &str = "correct 5ecret battery";

async fn delete(service: &Service, id: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = client().delete(format!("{}/api/images/{id}", service.base()));
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    Answer::of(ask).await
}

/// The first image's id.
async fn generate(service: &Service, prompt: &str) -> String {
    let answer = service
        .generate(&json!({"prompt": prompt, "size": "64x64"}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["imageList"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn listed(service: &Service) -> usize {
    let list = service.get("/api/getImages").await.json();
    list["imageUrls"].as_array().unwrap().len()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path.to_str().unwrap().to_owned()],
        })
        .collect()
}

#[tokio::test]
async fn only_who_shows_the_key_removes() {
    let service = Service::start(&[("API_KEY", KEY)]).await;
    let id = generate(&service, "a").await;
    for headers in [
        &[][..],
        &[("x-api-key", "")],
        &[("x-api-key", "correct horse batter")],
        &[("x-api-key", "correct 5ecret battery ever")],
        &[("authorization", KEY)],
        &[("authorization", "Basic correct 5ecret battery")],
        &[("authorization", "Bearer wrong")],
        &[("x-functions-key", KEY)],
    ] {
        // An id that no image can have tells nothing to strangers either.
        for id in [id.as_str(), "_"] {
            let answer = delete(&service, id, headers).await;
            answer.assert_problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{headers:?}");
        }
    }
    assert_eq!(listed(&service).await, 1);
    let bearer = format!("Bearer {KEY}");
    for headers in [[("authorization", bearer.as_str())], [("x-api-key", KEY)]] {
        let id = generate(&service, "b").await;
        let answer = delete(&service, &id, &headers).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
    }
    assert_eq!(listed(&service).await, 1);
    let answer = delete(&service, "!", &[("x-api-key", KEY)]).await;
    answer.assert_problem(404, "not_found");
}

#[tokio::test]
async fn without_a_key_the_host_stands_guard_and_nobody_without_it() {
    let alone = Service::start(&[]).await;
    let id = generate(&alone, "a").await;
    for headers in [&[][..], &[("x-api-key", "anything")]] {
        let answer = delete(&alone, &id, headers).await;
        answer.assert_problem(403, "api_key_not_set");
    }
    assert_eq!(listed(&alone).await, 1);
    let behind_host = Service::start_with(&[], |config| config.mode = Mode::Handler).await;
    let id = generate(&behind_host, "a").await;
    assert_eq!(delete(&behind_host, &id, &[]).await.status, 204);
    assert_eq!(listed(&behind_host).await, 0);
    let both = |config: &mut visionary::config::ServiceConfig| config.mode = Mode::Handler;
    let both = Service::start_with(&[("API_KEY", KEY)], both).await;
    let id = generate(&both, "a").await;
    delete(&both, &id, &[])
        .await
        .assert_problem(401, "unauthorized");
    assert_eq!(delete(&both, &id, &[("x-api-key", KEY)]).await.status, 204);
}

#[tokio::test]
async fn a_removed_image_leaves_nothing_behind_and_is_out_of_the_list_at_once() {
    let service = Service::start_with(&[("API_KEY", KEY)], |config| {
        config.gallery.page_memory = Duration::from_secs(3600);
        config.gallery.thumbnails.delay = Duration::ZERO;
    })
    .await;
    let state = service.folder().join("state/prompts");
    let images = service.folder().join("images");
    let id = generate(&service, &"\u{732b} ".repeat(6000)).await;
    let thumbnail = service.get(&format!("/api/thumbnails/{id}")).await;
    assert_eq!(thumbnail.status, 307);
    assert_eq!(listed(&service).await, 1);
    assert_eq!((files(&images).len(), files(&state).len()), (2, 1));

    assert_eq!(
        delete(&service, &id, &[("x-api-key", KEY)]).await.status,
        204
    );
    assert_eq!(listed(&service).await, 0);
    let left = [images, state, service.folder().join("properties")].map(|it| files(&it));
    let of_image = left.concat().into_iter().filter(|path| {
        ["/gallery/8", "/thumbs/", "/prompts/"]
            .iter()
            .any(|part| path.contains(part))
    });
    assert_eq!(of_image.collect::<Vec<_>>(), Vec::<String>::new());
    for folder in ["images", "thumbnails"] {
        let answer = service.get(&format!("/api/{folder}/{id}")).await;
        answer.assert_problem(404, "not_found");
    }
    assert_eq!(open(thumbnail.header("location")).await.status, 404);
    assert_eq!(
        delete(&service, &id, &[("x-api-key", KEY)]).await.status,
        204
    );
}

#[tokio::test]
async fn an_old_image_of_an_account_is_removed_too() {
    let container = azurite::new_container("removal");
    let (account, state) = (azurite::connection_string(), format!("{container}-s"));
    let settings = [
        ("AZURE_STORAGE_CONNECTION_STRING", account.as_str()),
        ("IMAGES_CONTAINER", &container),
        ("STATE_CONTAINER", &state[..state.len().min(63)]),
        ("API_KEY", KEY),
        ("SAS_PERMISSIONS", "rcw"),
    ];
    let service = Service::start(&settings).await;
    generate(&service, "ours").await;
    let signature = service.get("/api/generateSASToken").await.text();
    let url = format!(
        "{}/{container}/old%20cat_1680000000000.png?{signature}",
        azurite::endpoint()
    );
    let put = client().put(&url).header("x-ms-blob-type", "BlockBlob");
    assert_eq!(Answer::of(put.body("x")).await.status, 201);
    let list = service.get("/api/getImages").await.json();
    let old = &list["imageUrls"][1];
    assert_eq!(old["prompt"], "old cat");
    let id = old["id"].as_str().unwrap();
    assert_eq!(
        delete(&service, id, &[("x-api-key", KEY)]).await.status,
        204
    );
    assert_eq!(listed(&service).await, 1);
    assert_eq!(open(&url).await.status, 404);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_remove_with_the_key() {
    let origin = "https://gallery.example";
    let service = Service::start(&[("CORS_ORIGINS", origin), ("API_KEY", KEY)]).await;
    let preflight = async |header: &str| {
        let url = format!("{}/api/images/x", service.base());
        let ask = client().request(reqwest::Method::OPTIONS, url);
        let ask = ask
            .header("origin", origin)
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", header);
        Answer::of(ask).await
    };
    for header in ["x-api-key", "authorization", "x-functions-key"] {
        let answer = preflight(header).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        let allowed = answer.header("access-control-allow-headers").to_lowercase();
        assert!(
            allowed.split(',').any(|it| it.trim() == header),
            "{header}: {allowed}"
        );
        let methods = answer.header("access-control-allow-methods");
        assert!(
            methods.split(',').any(|it| it.trim() == "DELETE"),
            "{methods}"
        );
    }
}

#[tokio::test]
async fn a_removal_goes_on_to_its_end_when_its_caller_has_left() {
    let account = FaultyAccount::start().await;
    let [images, state] = ["left", "left-state"].map(azurite::new_container);
    let service = Service::start(&[
        (
            "AZURE_STORAGE_CONNECTION_STRING",
            &account.connection_string(),
        ),
        ("IMAGES_CONTAINER", &images),
        ("STATE_CONTAINER", &state),
        ("API_KEY", KEY),
    ])
    .await;
    let id = generate(&service, "a").await;
    let go = Arc::new(Notify::new());
    account.script(Step::Delete, [Fault::Held(go.clone())]);
    let ask = client().delete(format!("{}/api/images/{id}", service.base()));
    let caller = tokio::spawn(ask.header("x-api-key", KEY).send());
    account.wait_for(Step::Delete, 1).await;
    caller.abort();
    // A service that stops with its caller closes its connection to the account.
    let closed = async {
        while Arc::strong_count(&go) > 1 {
            tokio::task::yield_now().await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(500), closed).await;
    go.notify_one();
    // The image's thumbnail goes last.
    account.wait_for(Step::Delete, 2).await;
}
