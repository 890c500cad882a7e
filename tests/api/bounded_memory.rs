//! How pictures wait for memory, and what becomes of those that cannot.

use crate::{
    azurite,
    faulty_account::{Fault, FaultyAccount, Step},
    service::{Service, client, open},
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MEBIBYTE: usize = 1024 * 1024;

/// Leaves too little of [`SMALL_MEMORY`] for another.
const LARGE: usize = 14 * MEBIBYTE;

/// The least that the setting allows.
const SMALL_MEMORY: (&str, &str) = ("IMAGE_MEMORY_MB", "16");

fn url(answer: &Value) -> String {
    answer["imageList"][0]["url"].as_str().unwrap().to_owned()
}

/// Calls that took memory from each other bit by bit would all wait in the end.
#[tokio::test]
async fn pictures_that_do_not_fit_together_are_stored_one_after_the_other() {
    let upstream = Upstream::start().await;
    let large = picture::padded_png(64, 64, 9 * MEBIBYTE);
    upstream.always_with({
        let large = large.clone();
        move |_| Answer::image(large.clone()).chunked()
    });
    let settings = [("OPENAI_IMAGE_MODEL", "dall-e-3"), SMALL_MEMORY];
    let service = Service::over(&upstream, &settings).await;
    let bodies = [1, 4, 1, 2, 1].map(|n| json!({"prompt": "a", "n": n}));
    let requests = bodies.iter().map(|body| service.generate(body));
    let answers = futures_util::future::join_all(requests).await;
    for (answer, wanted) in answers.iter().zip([1, 4, 1, 2, 1]) {
        let list = answer.json()["imageList"].as_array().map(Vec::len);
        assert_eq!(
            (answer.status, list),
            (200, Some(wanted)),
            "{}",
            answer.text()
        );
    }
    let stored = open(&url(&answers[0].json())).await;
    assert!(stored.body == large, "the very bytes are stored");
}

/// Over a memory that one large picture fills.
async fn service_of_small_memory(settings: &[(&str, &str)]) -> Service {
    let settings = [settings, &[SMALL_MEMORY]].concat();
    Service::start_with(&settings, |config| {
        config.operations.longest_queue_time = Duration::from_millis(50);
    })
    .await
}

/// Asks until there is no memory for a picture; whoever is turned away then has cost nothing.
async fn wait_until_memory_is_full(service: &Service, upstream: &Upstream) {
    let asked = || upstream.requests_to("/images/generations").len();
    let give_up = Instant::now() + Duration::from_secs(20);
    loop {
        let before = asked();
        let answer = service.generate(&json!({"prompt": "a"})).await;
        if answer.status != 200 {
            answer.assert_problem(429, "too_many_generations");
            assert_eq!(asked(), before);
            return;
        }
        assert!(Instant::now() < give_up, "the large one takes no memory");
    }
}

#[tokio::test]
async fn nothing_is_paid_while_half_read_pictures_fill_the_memory() {
    let (large, body) = (picture::padded_png(64, 64, LARGE), json!({"prompt": "a"}));
    let nearly_all = LARGE / 3 * 4 - 100_000;
    for (answer, sent) in [
        (Answer::image(large.clone()), 1000), // its head tells its length
        (Answer::image(large.clone()).chunked(), nearly_all),
    ] {
        let (upstream, gate) = (Upstream::start().await, Gate::closed());
        upstream.push(answer.paused_after(sent, &gate));
        let base_url = upstream.base_url();
        let service = service_of_small_memory(&[("OPENAI_BASE_URL", &base_url)]).await;
        let (first, ()) = tokio::join!(service.generate(&body), async {
            upstream
                .wait_for_requests_to("/images/generations", 1)
                .await;
            wait_until_memory_is_full(&service, &upstream).await;
            gate.open();
        });
        assert_eq!(first.status, 200, "{}", first.text());
    }
}

#[tokio::test]
async fn nothing_is_paid_while_half_fetched_pictures_fill_the_memory() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let large = Answer::bytes("image/png", picture::padded_png(64, 64, LARGE));
    let large = large.chunked().paused_after(LARGE - 100_000, &gate);
    let url = upstream.serve("/blob/large.png", large);
    upstream.push(Answer::image_url(&url));
    let base_url = upstream.base_url();
    let service = service_of_small_memory(&[("OPENAI_BASE_URL", &base_url)]).await;
    let body = json!({"prompt": "a"});
    let (first, ()) = tokio::join!(service.generate(&body), async {
        upstream.wait_for_requests_to("/blob/large.png", 1).await;
        wait_until_memory_is_full(&service, &upstream).await;
        gate.open();
    });
    assert_eq!(first.status, 200, "{}", first.text());
}

