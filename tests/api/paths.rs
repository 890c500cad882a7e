//! Paths and methods as the Functions host matches them, errors everywhere in one form.

use crate::service::{Answer, Service, client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn paths_match_in_any_letter_case_and_with_a_trailing_slash() {
    let service = Service::start(&[]).await;
    for path in [
        "/api/getImages",
        "/API/GETIMAGES",
        "/Api/getimages/",
        "/api/getImages?",
        "/api/getImages/?limit=1",
        "/api/getchatgptsuggestion",
        "/api/GenerateSasToken",
        "/api/HEALTH/",
        "/",
    ] {
        assert_eq!(service.get(path).await.status, 200, "{path}");
    }
    let post = client().post(format!("{}/API/generateimage/", service.base()));
    let answer = Answer::of(post.body("{\"prompt\":\"a\",\"size\":\"64x64\"}")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let service = Service::start(&[]).await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/getImages",
        "/api/getImages/x",
        "/api/files",
    ] {
        service.get(path).await.assert_problem(404, "not_found");
    }
    let wrong = service.get("/api/generateImage").await;
    let problem = wrong.assert_problem(405, "method_not_allowed");
    assert_eq!(problem["allowed"], "POST");
    assert_eq!(wrong.header("allow"), "POST");
}

#[tokio::test]
async fn the_hosts_invocation_id_is_the_requests_id() {
    let service = Service::start(&[]).await;
    let ask = client().get(format!("{}/api/nothing", service.base()));
    let ask = ask
        .header("x-azure-functions-invocationid", "callers-own")
        .header(
            "x-azure-functions-invocationid",
            "11111111-2222-3333-4444-555555555555",
        );
    let problem = Answer::of(ask).await.assert_problem(404, "not_found");
    assert_eq!(problem["requestId"], "11111111-2222-3333-4444-555555555555");
}

#[tokio::test]
async fn a_misconfigured_service_lives_and_says_so() {
    let service = Service::start_misconfigured().await;
    assert_eq!(service.get("/").await.status, 200);
    for path in [
        "/api/getImages",
        "/api/health",
        "/api/generateSASToken",
        "/api/files/x",
    ] {
        let problem = service.get(path).await.assert_problem(503, "misconfigured");
        assert_eq!(problem["imageUrls"], serde_json::json!([]));
    }
    service
        .post("{}", &[])
        .await
        .assert_problem(503, "misconfigured");
}

#[tokio::test]
async fn pages_of_named_origins_may_call_and_of_others_not() {
    let service = Service::start(&[("CORS_ORIGINS", "https://a.example")]).await;
    let preflight = |origin: &'static str| {
        client()
            .request(
                reqwest::Method::OPTIONS,
                format!("{}/api/generateImage", service.base()),
            )
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
    };
    let allowed = Answer::of(preflight("https://a.example")).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://a.example"
    );
    assert!(
        allowed
            .header("access-control-allow-methods")
            .contains("POST")
    );
    let refused = Answer::of(preflight("https://b.example")).await;
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let ask = client().get(format!("{}/api/nothing", service.base()));
    let error = Answer::of(ask.header("origin", "https://a.example")).await;
    assert_eq!(
        error.header("access-control-allow-origin"),
        "https://a.example",
        "errors too"
    );
    let silent = Service::start(&[]).await;
    let ask = client().get(format!("{}/api/getImages", silent.base()));
    let answer = Answer::of(ask.header("origin", "https://a.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn bytes_that_are_no_http_harm_nobody() {
    let service = Service::start(&[]).await;
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /api/generateImage HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    ] {
        let mut connection = tokio::net::TcpStream::connect(service.address()).await.unwrap();
        connection.write_all(bytes).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!(service.get("/api/getImages").await.status, 200);
}
