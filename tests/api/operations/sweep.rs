//! Housekeeping: what is older than a day goes, by the store's clock.

use super::{CALLS, found, fox, held_upstream, quick_upstream, record, service, state_names};
use crate::service::Service;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

const HOUR: Duration = Duration::from_secs(3600);

fn make_older(file: &Path, by: Duration) {
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

fn state_files(service: &Service) -> Vec<PathBuf> {
    let root = service.folder().join("state");
    let files = |folder: &str| {
        let names = state_names(service, folder).into_iter();
        names.map(|name| root.join(folder).join(name)).collect()
    };
    let both: [Vec<PathBuf>; 2] = ["operations", "keys"].map(files);
    both.concat()
}

#[tokio::test]
async fn a_sweep_removes_what_is_older_than_a_day_and_nothing_else() {
    let upstream = quick_upstream().await;
    let service = service(&upstream, |operations| {
        operations.first_sweep_after = Duration::from_millis(500);
        operations.sweep_pause = Duration::from_millis(50);
    })
    .await;
    let old = service
        .generate_with(&fox(), &[("idempotency-key", "old")])
        .await;
    let garbage = record::new_id(1);
    record::write(&service, &garbage, "garbage");
    for file in state_files(&service) {
        make_older(&file, HOUR * 25);
    }
    let young = service
        .generate_with(&fox(), &[("idempotency-key", "young")])
        .await;
    let day_old = service.generate(&fox()).await.operation_id();
    make_older(&super::operation_file(&service, &day_old), HOUR * 23);
    let left = found("a removal", || async {
        service.get("/").await;
        let left = state_files(&service);
        (left.len() == 3).then_some(left)
    })
    .await;
    assert_eq!(left.len(), 3, "two operations and a key: {left:?}");
    service
        .operation(&old.operation_id())
        .await
        .assert_problem(404, "operation_not_found");
    service
        .operation(&garbage)
        .await
        .assert_problem(404, "operation_not_found");
    for id in [young.operation_id(), day_old] {
        assert_eq!(service.operation(&id).await.json()["status"], "succeeded");
    }
    let properties = service.folder().join("properties/state/operations");
    assert_eq!(std::fs::read_dir(properties).unwrap().count(), 2);
    // The images are the gallery's, and stay.
    assert_eq!(super::gallery_size(&service).await, 3);
    let again = service
        .generate_with(&fox(), &[("idempotency-key", "young")])
        .await;
    assert_eq!(again.operation_id(), young.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 3);
}

/// Its age is that of its last change, whatever its id says.
#[tokio::test]
async fn a_sweep_goes_by_the_stores_clock() {
    let upstream = quick_upstream().await;
    let service = service(&upstream, |operations| {
        operations.first_sweep_after = Duration::from_millis(200);
        operations.sweep_pause = Duration::from_millis(50);
    })
    .await;
    let of_1970 = record::new_id(0);
    record::write(&service, &of_1970, record::waiting(&of_1970).to_string());
    let of_2099 = record::new_id(4_070_908_800_000);
    let failed = json!({"status": "failed", "error": {}, "payment": "none", "owner": null});
    let failed = record::with(record::running(&of_2099), failed);
    record::write(&service, &of_2099, failed.to_string());
    make_older(&super::operation_file(&service, &of_2099), HOUR * 25);
    found("a removal", || async {
        service.get("/").await;
        (state_names(&service, "operations") == [of_1970.clone()]).then_some(())
    })
    .await;
    assert_eq!(service.ended(&of_1970).await["status"], "succeeded");
}

/// A folder's ages are by a clock that may jump.
#[tokio::test]
async fn a_sweep_removes_nothing_that_is_at_work() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.first_sweep_after = Duration::from_millis(50);
        operations.sweep_pause = Duration::from_millis(50);
    })
    .await;
    let id = service.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    make_older(&super::operation_file(&service, &id), HOUR * 48);
    // The sweep that removes this has had the other one before.
    let behind = record::new_id(record::now_millis() + 3_600_000);
    record::write(&service, &behind, "garbage");
    make_older(&super::operation_file(&service, &behind), HOUR * 48);
    found("a removal", || async {
        service.get("/").await;
        let left = state_names(&service, "operations");
        (!left.contains(&behind)).then_some(())
    })
    .await;
    assert_eq!(service.operation(&id).await.json()["status"], "running");
    gate.open();
    assert_eq!(service.ended(&id).await["status"], "succeeded");
}

#[tokio::test]
async fn an_operation_tells_how_long_it_is_kept() {
    let upstream = quick_upstream().await;
    let service = service(&upstream, |operations| operations.kept_for = HOUR * 2).await;
    let accepted = service.submit(&fox()).await.json();
    let created = accepted["created"].as_i64().unwrap();
    assert_eq!(accepted["expires"], created + 2 * 3600);
}
