//! `GET /api/getImages`: every image once, newest first, whoever stored it.

use crate::{
    azurite, frontend,
    service::{Answer, Service, client, open, open_stored},
};
use serde_json::{Value, json};
use std::fs::{File, FileTimes};
use std::time::{Duration, UNIX_EPOCH};

async fn generate(service: &Service, prompts: &[&str]) {
    for prompt in prompts {
        let answer = service
            .generate(&json!({"prompt": prompt, "size": "64x64"}))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn prompts(list: &Value) -> Vec<&str> {
    let images = list["imageUrls"].as_array().unwrap().iter();
    images
        .map(|image| image["prompt"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_empty_gallery_is_an_empty_list() {
    let folder = Service::start(&[]).await;
    let account = Service::on_azurite(&azurite::new_container("empty")).await;
    for service in [folder, account] {
        let answer = service.get("/api/getImages").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/json")
        );
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        assert_eq!(answer.json(), json!({"imageUrls": []}));
    }
}

#[tokio::test]
async fn images_come_newest_first_with_all_that_is_known() {
    let folder = Service::start(&[]).await;
    let account = Service::on_azurite(&azurite::new_container("order")).await;
    for service in [folder, account] {
        generate(&service, &["one.", "two_", "three"]).await;
        let list = service.get("/api/getImages?_=123&code=x").await.json();
        assert_eq!(
            prompts(&list),
            ["three", "two_", "one."],
            "the whole prompt, not the title"
        );
        let image = &list["imageUrls"][0];
        let mut fields: Vec<_> = image.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(
            fields,
            [
                "contentType",
                "createdAt",
                "id",
                "model",
                "name",
                "prompt",
                "size",
                "sizeBytes",
                "thumbnailUrl",
                "url"
            ]
        );
        assert_eq!(
            (&image["model"], &image["size"]),
            (&json!("demo"), &json!("64x64"))
        );
        let millis = frontend::timestamp_of(image["name"].as_str().unwrap());
        let created = image["createdAt"].as_str().unwrap();
        assert!(
            created.ends_with(&format!(".{:03}Z", millis as u64 % 1000)),
            "{created}"
        );
        let stored = open_stored(image["url"].as_str().unwrap()).await;
        assert_eq!(stored.status, 200);
        assert_eq!(stored.header("content-type"), "image/png");
        assert_eq!(stored.body.len(), image["sizeBytes"]);
        assert!(stored.header("cache-control").contains("immutable"));
    }
}

#[tokio::test]
async fn pages_give_every_image_once() {
    let folder = Service::start(&[]).await;
    let account = Service::on_azurite(&azurite::new_container("pages")).await;
    for service in [folder, account] {
        generate(&service, &["a", "b", "c", "d", "e"]).await;
        let (mut seen, mut path) = (Vec::new(), "/api/getImages?limit=2".to_owned());
        loop {
            let page = service.get(&path).await.json();
            seen.extend(prompts(&page).into_iter().map(str::to_owned));
            match page["nextCursor"].as_str() {
                Some(cursor) => path = format!("/api/getImages?limit=2&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(seen, ["e", "d", "c", "b", "a"]);
    }
}

#[tokio::test]
async fn wrong_limits_and_cursors_are_refused_with_an_empty_list() {
    let service = Service::start(&[]).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
    ] {
        let answer = service.get(&format!("/api/getImages?{query}")).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], field, "{query}");
        assert_eq!(problem["imageUrls"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn old_and_foreign_files_are_listed_in_their_place() {
    let service = Service::start(&[]).await;
    generate(&service, &["new"]).await;
    let images = service.folder().join("images");
    std::fs::create_dir_all(images.join("holiday/2020")).unwrap();
    std::fs::create_dir_all(images.join("thumbs")).unwrap();
    for name in [
        "old cat_1680000000000.png",
        "holiday/2020/beach.jpg",
        "notes.txt",
        "thumbs/t.webp",
    ] {
        std::fs::write(images.join(name), "x").unwrap();
    }
    let beach = File::open(images.join("holiday/2020/beach.jpg")).unwrap();
    let modified = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    beach
        .set_times(FileTimes::new().set_modified(modified))
        .unwrap();
    let notes = File::open(images.join("notes.txt")).unwrap();
    let modified = UNIX_EPOCH + Duration::from_secs(1_690_000_000);
    notes
        .set_times(FileTimes::new().set_modified(modified))
        .unwrap();
    let list = service.get("/api/getImages").await.json();
    assert_eq!(prompts(&list), ["new", "notes", "old cat", "beach"]);
    for image in list["imageUrls"].as_array().unwrap() {
        assert_eq!(
            open(image["url"].as_str().unwrap()).await.status,
            200,
            "{image}"
        );
    }
}

/// Names that the original, or anybody with its writing signature, could have stored.
#[tokio::test]
async fn no_blob_whoever_wrote_it_hides_the_others() {
    let container = azurite::new_container("hostile");
    let service = Service::on_azurite(&container).await;
    generate(&service, &["ours"]).await;
    let names = [
        "line%0Abreak_1680000000003.png",
        "question%3F%23_1680000000004.png",
        "percent%2520_1680000000005.png",
        "%20spaces%20_1680000000006.png%20",
        "quote%22%26%3Cxml%3E_1680000000007.png",
        "gallery/not-a-key/x_1680000000008.png",
        "gallery/8319999999991/",
        "_.png",
        "undefined_.png",
        "%D9%82%D8%B7%D8%A9_1680000000010.png",
    ];
    for name in names {
        put_as_anybody(&container, name).await;
    }
    let list = service.get("/api/getImages").await;
    assert_eq!(list.status, 200, "{}", list.text());
    let listed = list.json();
    let shown = prompts(&listed);
    assert!(shown.contains(&"ours"), "{shown:?}");
    for expected in ["line\nbreak", "question?#", "quote\"&<xml>", "قطة"] {
        assert!(shown.contains(&expected), "{expected:?} in {shown:?}");
    }
    let paged = service.get("/api/getImages?limit=3").await.json();
    assert_eq!(prompts(&paged), shown[..3]);
    // Azure escapes these in its list; Azurite fails with a 500 for all names around them.
    for name in [
        "bell%07_1680000000001.png",
        "nul%00_1680000000002.png",
        "a%EF%BF%BE.png",
        "holiday/bell%07.png",
        "gallery/8320000000000/bell%07_1.png",
        "gallery/8204000000000/bell%07_2.png",
    ] {
        put_as_anybody(&container, name).await;
        let list = service.get("/api/getImages").await;
        assert_eq!(list.status, 200, "{name:?}: {}", list.text());
        let list = list.json();
        assert!(prompts(&list).contains(&"ours"), "{name:?} hides ours");
    }
}

#[tokio::test]
async fn a_broken_foreign_folder_hides_no_other() {
    let container = azurite::new_container("folders");
    let service = Service::on_azurite(&container).await;
    generate(&service, &["ours"]).await;
    for name in [
        "holiday/bell%07.png",
        "old%20cat_1680000000000.png",
        "trip/x_1680000000001.png",
    ] {
        put_as_anybody(&container, name).await;
    }
    let list = service.get("/api/getImages").await.json();
    assert_eq!(prompts(&list), ["ours", "x", "old cat"]);
}

#[tokio::test]
async fn a_list_that_did_not_change_is_not_sent_again() {
    let service = Service::start(&[]).await;
    generate(&service, &["a"]).await;
    let url = format!("{}/api/getImages", service.base());
    let ask = async |tag: &str| Answer::of(client().get(&url).header("if-none-match", tag)).await;
    let first = ask("\"none\"").await;
    let tag = first.header("etag").to_owned();
    let second = ask(&tag).await;
    // The tag changes with the signatures, every 15 minutes: then once more.
    let second = match second.status {
        200 => ask(second.header("etag")).await,
        _ => second,
    };
    assert_eq!((second.status, second.body.len()), (304, 0));
    generate(&service, &["b"]).await;
    assert_eq!(ask(&tag).await.status, 200);
}

#[tokio::test]
async fn of_a_repeated_parameter_the_last_counts_as_a_forwarding_host_joins_them() {
    let service = Service::start(&[]).await;
    generate(&service, &["a", "b", "c"]).await;
    for query in ["limit=1&limit=2", "limit=1,2", "limit=1%2C2"] {
        let list = service.get(&format!("/api/getImages?{query}")).await.json();
        assert_eq!(prompts(&list), ["c", "b"], "{query}");
    }
}

#[tokio::test]
async fn signatures_last_as_long_as_the_setting_says() {
    let service = Service::start(&[("SAS_MINUTES", "600")]).await;
    let token = service.get("/api/generateSASToken").await.text();
    let terms: std::collections::HashMap<String, String> =
        url::form_urlencoded::parse(token.as_bytes())
            .into_owned()
            .collect();
    let moment = |name: &str| {
        let format = &time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(&terms[name], format).unwrap()
    };
    assert_eq!(
        moment("se") - moment("st"),
        time::Duration::minutes(5 + 15 + 600)
    );
}

/// Writes a blob past the service, by the account's own signature.
async fn put_as_anybody(container: &str, encoded_name: &str) {
    use time::{Duration, OffsetDateTime};
    use visionary::sas::{SasProtocol, SasResource, SasTerms, SharedKey, service_sas};
    let key = SharedKey::from_base64(azurite::ACCOUNT, azurite::KEY).unwrap();
    let now = OffsetDateTime::now_utc();
    let terms = SasTerms {
        permissions: "cw".to_owned(),
        starts_at: now - Duration::minutes(5),
        expires_at: now + Duration::minutes(5),
        protocol: SasProtocol::HttpsAndHttp,
    };
    let token = service_sas(&key, SasResource::Container { container }, &terms);
    let url = format!("{}/{container}/{encoded_name}?{token}", azurite::endpoint());
    let put = client()
        .put(url)
        .header("x-ms-blob-type", "BlockBlob")
        .body("x");
    let answer = Answer::of(put).await;
    // Some names Azurite itself refuses, as Azure does; what it takes must do no harm.
    assert_ne!(answer.header("x-ms-error-code"), "ContainerNotFound");
    assert!(
        matches!(answer.status, 201 | 400 | 403 | 404),
        "{encoded_name}: {}",
        answer.status
    );
}

#[tokio::test]
async fn the_same_window_gives_the_same_addresses() {
    let service = Service::start(&[]).await;
    generate(&service, &["a"]).await;
    let first = service.get("/api/getImages").await.body;
    let second = service.get("/api/getImages").await.body;
    // Both fall into one 15-minute window, or the test runs across its edge: then once more.
    if first != second {
        assert_eq!(service.get("/api/getImages").await.body, second);
    }
}

#[tokio::test]
async fn addresses_begin_as_the_caller_reached_the_service() {
    let service = Service::start(&[]).await;
    generate(&service, &["a"]).await;
    let ask = client().get(format!("{}/api/getImages", service.base()));
    let ask = ask
        .header("host", "pictures.example")
        .header("x-forwarded-proto", "https");
    let list = Answer::of(ask).await.json();
    let url = list["imageUrls"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://pictures.example/api/files/gallery/"),
        "{url}"
    );
    let fixed = Service::start(&[("PUBLIC_BASE_URL", "https://cdn.example/app/")]).await;
    generate(&fixed, &["a"]).await;
    let list = fixed.get("/api/getImages").await.json();
    let url = list["imageUrls"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://cdn.example/app/api/files/"),
        "{url}"
    );
}
