//! One image through the host: two folders share its path, and only the one that removes asks
//! for a key.

use super::functions_host::{FUNCTION_KEY, Mode};
use super::harness::{Gallery, in_both_modes, path_of};

in_both_modes!(
    an_image_is_told_to_all_and_removed_by_whoever_has_a_key,
    a_thumbnail_is_found_by_its_redirect,
);

async fn an_image_is_told_to_all_and_removed_by_whoever_has_a_key(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let generated = gallery.generate("a red fox").await;
    let id = generated["imageList"][0]["id"].as_str().unwrap();
    let path = format!("/api/images/{id}");
    assert_eq!(gallery.get_json(&path).await["prompt"], "a red fox");
    let remove = |key: Option<&str>| {
        let request = gallery.client.delete(gallery.url(&path));
        match key {
            Some(key) => request.header("x-functions-key", key),
            None => request,
        }
        .send()
    };
    assert_eq!(remove(None).await.unwrap().status(), 401);
    assert_eq!(remove(Some("a guess")).await.unwrap().status(), 401);
    assert_eq!(gallery.get(&path).await.status(), 200);
    for _ in 0..2 {
        assert_eq!(remove(Some(FUNCTION_KEY)).await.unwrap().status(), 204);
    }
    assert_eq!(gallery.get(&path).await.status(), 404);
    let list = gallery.get_json("/api/getImages").await;
    assert_eq!(list["imageUrls"], serde_json::json!([]));
    gallery.stop().await;
}

async fn a_thumbnail_is_found_by_its_redirect(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let generated = gallery.generate("a red fox").await;
    let id = generated["imageList"][0]["id"].as_str().unwrap();
    let found = gallery.get(&format!("/api/thumbnails/{id}")).await;
    assert_eq!(found.status(), 307);
    let location = found.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(&gallery.host.base_url), "{location}");
    let opened = gallery.get(&path_of(location)).await;
    assert_eq!(opened.status(), 200);
    assert_eq!(opened.headers()["content-type"], "image/webp");
    gallery.stop().await;
}
