//! `GET /api/files/…`: the folder store's images behind their signatures.

use crate::{
    azurite,
    service::{Answer, Service, client, open},
};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn stored(service: &Service, prompt: &str) -> (String, Vec<u8>) {
    let body = json!({"prompt": prompt, "size": "64x64"});
    let image = service.generate(&body).await.json()["imageList"][0].clone();
    let url = image["url"].as_str().unwrap().to_owned();
    let whole = Answer::of(client().get(&url)).await;
    assert_eq!(whole.status, 200);
    (url, whole.body)
}

#[tokio::test]
async fn an_image_opens_whole_in_parts_and_by_its_head() {
    let service = Service::start(&[]).await;
    let (url, bytes) = stored(&service, "a").await;
    let head = Answer::of(client().head(&url)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    assert_eq!(head.header("x-content-type-options"), "nosniff");
    assert!(head.header("cache-control").contains("immutable"));
    let name = url.split(['/', '?']).find(|part| part.ends_with(".png"));
    let expected = format!("inline; filename=\"{}\"", name.unwrap());
    assert_eq!(head.header("content-disposition"), expected);
    let ranged = Answer::of(client().head(&url).header("range", "bytes=0-1")).await;
    assert_eq!(ranged.status, 200, "ranges are for GET");
    let end = bytes.len() - 1;
    for (range, part) in [
        ("bytes=0-7".to_owned(), &bytes[..8]),
        ("bytes=8-".to_owned(), &bytes[8..]),
        ("bytes=-4".to_owned(), &bytes[end - 3..]),
        (format!("bytes=8-{}", end + 100), &bytes[8..]),
    ] {
        let answer = Answer::of(client().get(&url).header("range", &range)).await;
        assert_eq!((answer.status, &answer.body[..]), (206, part), "{range}");
        assert!(
            answer
                .header("content-range")
                .ends_with(&format!("/{}", bytes.len()))
        );
    }
    let beyond = format!("bytes={}-", bytes.len());
    let answer = Answer::of(client().get(&url).header("range", beyond)).await;
    assert_eq!(answer.status, 416);
    assert_eq!(
        answer.header("content-range"),
        format!("bytes */{}", bytes.len())
    );
}

#[tokio::test]
async fn conditions_spare_the_second_transfer() {
    let service = Service::start(&[]).await;
    let (url, bytes) = stored(&service, "a").await;
    let etag = Answer::of(client().head(&url))
        .await
        .header("etag")
        .to_owned();
    let ask = async |name: &str, value: &str, range: &str| {
        Answer::of(
            client()
                .get(&url)
                .header(name, value)
                .header("range", range),
        )
        .await
    };
    let unchanged = ask("if-none-match", &etag, "bytes=0-1").await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(
        ask("if-none-match", "\"other\"", "bytes=0-1").await.status,
        206
    );
    assert_eq!(ask("if-range", &etag, "bytes=0-1").await.status, 206);
    let changed = ask("if-range", "\"other\"", "bytes=0-1").await;
    assert_eq!((changed.status, changed.body), (200, bytes));
}

#[tokio::test]
async fn nothing_opens_without_its_own_valid_signature() {
    let service = Service::start(&[]).await;
    let (first, _) = stored(&service, "first").await;
    let (second, _) = stored(&service, "second").await;
    let (path, signature) = first.split_once('?').unwrap();
    let foreign = second.split_once('?').unwrap().1;
    let longer = signature.replace("sp=r", "sp=rw");
    let other_time = signature.replace("se=2", "se=3");
    let without_sig = signature.split("&sig=").next().unwrap();
    for query in [foreign, &longer, &other_time, without_sig, "sig=", ""] {
        let answer = Answer::of(client().get(format!("{path}?{query}"))).await;
        answer.assert_problem(403, "signature_rejected");
    }
    let put = Answer::of(client().put(&first).body("x")).await;
    put.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn no_path_leaves_the_folder() {
    let service = Service::start(&[("SAS_PERMISSIONS", "r")]).await;
    let token = service.get("/api/generateSASToken").await.text();
    for path in [
        "..%2F..%2Fsigning.key",
        "%2e%2e/signing.key",
        "gallery%2F..%2F..%2Fsigning.key",
        "%00",
    ] {
        let answer = service.get(&format!("/api/files/{path}?{token}")).await;
        assert!(
            matches!(answer.status, 403 | 404),
            "{path} gave {}",
            answer.status
        );
    }
    // Clients tidy such a path up before they send it, so it goes by hand.
    for path in [
        "%2e%2e/signing.key",
        "../signing.key",
        "%FF",
        "gallery/../../signing.key",
    ] {
        let request = format!("GET /api/files/{path}?{token} HTTP/1.0\r\n\r\n");
        let mut connection = tokio::net::TcpStream::connect(service.address())
            .await
            .unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let refused = ["HTTP/1.0 403", "HTTP/1.0 404"]
            .iter()
            .any(|start| answer.starts_with(start));
        assert!(
            refused && answer.contains("application/problem+json"),
            "{path}: {answer}"
        );
    }
    let missing = service
        .get(&format!("/api/files/gallery/none.png?{token}"))
        .await;
    missing.assert_problem(404, "not_found");
    let folder = service.get(&format!("/api/files/gallery?{token}")).await;
    folder.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_foreign_web_page_in_the_folder_can_do_nothing() {
    let service = Service::start(&[]).await;
    let page = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for (name, expected) in [
        ("page.html", "application/octet-stream"),
        ("page.svg", "application/octet-stream"),
        ("page.png", "image/png"),
        ("Füchse.avif", "image/avif"),
    ] {
        std::fs::write(service.folder().join("images").join(name), page).unwrap();
        let token = service.get("/api/generateSASToken").await.text();
        let opened = service.get(&format!("/api/files/{name}?{token}")).await;
        assert_eq!(opened.status, 200, "{name}");
        assert_eq!(opened.header("content-type"), expected, "{name}");
        let disposition = opened.header("content-disposition");
        assert!(
            disposition.starts_with("attachment; filename="),
            "{disposition}"
        );
        assert!(opened.header("content-security-policy").contains("sandbox"));
        assert_eq!(opened.header("x-content-type-options"), "nosniff");
    }
}

/// A host that forwards requests turns some names into others, so those have addresses by id.
#[tokio::test]
async fn a_name_that_a_host_would_change_opens_by_its_id() {
    let service = Service::start(&[]).await;
    let plain = ["a red fox_1.png", "猫 + a&b;c=d|e.png"];
    let changed = [
        "100% fox_2.png",
        "a?b_3.png",
        "a#b_4.png",
        "fox_5.png ",
        "fox_6.png\n",
        "~fox_7.png",
    ];
    for name in plain.iter().chain(&changed) {
        std::fs::write(service.folder().join("images").join(name), name).unwrap();
    }
    let list = service.get("/api/getImages").await.json();
    let images = list["imageUrls"].as_array().unwrap();
    assert_eq!(images.len(), plain.len() + changed.len(), "{list}");
    for image in images {
        let (name, url) = (
            image["name"].as_str().unwrap(),
            image["url"].as_str().unwrap(),
        );
        let opened = open(url).await;
        assert_eq!(
            (opened.status, opened.text().as_str()),
            (200, name),
            "{url}"
        );
        let id = image["id"].as_str().unwrap();
        let by_id = url.contains(&format!("/api/files/~{id}?"));
        assert_eq!(by_id, changed.contains(&name), "{url}");
        let other = images[0]["id"].as_str().unwrap();
        if by_id && other != id {
            let forged = url.replace(id, other);
            open(&forged)
                .await
                .assert_problem(403, "signature_rejected");
        }
    }
}

#[tokio::test]
async fn the_signing_key_is_made_once_for_its_owner_alone() {
    let mut service = Service::start(&[]).await;
    let path = service.folder().join("signing.key");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let key = std::fs::read(&path).unwrap();
    let root = service.folder().to_str().unwrap().to_owned();
    service.stop().await;
    let again = Service::start(&[("STORAGE_DIR", &root)]).await;
    drop(again);
    assert_eq!(std::fs::read(&path).unwrap(), key);
}

#[tokio::test]
async fn with_an_account_no_files_are_served() {
    let service = Service::on_azurite(&azurite::new_container("files")).await;
    service
        .get("/api/files/x.png")
        .await
        .assert_problem(404, "not_found");
}
