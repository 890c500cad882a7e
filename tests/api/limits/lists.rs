//! Whole lists cost no money and much memory.

use crate::service::Service;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_whole_list_that_finds_no_turn_is_told_to_ask_for_pages() {
    let service = Service::start_with(&[], |config| {
        config.limits.whole_lists_at_once = 0;
        config.limits.longest_turn_wait = Duration::from_millis(1);
    })
    .await;
    let refused = service.get("/api/getImages").await;
    let problem = refused.assert_problem(429, "too_many_lists");
    assert_eq!(problem["imageUrls"], json!([]), "front ends read it");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(service.get("/api/getImages?limit=50").await.status, 200);
}

#[tokio::test]
async fn turns_are_over_with_their_lists() {
    let service = Service::start_with(&[], |config| config.limits.whole_lists_at_once = 1).await;
    for _ in 0..5 {
        assert_eq!(service.get("/api/getImages").await.status, 200);
    }
}
