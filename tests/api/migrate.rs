//! `visionary migrate`: the program itself over both stores, and the gallery behind it.

mod broken;
mod places;

use crate::{
    process::{PATIENCE, Running, program},
    service::{Service, open},
};
use places::{OLD_TYPE, Place, Run, picture};
use serde_json::Value;

/// What the original, and others, may have left; at an account and in a folder.
const OLD: [&str; 8] = [
    "a cat_1680000000000.png",
    "What? 100% #1 & more_1680000001000.png",
    "猫 と 🐈_1680000002000.png",
    "one/same_1680000003000.png",
    "two/same_1680000003000.png",
    "gallery/stray_1680000004000.webp",
    "gallery/folder/deep_1680000005000.jpeg",
    "holiday/2020/beach.jpg",
];

/// Prompts as a list gives them, newest first. What has no time in its name is of now.
const PROMPTS: [&str; 8] = [
    "beach",
    "deep",
    "stray",
    "same",
    "same",
    "猫 と 🐈",
    "What? 100% #1 & more",
    "a cat",
];

async fn with_old_images(place: &Place) {
    for name in OLD {
        place.put(name, OLD_TYPE, picture(name)).await;
    }
    place.put("notes.txt", "text/plain", "x").await;
    place.put("empty_1680000000000.png", OLD_TYPE, "").await;
    place.put("thumbs/t.webp", "image/webp", "x").await;
}

fn prompts<'a>(images: &[&'a Value]) -> Vec<&'a str> {
    let prompts = images.iter().map(|image| image["prompt"].as_str());
    prompts.map(Option::unwrap).collect()
}

