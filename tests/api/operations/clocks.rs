//! Clocks that jump: nothing is lost, paid or broken by a moment that cannot be.

use super::{CALLS, quick_upstream, record};
use crate::service::Service;
use serde_json::json;

/// The first and last moments that records, names and dates can hold, and some between.
const MILLIS: [i64; 9] = [
    0,
    1,
    -1,
    i64::MIN,
    i64::MAX,
    4_070_908_800_000,    // 2099
    253_402_300_799_999,  // the last of the year 9999
    253_402_300_800_000,  // one more
    -377_705_116_800_000, // the first of the year -9999
];

#[tokio::test]
async fn what_was_sent_at_an_impossible_moment_comes_to_an_end() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    for millis in MILLIS {
        let id = record::new_id(record::now_millis());
        let sent = record::with(record::running(&id), json!({"sentAt": millis}));
        record::write(&service, &id, sent.to_string());
        let asked = service.operation(&id).await;
        assert_eq!(asked.status, 200, "{millis}: {}", asked.text());
        assert_eq!(asked.json()["status"], "failed", "{millis}");
        let code = asked.json()["error"]["code"].clone();
        assert!(
            code == "interrupted" || code == "state_unreadable",
            "{millis}: {code}"
        );
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
}

#[tokio::test]
async fn ids_of_any_time_are_read() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    for (millis, created) in [
        (0, 0_i64),
        (4_070_908_800_000, 4_070_908_800),
        (253_402_300_799_999, 253_402_300_799),
        (0xffff_ffff_ffff, 0), // beyond the last year of dates
    ] {
        let id = record::new_id(millis);
        record::write(&service, &id, record::waiting(&id).to_string());
        let ended = service.ended(&id).await;
        assert_eq!(ended["status"], "succeeded", "{ended}");
        assert_eq!(ended["created"], created, "{millis}");
        assert_eq!(ended["expires"], created + 24 * 3600, "{millis}");
    }
    let result = record::new_id(1);
    service
        .operation(&result)
        .await
        .assert_problem(404, "operation_not_found");
}

/// Images have their time from the clock that was wrong, too.
#[tokio::test]
async fn what_another_clock_has_sent_is_not_taken_for_someone_elses_images() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let answer = service.generate(&super::fox()).await;
    let id = answer.operation_id();
    for (hours, status) in [(-2_i64, "failed"), (0, "succeeded"), (2, "failed")] {
        let millis = i64::try_from(record::now_millis()).unwrap() + hours * 3_600_000;
        let sent = record::with(record::running(&id), json!({"sentAt": millis}));
        record::write(&service, &id, sent.to_string());
        let asked = service.operation(&id).await.json();
        assert_eq!(asked["status"], status, "{hours} hours: {asked}");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}
