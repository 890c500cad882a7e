//! Who may call: where `API_KEY` is set nobody without it, but for what is open by its nature.

use crate::{
    service::{Answer, Service, client, open},
    upstream::{self, Upstream, picture},
};
use reqwest::Method;
use serde_json::json;
use visionary::{
    config::Mode,
    router::{FUNCTIONS, Function, Guard},
};

const KEY: &str = "correct horse battery";

async fn call(service: &Service, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = client().request(method, format!("{}{path}", service.base()));
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    Answer::of(ask).await
}

fn path_of(function: &Function) -> String {
    let path = function.path.replace("{id}", "eA");
    format!("/{}", path.replace("{*path}", "x"))
}

/// In both modes.
async fn services(upstream: &Upstream) -> [Service; 2] {
    let base_url = upstream.base_url();
    let settings = [("OPENAI_BASE_URL", base_url.as_str()), ("API_KEY", KEY)];
    let alone = Service::start_with(&settings, |_| {}).await;
    let handler = Service::start_with(&settings, |config| {
        config.mode = Mode::Handler;
    });
    [alone, handler.await]
}

#[tokio::test]
async fn every_function_asks_for_the_key_but_those_that_are_open() {
    let upstream = Upstream::start().await;
    for service in services(&upstream).await {
        for function in FUNCTIONS {
            let path = path_of(function);
            for method in function.methods {
                for headers in [
                    &[][..],
                    &[("x-api-key", "wrong")],
                    &[("authorization", KEY)],
                ] {
                    let answer = call(&service, method.clone(), &path, headers).await;
                    let case = format!("{method} {path} {headers:?}");
                    match (function.guard, method) {
                        (_, &Method::OPTIONS) => assert_eq!(answer.status, 204, "{case}"),
                        (Guard::Open, _) => assert_ne!(answer.status, 401, "{case}"),
                        (_, &Method::HEAD) => assert_eq!(answer.status, 401, "{case}"),
                        _ => {
                            answer.assert_problem(401, "unauthorized");
                            assert_eq!(answer.header("www-authenticate"), "Bearer", "{case}");
                        }
                    }
                }
                let bearer = format!("Bearer {KEY}");
                for headers in [[("x-api-key", KEY)], [("authorization", bearer.as_str())]] {
                    let answer = call(&service, method.clone(), &path, &headers).await;
                    assert_ne!(answer.status, 401, "{method} {path}");
                }
            }
        }
        let open: Vec<&str> = FUNCTIONS
            .iter()
            .filter(|function| function.guard == Guard::Open)
            .map(|function| function.folder)
            .collect();
        assert_eq!(open, ["health", "openapi", "files", "home"]);
        assert_eq!(call(&service, Method::GET, "/", &[]).await.status, 200);
    }
    assert_eq!(upstream.requests_to("/images/generations").len(), 0);
}

#[tokio::test]
async fn whoever_has_no_key_has_no_body_read() {
    let service = Service::start(&[("API_KEY", KEY)]).await;
    // It never comes.
    let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<&str, String>>());
    let ask = client().post(format!("{}/api/generateImage", service.base()));
    let answer = Answer::of(ask.header("content-type", "application/json").body(body)).await;
    answer.assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn preflights_show_no_key() {
    let origin = "https://page.example";
    let service = Service::start(&[("API_KEY", KEY), ("CORS_ORIGINS", origin)]).await;
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-api-key"),
    ];
    let answer = call(&service, Method::OPTIONS, "/api/generateImage", &headers).await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, origin)
    );
    // A page may read why it was refused.
    let refused = call(&service, Method::GET, "/api/getImages", &headers[..1]).await;
    refused.assert_problem(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), origin);
}

#[tokio::test]
async fn a_thumbnails_address_opens_without_the_key_and_no_other_does() {
    let service = Service::start(&[("API_KEY", KEY)]).await;
    let body = json!({"prompt": "a", "size": "64x64"});
    let made = service.generate(&body).await.json()["imageList"][0].clone();
    let given = made["thumbnailUrl"].as_str().unwrap();
    let listed = service.get("/api/getImages").await.json();
    assert_eq!(
        listed["imageUrls"][0]["thumbnailUrl"], given,
        "within one window"
    );
    let (address, query) = given.split_once('?').unwrap();
    let id = made["id"].as_str().unwrap();
    let [expires, signature] = ["expires=", "&signature="].map(|name| {
        let value = query.split_once(name).unwrap().1;
        value.split('&').next().unwrap().to_owned()
    });
    let later = expires.parse::<i64>().unwrap() + 1;
    let other_id = address.replace(id, "eA");
    for wrong in [
        address.to_owned(),
        format!("{address}?expires={expires}"),
        format!("{address}?signature={signature}"),
        format!("{address}?expires={later}&signature={signature}"),
        format!("{address}?expires={expires}&signature=AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{address}?expires={expires}&signature="),
        format!("{address}?expires=x&signature=!"),
        format!("{other_id}?{query}"),
    ] {
        open(&wrong).await.assert_problem(401, "unauthorized");
    }
    let thumbnail = open(given).await;
    assert_eq!(thumbnail.status, 307, "{}", thumbnail.text());
    assert_eq!(open(thumbnail.header("location")).await.status, 200);
    let with_key = [("x-api-key", KEY)];
    let path = format!("/api/thumbnails/{id}");
    assert_eq!(
        call(&service, Method::GET, &path, &with_key).await.status,
        307
    );
}

#[tokio::test]
async fn without_a_key_everything_is_as_open_as_it_was() {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::small_png()));
    let service = Service::over(&upstream, &[]).await;
    let made = service.generate(&json!({"prompt": "a"})).await.json();
    let thumbnail = made["imageList"][0]["thumbnailUrl"].as_str().unwrap();
    assert!(!thumbnail.contains('?'), "{thumbnail}");
    assert_eq!(open(thumbnail).await.status, 307);
    for function in FUNCTIONS.iter().filter(|it| it.guard != Guard::Owner) {
        for method in function.methods {
            let answer = call(&service, method.clone(), &path_of(function), &[]).await;
            assert_ne!(answer.status, 401, "{method} {}", function.path);
        }
    }
}
