//! `Idempotency-Key`: the same request again is the first one's result, and paid for once.

use super::{
    Account, CALLS, assert_open, fox, held_upstream, images, lasting, quick_upstream, service,
    state_names,
};
use crate::{
    service::{Answer, Service, client},
    upstream::picture,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{collections::HashSet, path::Path, time::Duration};

/// Keys of 20 requests at once are for so many callers in one second.
const AT_ONCE: usize = 20;

#[tokio::test]
async fn the_same_request_with_its_key_gets_the_first_ones_images() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let headers = [
        ("accept", "application/json"),
        (
            "idempotency-key",
            "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
        ),
    ];
    let first = service
        .post("{\"prompt\":\"a red fox\",\"quality\":\"low\"}", &headers)
        .await;
    assert_eq!(first.status, 200, "{}", first.text());
    let result = first.json();
    for body in [
        "{\"prompt\":\"a red fox\",\"quality\":\"low\"}",
        "{ \"quality\" : \"low\",\n\t\"prompt\" : \"a red f\\u006fx\" }",
        "{\"retryPaid\":false,\"quality\":\"low\",\"prompt\":\"a red fox\"}",
    ] {
        let again = service.post(body, &headers).await;
        assert_eq!(again.status, 200, "{}", again.text());
        assert_eq!(again.operation_id(), first.operation_id());
        let json = again.json();
        assert_eq!(json["object"]["requestId"], again.header("x-request-id"));
        assert_eq!(lasting(&json), lasting(&result));
        assert_open(&json, &picture::small_png()).await;
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    // Another key is another request.
    let other = [("accept", "application/json"), ("idempotency-key", "2")];
    service
        .post("{\"prompt\":\"a red fox\",\"quality\":\"low\"}", &other)
        .await;
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

/// Sends so many at once, each to the next of the services.
async fn send_all(services: &[&Service], count: usize) -> Vec<Answer> {
    let body = fox();
    let calls = (0..count).map(|index| {
        let service = services[index % services.len()];
        service.generate_with(&body, &[("idempotency-key", "one")])
    });
    join_all(calls).await
}

async fn assert_same(answers: Vec<Answer>) {
    let first = lasting(&answers[0].json());
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(lasting(&answer.json()), first);
    }
    assert_open(&answers[0].json(), &picture::small_png()).await;
}

#[tokio::test]
async fn of_many_requests_with_one_key_one_is_sent() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let services = [&service];
    let (answers, ()) = tokio::join!(send_all(&services, AT_ONCE), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        for _ in 0..20 {
            service.get("/").await;
        }
        gate.open();
    });
    assert_same(answers).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    assert_eq!(state_names(&service, "operations").len(), 1);
}

/// All of them wait for a place, and whoever gets it first does the work.
#[tokio::test]
async fn of_many_requests_with_one_key_that_wait_for_a_place_one_is_sent() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    let other = service.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let services = [&service];
    let (answers, ()) = tokio::join!(send_all(&services, AT_ONCE), async {
        for _ in 0..20 {
            service.get("/").await;
        }
        gate.open();
    });
    assert_same(answers).await;
    service.ended(&other).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn of_many_requests_with_one_key_to_two_instances_one_is_sent() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let quick = |operations: &mut visionary::operations::OperationSettings| {
        operations.poll_pause = Duration::from_millis(20);
    };
    let one = account.service(&upstream, quick).await;
    let other = account.service(&upstream, quick).await;
    let services = [&one, &other];
    let (answers, ()) = tokio::join!(send_all(&services, AT_ONCE), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        for _ in 0..20 {
            other.get("/api/health").await;
        }
        gate.open();
    });
    assert_same(answers).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    // And later, at either of them.
    assert_same(send_all(&[&other, &one], 2).await).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn while_the_first_runs_a_repetition_waits_and_is_then_told_to_come_again() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.longest_repeat_wait = Duration::from_millis(50);
    })
    .await;
    let key = [("idempotency-key", "one")];
    let body = fox();
    let (first, ()) = tokio::join!(service.generate_with(&body, &key), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        let again = service.generate_with(&body, &key).await;
        let problem = again.assert_problem(409, "idempotency_key_in_use");
        assert_eq!(again.header("retry-after"), "5");
        assert_eq!(problem["retryAfter"], 5);
        assert_eq!(problem["operationId"], again.operation_id());
        let running = service.operation(&again.operation_id()).await.json();
        assert_eq!(running["status"], "running");
        gate.open();
    });
    assert_eq!(first.status, 200, "{}", first.text());
    let again = service.generate_with(&body, &key).await;
    assert_eq!(again.operation_id(), first.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let headers = [("prefer", "respond-async"), ("idempotency-key", "one")];
    let id = service.generate_with(&fox(), &headers).await.operation_id();
    let key = [("idempotency-key", "one")];
    for ended in [false, true] {
        if ended {
            gate.open();
            service.ended(&id).await;
        }
        for body in [
            json!({"prompt": "a blue fox"}),
            json!({"prompt": "a red fox", "n": 1}),
            json!({"prompt": "a red fox", "outputKey": "pictures"}),
            json!({"prompt": "a blue fox", "retryPaid": true}),
            json!({"text": "a red fox"}),
        ] {
            let other = service.generate_with(&body, &key).await;
            let problem = other.assert_problem(422, "idempotency_key_reused");
            assert_eq!(problem["field"], "Idempotency-Key");
            assert_eq!(
                problem["allowed"],
                "a new key, or the same request as before"
            );
        }
        let url = format!("{}/api/generate", service.base());
        let other = client().post(url).body(fox().to_string());
        let other = Answer::of(other.header("idempotency-key", "one")).await;
        other.assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let long = "x".repeat(256);
    let cases: [&[&[u8]]; 6] = [
        &[b"two words"],
        &[b"tab\there"],
        &["caf\u{e9}".as_bytes()],
        &[b"\xff"],
        &[long.as_bytes()],
        &[b"one", b"one"],
    ];
    for keys in cases {
        let mut request = client()
            .post(format!("{}/api/generateImage", service.base()))
            .body(fox().to_string());
        for key in keys {
            request = request.header("idempotency-key", *key);
        }
        let problem = Answer::of(request)
            .await
            .assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], "Idempotency-Key", "{keys:?}");
        assert_eq!(
            problem["allowed"],
            "one key of 1 to 255 visible ASCII characters"
        );
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
    let longest = service
        .generate_with(&fox(), &[("idempotency-key", &long[1..])])
        .await;
    assert_eq!(longest.status, 200);
}