async fn wait_for_images(service: &Service, count: usize) {
    let listed = async {
        loop {
            let list = service.get("/api/getImages").await.json();
            if list["imageUrls"].as_array().unwrap().len() == count {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, listed).await;
    waited.unwrap_or_else(|_| panic!("never {count} images"));
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_copied_and_writes_nothing() {
    for place in [Place::folder(), Place::account().await] {
        with_old_images(&place).await;
        place.forget_own_files();
        let before = place.everything().await;
        let run = Run::of(&place, &["migrate", "--dry-run", "--delete-originals"]).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(place.everything().await, before);
        let lines = run.out.lines().filter(|line| line.contains(" -> "));
        assert_eq!(lines.count(), OLD.len(), "{run:?}");
        let line = "\"a cat_1680000000000.png\" -> \
            \"gallery/8319999999999/a cat_1680000000000.png\", 31 bytes\n";
        assert!(run.out.contains(line), "{run:?}");
        for moved in ["same_1680000003000.png\",", "same_1680000003001.png\","] {
            assert!(run.out.contains(moved), "{run:?}");
        }
        assert!(run.err.contains("\"notes.txt\" stays: it is no"), "{run:?}");
        assert_eq!(
            run.counts(),
            "to be copied 8, 0 there, 2 left, 0 failed, 8 deleted"
        );
    }
    let account = Place::faulty_account().await;
    with_old_images(&account).await;
    account.faults().heal();
    let run = Run::of(&account, &["migrate", "--dry-run"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(account.writes_seen(), 0, "not even a container");
}

#[tokio::test]
async fn copies_open_with_what_is_known_and_each_image_appears_once() {
    for place in [Place::folder(), Place::account().await] {
        with_old_images(&place).await;
        let mut before = place.serve().await;
        wait_for_images(&before, OLD.len() + 2).await;
        before.stop().await; // an index of old images is stored by now
        let run = Run::of(&place, &["migrate"]).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(
            run.counts(),
            "copied 8, 0 there, 2 left, 0 failed, 0 deleted"
        );
        let mut service = place.serve().await;
        let list = service.get("/api/getImages").await.json();
        let images = list["imageUrls"].as_array().unwrap();
        let is_copy = |image: &&Value| image["url"].as_str().unwrap().contains("/gallery/8");
        let (shown, others): (Vec<_>, Vec<_>) = images.iter().partition(is_copy);
        assert_eq!(prompts(&shown), PROMPTS, "{list}");
        assert_eq!(others.len(), 2, "what is no picture stays: {list}");
        for image in &shown {
            let name = image["name"].as_str().unwrap();
            let url = image["url"].as_str().unwrap();
            let copy = open(url).await;
            assert_eq!(copy.status, 200, "{url}");
            let content_type = match name.rsplit_once('.').unwrap().1 {
                "jpg" => "image/jpeg",
                "webp" => "image/webp",
                _ => "image/png",
            };
            assert_eq!(copy.header("content-type"), content_type, "{name}");
            let prompt = image["prompt"].as_str().unwrap();
            let is_source = |old: &&str| old.contains(prompt) && picture(old) == copy.body;
            assert!(OLD.iter().any(is_source), "{name}: {copy:?}");
        }
        let created: Vec<_> = shown.iter().map(|image| &image["createdAt"]).collect();
        assert_eq!(created[7], "2023-03-28T10:40:00.000Z");
        assert_eq!(
            created[3], "2023-03-28T10:40:03.001Z",
            "a taken name moves on"
        );
        service.stop().await;
    }
}

#[tokio::test]
async fn what_the_source_tells_of_itself_its_copy_tells_too() {
    for place in [Place::folder(), Place::account().await] {
        let metadata = [
            ("prompt", "the%20whole.%20story"),
            ("model", "dall-e-2"),
            ("author", "me"),
        ];
        place
            .put_with(
                "moved/x_1680000000000.bin",
                "image/png",
                "pixels",
                &metadata,
            )
            .await;
        let run = Run::of(&place, &["migrate"]).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        let path = "gallery/8319999999999/x_1680000000000.png";
        let copy = place.look(path).await.unwrap();
        let told = |name: &str| copy.metadata.get(name).map(String::as_str);
        assert_eq!(told("migrated_from"), Some("moved%2Fx_1680000000000.bin"));
        assert_eq!(told("author"), Some("me"));
        let mut service = place.serve().await;
        let list = service.get("/api/getImages").await.json();
        let image = &list["imageUrls"][0];
        assert_eq!(list["imageUrls"].as_array().unwrap().len(), 1);
        assert_eq!(image["prompt"], "the whole. story");
        assert_eq!(image["model"], "dall-e-2");
        service.stop().await;
    }
}

#[tokio::test]
async fn a_second_run_copies_nothing_and_two_at_once_do_no_harm() {
    for place in [Place::folder(), Place::account().await] {
        with_old_images(&place).await;
        assert_eq!(Run::of(&place, &["migrate"]).await.code, Some(0));
        let once = place.images().await;
        let again = Run::of(&place, &["migrate"]).await;
        assert_eq!(again.code, Some(0), "{again:?}");
        assert_eq!(
            again.counts(),
            "copied 0, 8 there, 2 left, 0 failed, 0 deleted"
        );
        place.forget_what_was_copied().await;
        let without_notes = Run::of(&place, &["migrate"]).await;
        assert_eq!(
            without_notes.counts(),
            "copied 0, 8 there, 2 left, 0 failed, 0 deleted"
        );
        assert_eq!(place.images().await, once);
    }
    let place = Place::account().await;
    with_old_images(&place).await;
    let arguments = ["migrate"];
    let (one, other) = tokio::join!(Run::of(&place, &arguments), Run::of(&place, &arguments));
    assert_eq!(
        (one.code, other.code),
        (Some(0), Some(0)),
        "{one:?} {other:?}"
    );
    assert_eq!(place.copies().await.len(), OLD.len());
    assert_eq!(place.listed().await.len(), OLD.len() + 2);
}

#[tokio::test]
async fn names_that_only_a_folder_holds_are_copied_and_an_account_keeps_them() {
    let name = "first line\nsecond \\ line_1680000000000.png";
    let folder = Place::folder();
    std::fs::create_dir_all(folder.path().join("images")).unwrap();
    std::fs::write(
        folder.path().join("images").join(name.replace('\\', "")),
        "x",
    )
    .unwrap();
    std::fs::write(folder.path().join("images").join(".png"), "x").unwrap();
    let long = format!("{}_1680000000001.png", "ü".repeat(110));
    folder.put(&long, OLD_TYPE, "x").await;
    let run = Run::of(&folder, &["migrate"]).await;
    assert_eq!(
        run.counts(),
        "copied 3, 0 there, 0 left, 0 failed, 0 deleted"
    );
    let listed = folder.listed().await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert!(
        listed.contains(&"first line\nsecond  line".to_owned()),
        "{listed:?}"
    );

    let account = Place::account().await;
    let long = |letter: &str, count, end| format!("{}_168000000000{end}.png", letter.repeat(count));
    account.put(&long("b", 1000, 1), OLD_TYPE, "x").await;
    account.put(&long("b", 1000, 2), OLD_TYPE, "x").await;
    account.put(&long("猫", 1000, 3), OLD_TYPE, "x").await; // encoded 9 KB
    account.put_raw("line%0Abreak_1680000000000.png").await;
    let run = Run::of(&account, &["migrate"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        run.counts(),
        "copied 2, 0 there, 2 left, 0 failed, 0 deleted"
    );
    assert!(
        run.err.contains("\"line\\nbreak_1680000000000.png\" stays"),
        "{run:?}"
    );
    let listed = account.listed().await;
    let [latin, cats] = [("b", 1000), ("猫", 1000)].map(|(letter, count)| letter.repeat(count));
    assert_eq!(listed, [&cats, &latin, &latin, "line\nbreak"]);
}

#[tokio::test]
async fn a_running_service_lists_each_image_once_and_what_came_later_too() {
    let place = Place::account().await;
    with_old_images(&place).await;
    let mut service = place.serve_restless().await;
    wait_for_images(&service, OLD.len() + 2).await;
    assert_eq!(Run::of(&place, &["migrate"]).await.code, Some(0));
    place
        .put("gallery/later_1680000009000.png", OLD_TYPE, "x")
        .await;
    place.put("later_1680000009001.png", OLD_TYPE, "x").await;
    wait_for_images(&service, OLD.len() + 4).await;
    for _ in 0..20 {
        let list = service.get("/api/getImages").await.json();
        let count = list["imageUrls"].as_array().unwrap().len();
        assert_eq!(
            count,
            OLD.len() + 4,
            "a list brings back what it meets: {list}"
        );
    }
    service.stop().await;
}

#[tokio::test]
async fn wrong_usage_is_told_apart_from_what_failed() {
    let place = Place::folder();
    for arguments in [&["migrat"][..], &["migrate", "--dryrun"], &["--verbose"]] {
        let run = Run::of(&place, arguments).await;
        assert_eq!(run.code, Some(2), "{run:?}");
        let wrong = format!(
            "{:?} is no argument here\nusage: visionary",
            arguments.last().unwrap()
        );
        assert!(run.err.contains(&wrong), "{run:?}");
        assert_eq!(run.out, "");
    }
    let help = Run::of(&place, &["--help"]).await;
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    assert!(help.out.starts_with("usage: visionary"), "{help:?}");
    let version = Run::of(&place, &["--version"]).await;
    let expected = concat!("visionary ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((version.code, version.out.as_str()), (Some(0), expected));

    let missing = Run::of(&place, &["migrate"]).await;
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.err.contains("STORAGE_DIR"), "{missing:?}");
    assert!(!place.path().join("images").exists(), "it made the folder");
    let host = [("FUNCTIONS_CUSTOMHANDLER_PORT", "8123")];
    let under_host = Run::with(&place, &["migrate"], &host).await;
    assert_eq!(under_host.code, Some(2), "{under_host:?}");
    assert!(under_host.err.contains("Functions host"), "{under_host:?}");
}

#[tokio::test]
async fn a_folder_that_a_service_uses_is_left_alone() {
    let place = Place::folder();
    with_old_images(&place).await;
    let root = place.path().to_str().unwrap();
    let service = Running::start(program(&[("PORT", "0"), ("STORAGE_DIR", root)])).await;
    for arguments in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let run = Run::of(&place, arguments).await;
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(
            run.err.contains("another process uses this folder"),
            "{run:?}"
        );
    }
    service.signal("-TERM");
    assert_eq!(service.end().await.0, Some(0));
}
