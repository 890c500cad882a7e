//! Blobs in the state container that are none of ours: a clear answer, nothing paid, nothing
//! removed before somebody could look at it.

use super::{CALLS, found, fox, operation_file, quick_upstream, record, service, state_names};
use crate::service::Service;
use serde_json::{Value, json};
use std::time::Duration;

const KEY: (&str, &str) = ("idempotency-key", "one");

/// What a record must not be.
fn garbage(id: &str) -> Vec<Vec<u8>> {
    let of = |fields: Value| {
        record::with(record::running(id), fields)
            .to_string()
            .into_bytes()
    };
    vec![
        Vec::new(),
        b"\0\x01\xff\xfe garbage".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        record::running(id).to_string().into_bytes()[..100].to_vec(),
        vec![b'['; 100_000],
        of(json!({"id": record::new_id(record::now_millis())})),
        of(json!({"id": "../keys/x"})),
        of(json!({"id": 7})),
        of(json!({"status": "lost"})),
        of(json!({"status": null})),
        of(json!({"status": "succeeded"})), // and no result
        of(json!({"status": "succeeded", "result": {"images": "many"}})),
        of(json!({"status": "failed"})), // and no error
        of(json!({"owner": "me"})),
        of(json!({"beats": -1})),
        of(json!({"ownersLost": 1.5})),
        of(json!({"wanted": 256})),
        of(json!({"sentAt": "yesterday"})),
        of(json!({"status": "notRunning", "fields": ["prompt"]})),
    ]
}

fn problem() -> Value {
    let detail = "what is remembered of the operation cannot be read; its images may have been \
        paid for, and with retryPaid they are made, and maybe paid for, again";
    json!({
        "type": "about:blank", "title": "Internal Server Error", "status": 500,
        "code": "state_unreadable", "detail": detail, "error": detail,
    })
}

#[tokio::test]
async fn an_operation_that_cannot_be_read_has_failed_and_stays_for_inspection() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = record::new_id(record::now_millis());
    for bytes in garbage(&id) {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        record::write(&service, &id, &bytes);
        for answer in [service.operation(&id).await, service.cancel(&id).await] {
            assert_eq!(answer.status, 200, "{shown}");
            let json = answer.json();
            assert_eq!(
                (&json["status"], &json["id"]),
                (&json!("failed"), &json!(id)),
                "{shown}"
            );
            assert_eq!(json["error"], problem(), "{shown}");
        }
        assert_eq!(
            std::fs::read(operation_file(&service, &id)).unwrap(),
            bytes,
            "{shown}"
        );
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
}

#[tokio::test]
async fn a_key_whose_operation_cannot_be_read_is_paid_again_only_where_that_is_allowed() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = service.generate_with(&fox(), &[KEY]).await.operation_id();
    record::write(&service, &id, "garbage");
    let again = service.generate_with(&fox(), &[KEY]).await;
    again.assert_problem(500, "state_unreadable");
    assert_eq!(again.operation_id(), id);
    let async_headers = [KEY, ("prefer", "respond-async")];
    let accepted = service.generate_with(&fox(), &async_headers).await.json();
    assert_eq!(accepted["status"], "failed", "{accepted}");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    let allowed = json!({"prompt": "a red fox", "retryPaid": true});
    let paid = service.generate_with(&allowed, &[KEY]).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
    assert_eq!(
        std::fs::read(operation_file(&service, &id)).unwrap(),
        b"garbage"
    );
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_paid_again_only_where_that_is_allowed() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let first = service.generate_with(&fox(), &[KEY]).await.operation_id();
    let key = service
        .folder()
        .join("state/keys")
        .join(&state_names(&service, "keys")[0]);
    let holder: Value = serde_json::from_slice(&std::fs::read(&key).unwrap()).unwrap();
    assert_eq!(holder["operation"], first);
    let of = |fields: Value| {
        record::with(holder.clone(), fields)
            .to_string()
            .into_bytes()
    };
    for bytes in [
        Vec::new(),
        b"\0\xff".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        of(json!({"operation": "../operations/x"})),
        of(json!({"operation": 5})),
        of(json!({"body": null})),
        of(json!({"claim": "mine"})),
    ] {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        std::fs::write(&key, &bytes).unwrap();
        let again = service.generate_with(&fox(), &[KEY]).await;
        again.assert_problem(500, "state_unreadable");
        let async_headers = [KEY, ("prefer", "respond-async")];
        let again = service.generate_with(&fox(), &async_headers).await;
        again.assert_problem(500, "state_unreadable");
        assert_eq!(std::fs::read(&key).unwrap(), bytes, "{shown}");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    let allowed = json!({"prompt": "a red fox", "retryPaid": true});
    let paid = service.generate_with(&allowed, &[KEY]).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    let again = service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(again.operation_id(), paid.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn a_sweep_passes_over_what_is_none_of_ours() {
    let upstream = quick_upstream().await;
    let service = service(&upstream, |operations| {
        operations.first_sweep_after = Duration::from_millis(200);
        operations.sweep_pause = Duration::from_millis(50);
    })
    .await;
    let folder = service.folder().join("state");
    for folder in ["operations/below", "keys", "budgets"] {
        std::fs::create_dir_all(service.folder().join("state").join(folder)).unwrap();
    }
    let foreign = [
        "operations/notes.txt",
        "operations/000",
        "operations/below/file",
        "keys/not-a-hash",
        "budgets/2026",
        "readme",
    ];
    for name in foreign {
        std::fs::write(folder.join(name), "garbage").unwrap();
    }
    for bytes in garbage(&record::new_id(0)) {
        record::write(&service, &record::new_id(0), bytes);
    }
    // Behind all of them, in the order of names, is one to be taken up.
    let id = record::new_id(record::now_millis());
    record::write(&service, &id, record::waiting(&id).to_string());
    found("an end without a question", || async {
        service.get("/").await;
        (record::read(&service, &id)["status"] == "succeeded").then_some(())
    })
    .await;
    for name in foreign {
        assert_eq!(
            std::fs::read(folder.join(name)).unwrap(),
            b"garbage",
            "{name}"
        );
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}