#[tokio::test]
async fn keys_are_free_after_a_day() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let key = [("idempotency-key", "one")];
    let first = service.generate_with(&fox(), &key).await;
    let file = service
        .folder()
        .join("state/keys")
        .join(&state_names(&service, "keys")[0]);
    let set_age = |hours: u64| {
        let written = std::time::SystemTime::now() - Duration::from_secs(hours * 3600);
        let file = std::fs::File::options().write(true).open(&file).unwrap();
        file.set_modified(written).unwrap();
    };
    set_age(23);
    let again = service.generate_with(&fox(), &key).await;
    assert_eq!(again.operation_id(), first.operation_id());
    set_age(25);
    let other = service
        .generate_with(&json!({"prompt": "another"}), &key)
        .await;
    assert_eq!(other.status, 200, "{}", other.text());
    assert_ne!(other.operation_id(), first.operation_id());
    let again = service
        .generate_with(&json!({"prompt": "another"}), &key)
        .await;
    assert_eq!(again.operation_id(), other.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn what_is_stored_tells_neither_keys_nor_callers() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let headers = [
        ("idempotency-key", "my-own-key"),
        ("authorization", "Bearer top-secret"),
        ("x-forwarded-for", "203.0.113.77"),
    ];
    let first = service.generate_with(&fox(), &headers).await;
    assert_eq!(images(&first.json()).len(), 1);
    let mut seen = HashSet::new();
    for folder in ["state", "properties/state"] {
        read_all(&service.folder().join(folder), &mut |name, text| {
            let text = format!("{name} {text}");
            for secret in ["my-own-key", "top-secret", "203.0.113", "127.0.0.1", "sig="] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
            seen.insert(name.to_owned());
        });
    }
    assert_eq!(
        seen.len(),
        4,
        "an operation and a key, and their properties: {seen:?}"
    );
}

fn read_all(folder: &Path, check: &mut impl FnMut(&str, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read_all(&path, check),
            false => check(
                path.to_str().unwrap(),
                &std::fs::read_to_string(&path).unwrap(),
            ),
        }
    }
}

#[tokio::test]
async fn paying_again_is_a_word_for_those_with_a_key() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a red fox", "retryPaid": true});
    let answer = service.generate(&body).await.json();
    let warning = "retryPaid is used with an Idempotency-Key only";
    assert_eq!(answer["warnings"], json!([warning]));
    let key = [("idempotency-key", "one")];
    let first = service.generate_with(&body, &key).await.json();
    assert_eq!(first["warnings"], Value::from([""; 0].to_vec()));
    // What has succeeded is not paid again, whoever allows it.
    let again = service.generate_with(&body, &key).await.json();
    assert_eq!(lasting(&again), lasting(&first));
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}
