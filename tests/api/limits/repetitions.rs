//! Repetitions that come while the first request is on its way.

use super::*;
use crate::faulty_account::{Fault, FaultyAccount, Step};
use tokio::sync::Notify;

#[tokio::test]
async fn a_repetition_that_comes_while_the_first_is_written_down_is_not_refused() {
    let (upstream, account) = (upstream().await, FaultyAccount::start().await);
    let [images, state] = ["images", "state"].map(azurite::new_container);
    let (base_url, connection) = (upstream.base_url(), account.connection_string());
    let service = Service::start(&[
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("AZURE_STORAGE_CONNECTION_STRING", &connection),
        ("IMAGES_CONTAINER", &images),
        ("STATE_CONTAINER", &state),
        ("RATE_LIMIT_PER_MINUTE", "2"),
    ])
    .await;
    assert_made(&service.generate(&fox()).await); // makes the containers
    let before = account.seen(Step::State);
    let (key, go) = ([("idempotency-key", "one")], Arc::new(Notify::new()));
    let at_once = Fault::Slow(Duration::ZERO);
    // The key is written, then the operation.
    account.script(Step::State, [at_once, Fault::Held(go.clone())]);
    let body = fox();
    let first = service.generate_with(&body, &key);
    let again = async {
        account.wait_for(Step::State, before + 2).await;
        let again = service.generate_with(&body, &key);
        let go_on = async {
            // It finds the key taken, and shares it.
            account.wait_for(Step::State, before + 4).await;
            let looks = account.seen(Step::StateRead);
            account.wait_for(Step::StateRead, looks + 1).await;
            go.notify_one();
        };
        tokio::join!(again, go_on).0
    };
    let (first, again) = tokio::join!(first, again);
    assert_made(&first);
    assert_made(&again);
    assert_eq!(again.operation_id(), first.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}
