//! The index of old images: who waits for it, who pays for it, and what becomes of it.

use super::{
    store::{Shape, Step},
    worlds::our_path,
    *,
};

const OLD: [&str; 3] = [
    "old cat_1700000000050.png",
    "holiday/beach_1700000000040.png",
    "gallery/stray_1700000000030.png",
];

/// Two of ours around the old ones.
fn world() -> (Arc<MemoryStore>, Vec<String>) {
    let store = Arc::new(MemoryStore::default());
    let mut expected = vec![our_path(60, "a")];
    expected.extend(OLD.map(str::to_owned));
    expected.push(our_path(20, "b"));
    expected.iter().for_each(|name| store.add(name));
    (store, expected)
}

fn gallery_with(store: &Arc<MemoryStore>, change: impl FnOnce(&mut OldImagesSettings)) -> Gallery {
    let mut settings = settings();
    change(&mut settings.old_images);
    Gallery::new(store.clone(), settings)
}

/// Asks until the list is as expected.
async fn until_listed(gallery: &Gallery, expected: &[String]) {
    let begin = Instant::now();
    loop {
        let listed = all(gallery).await;
        if listed == expected {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{listed:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_first_answer_of_all_waits_for_the_index() {
    let (store, mut expected) = world();
    // The strays of `gallery/` are met in its pages and searched for behind the answer.
    let gallery = gallery(&store);
    let first = all(&gallery).await;
    let without_stray: Vec<_> = expected.iter().filter(|path| *path != OLD[2]).collect();
    assert!(
        first == expected || first.iter().eq(without_stray),
        "{first:?}"
    );
    until(|| store.state(INDEX).is_some()).await;
    assert_eq!(all(&gallery).await, expected);
    expected.remove(0);
    let limited = list(&gallery, Some(2), None).await.unwrap();
    assert_eq!(paths(&limited)[1], expected[0]);
}

#[tokio::test]
async fn a_cold_gallery_with_a_stored_index_lists_nothing_but_its_page() {
    let (store, expected) = world();
    warm_gallery(&store).await;
    let (lists, pages) = (store.count(Step::OtherList), store.count(Step::Page));
    let cold = gallery(&store);
    assert_eq!(all(&cold).await, expected);
    assert_eq!(store.count(Step::OtherList), lists);
    assert_eq!(store.count(Step::Page), pages + 1);
    // Nor later, as long as the index is young, and nothing is written.
    let (reads, writes) = (store.count(Step::StateRead), store.count(Step::StateWrite));
    for _ in 0..5 {
        all(&cold).await;
    }
    assert_eq!(store.count(Step::StateRead), reads);
    assert_eq!(store.count(Step::StateWrite), writes);
    assert_eq!(store.count(Step::OtherList), lists);
}

#[tokio::test]
async fn nobody_waits_for_the_first_index_longer_than_the_setting_says() {
    let (store, expected) = world();
    store.hold(Step::OtherList);
    let gallery = gallery_with(&store, |old| old.longest_wait = Duration::from_millis(10));
    let ours = [expected[0].clone(), expected[4].clone()];
    assert_eq!(all(&gallery).await, ours);
    store.release();
    until_listed(&gallery, &expected).await;
}

#[tokio::test]
async fn what_is_no_index_of_this_form_is_dropped_and_built_anew() {
    let out_of_order =
        r#"{"form":1,"strays_searched_at":0,"images":[["a",1,1,"t",null],["b",2,1,"t",null]]}"#;
    for garbage in [
        "",
        "no json",
        "\u{0}\u{1}",
        "[]",
        r#"{"form":0,"strays_searched_at":99999999999,"images":[["x.png",1,1,"t",null]]}"#,
        r#"{"form":1,"strays_searched_at":0,"images":[["a",-1,1,"t",null]]}"#,
        out_of_order,
    ] {
        let (store, expected) = world();
        store.set_state(INDEX, garbage);
        let gallery = gallery(&store);
        all(&gallery).await;
        let before = garbage.as_bytes();
        until(|| store.state(INDEX).unwrap() != before).await;
        assert_eq!(all(&gallery).await, expected, "{garbage}");
        let index = store.state(INDEX).unwrap();
        assert!(old::OldIndex::parse(&index).is_some(), "{garbage}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_listed_any_more_keeps_what_the_index_had_of_it() {
    let (store, mut expected) = world();
    warm_gallery(&store).await;
    store.break_name("holiday/bell\u{7}_1700000000045.png");
    store.add("new folder/x_1700000000010.png");
    store.take_away(OLD[0]);
    let gallery = gallery_with(&store, |old| old.walked_after = Duration::ZERO);
    expected.remove(1);
    expected.push("new folder/x_1700000000010.png".to_owned());
    until_listed(&gallery, &expected).await;
    // A root that cannot be listed tells of no folder: all is kept.
    store.break_name("bell\u{7}_1700000000045.png");
    let again = gallery_with(&store, |old| old.walked_after = Duration::ZERO);
    let walks = store.count(Step::StateWrite);
    assert_eq!(all(&again).await, expected);
    until(|| store.count(Step::StateWrite) > walks).await;
    assert_eq!(all(&again).await, expected);
}

#[tokio::test]
async fn a_stray_that_is_met_while_paging_shows_and_is_written_down() {
    let (store, mut expected) = world();
    let gallery = warm_gallery(&store).await;
    let stray = "gallery/x/late_1700000000035.png";
    store.add(stray);
    all(&gallery).await;
    expected.insert(3, stray.to_owned());
    assert_eq!(all(&gallery).await, expected);
    until(|| String::from_utf8_lossy(&store.state(INDEX).unwrap()).contains(stray)).await;
}

#[tokio::test]
async fn a_removed_old_image_is_gone_here_at_once_and_elsewhere_a_little_later() {
    let (store, mut expected) = world();
    let here = warm_gallery(&store).await;
    let elsewhere = gallery_with(&store, |old| old.looked_at_after = Duration::from_millis(5));
    let still = gallery(&store);
    assert_eq!(all(&elsewhere).await, expected);
    assert_eq!(all(&still).await, expected);
    for path in [OLD[1], OLD[2]] {
        here.remove(&ImageId::of(path)).await.unwrap();
        expected.retain(|listed| listed != path);
        assert_eq!(all(&here).await, expected);
    }
    until_listed(&elsewhere, &expected).await;
    // Whoever looked a moment ago does not look again, and the other two agree with the index.
    assert!(all(&still).await.len() > expected.len());
    assert_eq!(all(&gallery(&store)).await, expected);
}

#[tokio::test]
async fn whoever_asks_for_an_old_image_that_is_gone_takes_it_out_of_the_list() {
    let (store, mut expected) = world();
    let gallery = warm_gallery(&store).await;
    store.take_away(OLD[0]);
    let now = OffsetDateTime::UNIX_EPOCH;
    let details = gallery.details(&ImageId::of(OLD[0]), now, "").await;
    assert!(matches!(details, Err(StorageError::NotFound)));
    expected.remove(1);
    assert_eq!(all(&gallery).await, expected);
}

#[tokio::test]
async fn two_instances_that_build_at_once_agree() {
    let (store, expected) = world();
    store.hold(Step::OtherList);
    let (one, other) = (gallery(&store), gallery(&store));
    let release = async {
        until(|| store.count(Step::OtherList) == 2).await;
        store.release();
    };
    tokio::join!(all(&one), all(&other), release);
    until_listed(&one, &expected).await;
    until_listed(&other, &expected).await;
    until(|| store.state(INDEX).is_some()).await;
    assert_eq!(all(&gallery(&store)).await, expected);
}

#[tokio::test]
async fn without_the_state_container_ours_are_listed_all_the_same() {
    let (store, expected) = world();
    store.fail(&[Step::StateRead, Step::StateWrite]);
    let gallery = gallery_with(&store, |old| old.longest_wait = Duration::from_secs(3600));
    let ours = [expected[0].clone(), expected[4].clone()];
    for _ in 0..3 {
        assert_eq!(all(&gallery).await, ours);
    }
    // Where it can be read and not written the index is in memory.
    store.fail(&[Step::StateWrite]);
    let gallery = gallery_with(&store, |_| {});
    all(&gallery).await;
    until_listed(&gallery, &expected).await;
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_and_nothing_of_it_is_remembered() {
    let (store, expected) = world();
    warm_gallery(&store).await;
    let mut settings = settings();
    settings.page_memory = Duration::from_secs(3600);
    let gallery = Gallery::new(store.clone(), settings);
    store.fail_all();
    for _ in 0..3 {
        assert!(list(&gallery, Some(10), None).await.is_err());
    }
    store.fail(&[]);
    assert_eq!(
        paths(&list(&gallery, Some(10), None).await.unwrap()),
        expected
    );
}

#[tokio::test]
async fn a_walk_goes_on_through_short_and_empty_pages() {
    let (store, expected) = world();
    store.shape(&[Shape::Empty, Shape::Short(1)]);
    let gallery = warm_gallery(&store).await;
    assert_eq!(all(&gallery).await, expected);
}
