//! Paths and methods as the Functions host matches them, errors everywhere in one form.

use crate::service::{Answer, Service, client};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use visionary::router::{Alphabet, FUNCTIONS, Function};

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
        "/api/getImages//", // one slash at the end is none, two are not
        "/api//getImages",
        "//api/getImages",
        "/api/%67etImages",
        "/api/getImages%20",
        "/api/getImages%2F",
        "/v1/models",
        "/openai/v1/images/generations",
    ] {
        service.get(path).await.assert_problem(404, "not_found");
    }
    let wrong = service.get("/api/generateImage").await;
    let problem = wrong.assert_problem(405, "method_not_allowed");
    assert_eq!(problem["allowed"], "POST");
    assert_eq!(wrong.header("allow"), "POST");
}

/// The first path of a function, with a value that its parameter may have.
fn path_of(function: &Function) -> String {
    let path = function.path.replace("{id}", "eA");
    format!("/{}", path.replace("{*path}", "a/b"))
}

async fn ask(service: &Service, method: &Method, path: &str) -> Answer {
    let url = format!("{}{path}", service.base());
    Answer::of(client().request(method.clone(), url)).await
}

#[tokio::test]
async fn head_answers_like_get_and_options_names_the_methods_where_the_folder_has_them() {
    let service = Service::start(&[]).await;
    for function in FUNCTIONS {
        let has = |method| function.methods.contains(&method);
        let is_billable = ["generate", "getChatGPTSuggestion", "v1", "openai"];
        let reads = has(Method::GET) && !is_billable.contains(&function.folder);
        let path = path_of(function);
        assert_eq!(has(Method::HEAD), reads, "{path}");
        assert_eq!(has(Method::OPTIONS), reads, "{path}");
        if has(Method::DELETE) && !reads {
            continue; // shares its path with a folder that reads
        }
        let get = ask(&service, &Method::GET, &path).await;
        let head = ask(&service, &Method::HEAD, &path).await;
        assert!(head.body.is_empty(), "{path}");
        let options = ask(&service, &Method::OPTIONS, &path).await;
        if reads {
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!((options.status, options.body.len()), (204, 0), "{path}");
            let allowed = options.header("allow");
            assert!(allowed.starts_with("GET, HEAD, OPTIONS"), "{allowed}");
            let removes = path.contains("images/") || path.contains("operations/");
            assert_eq!(allowed.contains("DELETE"), removes, "{path}");
        } else {
            assert_eq!((head.status, options.status), (405, 405), "{path}");
        }
        assert_eq!(options.header("access-control-allow-origin"), "", "{path}");
    }
}

/// Characters of every kind: those that the host's check lets through, and those that it does not.
fn values() -> Vec<String> {
    let ascii = (0x20..0x7f_u8).map(|byte| format!("a{}b", char::from(byte)));
    let escapes = [
        "%5C",
        "%5c",
        "%2F",
        "%2f",
        "%252F",
        "%25",
        "%3F",
        "%23",
        "%20",
        "%0a",
        "%00",
        "%2e%2e",
        "%252e%252e",
        "%E7%8C%AB",
        "%ff",
        "%41",
        "%zz",
        "%",
    ];
    let escapes = escapes.iter().flat_map(|escape| {
        [
            format!("a{escape}b"),
            format!("a{escape}"),
            (*escape).to_owned(),
        ]
    });
    let paths = ["..", "../images/eA", "a//b", "猫"].map(str::to_owned);
    ascii.chain(escapes).chain(paths).collect()
}

/// Whether a function is found at a path, which is sent word for word: a client would tidy it up.
async fn reaches_a_function(service: &Service, path: &str) -> bool {
    let mut connection = tokio::net::TcpStream::connect(service.address())
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let is_unreadable = answer.starts_with("HTTP/1.1 400");
    !is_unreadable && !answer.contains("there is no function at this path")
}

/// What the host's own check of the route would say of a value, which it sees with its escapes
/// decoded but for `%2F`; `None` where there is no such path.
fn is_let_through_by_host(pattern: &str, value: &str) -> bool {
    let slashes = value.replace("%2F", "%252F").replace("%2f", "%252f");
    let decoded = percent_encoding::percent_decode_str(&slashes).decode_utf8_lossy();
    match pattern {
        r"^[0-9A-Za-z_-]+\z" => {
            let is_id = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            !decoded.is_empty() && decoded.chars().all(is_id)
        }
        r"^[^\\%]*\z" => !decoded.contains(['\\', '%']),
        unknown => panic!("the alphabet {unknown} is not known here"),
    }
}

/// What the host lets through it may turn into something else, so no more than that is let through
/// here. The alphabets are read from the function folders.
#[tokio::test]
async fn a_parameter_has_no_other_characters_than_the_host_lets_through() {
    let service = Service::start(&[]).await;
    let mut refused = 0;
    // The OpenAI surface answers 404 at every path.
    let is_tested = |it: &&Function| it.alphabet.is_some_and(|it| it != Alphabet::ApiPath);
    for function in FUNCTIONS.iter().filter(is_tested) {
        let file = format!(
            "{}/{}/function.json",
            env!("CARGO_MANIFEST_DIR"),
            function.folder
        );
        let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let route = json["bindings"][0]["route"].as_str().unwrap();
        let (before, rest) = route.split_once('{').unwrap();
        let pattern = rest.split_once(":regex(").unwrap().1;
        let pattern = pattern.strip_suffix(")}").unwrap();
        for value in values() {
            let path = format!("/{before}{value}");
            if path.contains([' ', '#']) {
                continue; // would end the path in the request's first line
            }
            let value = value.split('?').next().unwrap();
            let is_function = reaches_a_function(&service, &path).await;
            assert!(
                !is_function || is_let_through_by_host(pattern, value),
                "{path} passes here and not at the host"
            );
            refused += usize::from(!is_function);
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_only_the_owner_may_do_belongs_to_no_function_that_takes_free_text() {
    for function in FUNCTIONS {
        let changes = [Method::DELETE, Method::PATCH, Method::PUT];
        if changes
            .iter()
            .any(|method| function.methods.contains(method))
        {
            assert_eq!(function.alphabet, Some(Alphabet::Id), "{}", function.folder);
        }
    }
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
