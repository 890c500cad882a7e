//! `Prefer: respond-async`: 202 at once, and an operation that is asked about.

use super::{
    CALLS, assert_operation, fox, held_upstream, is_hexadecimal, quick_upstream, record, service,
    state_names, unfinished,
};
use crate::service::{Answer, Service, client};
use serde_json::{Value, json};
use std::collections::HashSet;
use time::OffsetDateTime;

#[tokio::test]
async fn an_operation_is_accepted_at_once_and_tells_how_far_it_is() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[("MAX_CONCURRENT_GENERATIONS", "1")]).await;
    let before = OffsetDateTime::now_utc().unix_timestamp();
    let (first, second) = (service.submit(&fox()).await, service.submit(&fox()).await);
    let after = OffsetDateTime::now_utc().unix_timestamp();
    for accepted in [&first, &second] {
        let id = accepted.operation_id();
        assert_operation(accepted, 202, &service, &id);
        assert_eq!(accepted.header("preference-applied"), "respond-async");
        assert_eq!(accepted.header("retry-after"), "5");
        let created = accepted.json()["created"].clone();
        assert!(
            (before..=after).contains(&created.as_i64().unwrap()),
            "{created}"
        );
        assert_eq!(accepted.json(), unfinished(&id, "notRunning", &created));
    }
    upstream.wait_for_requests_to(CALLS, 1).await;
    for (accepted, status) in [(&first, "running"), (&second, "notRunning")] {
        let id = accepted.operation_id();
        let asked = service.operation(&id).await;
        assert_operation(&asked, 200, &service, &id);
        assert_eq!(asked.header("retry-after"), "5");
        assert_eq!(asked.header("preference-applied"), "");
        assert_eq!(
            asked.json(),
            unfinished(&id, status, &accepted.json()["created"])
        );
    }
    gate.open();
    for accepted in [&first, &second] {
        let ended = service.ended(&accepted.operation_id()).await;
        assert_eq!(ended["status"], "succeeded", "{ended}");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn a_full_queue_accepts_nothing_more_and_frees_the_key() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.max_concurrent = 1;
        operations.max_queued = 1;
    })
    .await;
    let running = service.submit(&fox()).await;
    let queued = service.submit(&fox()).await;
    assert_eq!((running.status, queued.status), (202, 202));
    let headers = [("prefer", "respond-async"), ("idempotency-key", "third")];
    let refused = service.generate_with(&fox(), &headers).await;
    let problem = refused.assert_problem(429, "too_many_generations");
    assert_eq!(
        refused.header("retry-after"),
        problem["retryAfter"].to_string()
    );
    assert_eq!(refused.header("operation-location"), "");
    gate.open();
    service.ended(&queued.operation_id()).await;
    let another = json!({"prompt": "another"});
    let accepted = service.generate_with(&another, &headers).await;
    assert_eq!(accepted.status, 202, "the key is free: {}", accepted.text());
    service.ended(&accepted.operation_id()).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 3);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_not_written_down() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    for (body, field) in [
        (json!({}), "prompt"),
        (json!({"prompt": "a", "n": 0}), "n"),
        (json!({"prompt": "a", "outputKey": "not one"}), "outputKey"),
        (json!({"prompt": "a", "retryPaid": "yes"}), "retryPaid"),
        (json!({"prompt": "a", "size": "17x17"}), "size"), // the model's own rule
    ] {
        let refused = service.submit(&body).await;
        let problem = refused.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], field);
        assert_eq!(refused.header("operation-location"), "");
        assert_eq!(refused.header("preference-applied"), "");
    }
    assert_eq!(state_names(&service, "operations"), [""; 0]);
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
}

/// What nobody knows is neither kept in memory nor written down, for however long it waits.
#[tokio::test]
async fn an_operation_keeps_only_the_fields_that_it_needs() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    service.submit(&fox()).await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    let body = json!({"prompt": "a red fox", "quality": "high", "junk": vec![0; 300_000]});
    let queued = service.submit(&body).await.operation_id();
    let kept = json!({"prompt": "a red fox", "quality": "high", "junk": null});
    assert_eq!(record::read(&service, &queued)["fields"], kept);
    gate.open();
    let ended = service.ended(&queued).await;
    let warnings = ended["result"]["warnings"].to_string();
    assert!(warnings.contains("junk"), "{ended}");
}