#[tokio::test]
async fn nothing_is_paid_while_pictures_that_wait_for_the_store_fill_the_memory() {
    let (upstream, account) = (Upstream::start().await, FaultyAccount::start().await);
    upstream.push(Answer::image(picture::padded_png(64, 64, LARGE)));
    account.script(Step::Block, [Fault::Silent]);
    let (base_url, connection) = (upstream.base_url(), account.connection_string());
    let container = azurite::new_container("memory");
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("AZURE_STORAGE_CONNECTION_STRING", &connection),
        ("IMAGES_CONTAINER", &container),
    ];
    let service = service_of_small_memory(&settings).await;
    let body = json!({"prompt": "a"});
    tokio::select! {
        first = service.generate(&body) => panic!("it was stored: {}", first.text()),
        () = async {
            while account.unmet() > 0 {
                service.get("/").await; // until the store has its first block
            }
            wait_until_memory_is_full(&service, &upstream).await;
        } => {}
    }
}

/// Whoever asks again and again and reads nothing gets no more than a part of the memory.
#[tokio::test]
async fn repeated_pictures_that_nobody_reads_do_not_fill_the_memory() {
    let upstream = Upstream::start().await;
    upstream.always(Answer::image(picture::padded_png(64, 64, LARGE)));
    let base_url = upstream.base_url();
    let service = service_of_small_memory(&[("OPENAI_BASE_URL", &base_url)]).await;
    let body = json!({"prompt": "a", "response_format": "b64_json"});
    let headers = [("idempotency-key", "one"), ("accept", "application/json")];
    let first = service.post(body.to_string(), &headers).await;
    assert_eq!(first.status, 200);
    let mut unread = Vec::new();
    for _ in 0..3 {
        let mut request = client().post(format!("{}/api/generateImage", service.base()));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // Its head alone, or the news that there is no memory.
        unread.push(request.body(body.to_string()).send().await.unwrap());
    }
    let statuses: Vec<u16> = unread.iter().map(|one| one.status().as_u16()).collect();
    assert_eq!(statuses, [200, 429, 429]);
    let paid = service.generate(&json!({"prompt": "b"})).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    assert_eq!(upstream.requests_to("/images/generations").len(), 2);
}

/// An answer that finds no memory holds up the upstream and not the process: when memory is free
/// again it is read on, and the time that it waited for us is not held against it.
#[tokio::test]
async fn an_answer_that_waits_for_memory_is_not_lost_to_its_deadline() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    let large = picture::padded_png(64, 64, 14 * MEBIBYTE);
    upstream.always(Answer::image(large).paused_after(1000, &gate));
    // The first has most of the memory, the second the overdraft, and the third has to wait.
    let service = Service::over(&upstream, &[("IMAGE_MEMORY_MB", "24")]).await;
    let body = json!({"prompt": "a"});
    let third = async {
        upstream
            .wait_for_requests_to("/images/generations", 2)
            .await;
        let hurried = json!({"prompt": "a", "timeoutMs": 1000});
        let mut third = Box::pin(service.generate(&hurried));
        let longer = Duration::from_millis(1500);
        let early = tokio::time::timeout(longer, third.as_mut()).await;
        gate.open();
        match early {
            Ok(answer) => panic!("it did not wait: {}", answer.text()),
            Err(_) => third.await,
        }
    };
    let answers = tokio::join!(service.generate(&body), service.generate(&body), third);
    for answer in [answers.0, answers.1, answers.2] {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn an_answer_in_base64_is_the_stored_picture() {
    let upstream = Upstream::start().await;
    let large = picture::padded_png(64, 64, 3 * MEBIBYTE + 1);
    upstream.always(Answer::image(large.clone()));
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a", "response_format": "b64_json"});
    let answer = service.generate(&body).await;
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    let json = answer.json();
    let text = json["imageList"][0]["b64_json"].as_str().unwrap();
    use base64::{Engine, prelude::BASE64_STANDARD};
    assert!(BASE64_STANDARD.decode(text).unwrap() == large);
}