#[tokio::test]
async fn an_operation_is_addressed_as_the_service_is() {
    let submit = async |service: &Service, headers: &[(&str, &str)]| {
        let headers = [&[("prefer", "respond-async")], headers].concat();
        let accepted = service.generate_with(&fox(), &headers).await;
        accepted.header("operation-location").to_owned()
    };
    let own = Service::start(&[("PUBLIC_BASE_URL", "https://pictures.example")]).await;
    let location = submit(&own, &[("x-forwarded-proto", "http")]).await;
    assert!(
        location.starts_with("https://pictures.example/api/operations/"),
        "{location}"
    );
    let requested = Service::start(&[]).await;
    let forwarded = [("host", "front.example"), ("x-forwarded-proto", "https")];
    let location = submit(&requested, &forwarded).await;
    assert!(
        location.starts_with("https://front.example/api/operations/"),
        "{location}"
    );
    // Whoever asks elsewhere is told of that address.
    let id = location.rsplit_once('/').unwrap().1;
    let asked = requested.operation(id).await;
    assert_operation(&asked, 200, &requested, id);
}

#[tokio::test]
async fn ids_cannot_be_guessed() {
    let service = Service::start(&[]).await;
    let mut chances = HashSet::new();
    for _ in 0..20 {
        let id = service.submit(&fox()).await.operation_id();
        let (moment, chance) = id.split_at(12);
        assert!(chance.len() == 32 && is_hexadecimal(&id), "{id}");
        assert!(moment.starts_with("01"), "milliseconds since 1970: {id}");
        // A version 4 UUID: all other bits are by chance.
        assert_eq!(&chance[12..13], "4", "{id}");
        assert!("89ab".contains(&chance[16..17]), "{id}");
        assert!(chances.insert(chance.to_owned()));
    }
    // No digit stays the same but those of the version and the variant.
    for position in (0..32).filter(|position| ![12, 16].contains(position)) {
        let digits: HashSet<&str> = chances
            .iter()
            .map(|chance| &chance[position..=position])
            .collect();
        assert!(digits.len() > 1, "{position}");
    }
}

#[tokio::test]
async fn what_is_no_operation_is_not_found() {
    let service = Service::start(&[]).await;
    let id = service.submit(&fox()).await.operation_id();
    service.ended(&id).await;
    let last = if id.ends_with('0') { "1" } else { "0" };
    let neighbour = format!("{}{last}", &id[..43]);
    let upper = format!("{}A", &id[..43]);
    for unknown in [
        neighbour.as_str(),
        &upper,
        &id[1..],
        &format!("{id}0"),
        "x",
        &"0".repeat(4000),
    ] {
        for answer in [
            service.operation(unknown).await,
            service.cancel(unknown).await,
        ] {
            let problem = answer.assert_problem(404, "operation_not_found");
            assert_eq!(problem.get("operationId"), None);
        }
    }
}

#[tokio::test]
async fn the_path_is_read_in_any_letter_case_and_the_id_as_it_is() {
    let service = Service::start(&[]).await;
    let id = service.submit(&fox()).await.operation_id();
    let ended = service.ended(&id).await;
    for path in ["/API/Operations/", "/api/OPERATIONS/"] {
        assert_eq!(service.get(&format!("{path}{id}/")).await.json()["id"], id);
        assert_eq!(
            service.get(&format!("{path}{id}")).await.json()["id"],
            ended["id"]
        );
    }
    let upper = service.operation(&id.to_ascii_uppercase()).await;
    upper.assert_problem(404, "operation_not_found");
}

#[tokio::test]
async fn an_operation_is_read_or_canceled() {
    let service = Service::start(&[]).await;
    let id = service.submit(&fox()).await.operation_id();
    let url = format!("{}/api/operations/{id}", service.base());
    for method in ["POST", "PUT", "PATCH"] {
        let method: reqwest::Method = method.parse().unwrap();
        let answer = Answer::of(client().request(method.clone(), &url)).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(
            answer.header("allow"),
            "GET, HEAD, OPTIONS, DELETE",
            "{method}"
        );
    }
    assert_eq!(service.ended(&id).await["status"], Value::from("succeeded"));
}
