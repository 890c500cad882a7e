//! Work behind the answers: what is left of it when it breaks, and what it costs those who ask
//! meanwhile.

use super::{
    store::{Shape, Step},
    worlds::our_path,
    *,
};

fn gallery_with(store: &Arc<MemoryStore>, change: impl FnOnce(&mut OldImagesSettings)) -> Gallery {
    let mut settings = settings();
    change(&mut settings.old_images);
    Gallery::new(store.clone(), settings)
}

/// Asks until the list is as expected.
async fn until_listed(gallery: &Gallery, expected: &[&str]) {
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

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_700_000_000 + seconds).unwrap()
}

#[tokio::test]
async fn a_thumbnail_whose_making_panicked_is_made_by_the_next_who_asks() {
    let store = Arc::new(MemoryStore::default());
    let image = ImageId::of(&our_path(1, "a"));
    store.add(image.path());
    store.panic_at(&[Step::Look]);
    let gallery = gallery(&store);
    let ask = || gallery.thumbnail(&image, OffsetDateTime::UNIX_EPOCH, "");
    assert!(ask().await.is_err());
    store.panic_at(&[]);
    assert_eq!(ask().await.unwrap(), Thumbnail::Unusable);
}

#[tokio::test]
async fn an_index_whose_building_panicked_is_built_by_the_next_who_asks() {
    let store = Arc::new(MemoryStore::default());
    store.add("old.png");
    store.panic_at(&[Step::StateRead]);
    let gallery = gallery_with(&store, |old| old.longest_wait = Duration::from_millis(50));
    assert!(all(&gallery).await.is_empty());
    store.panic_at(&[]);
    // As behind every failure there is a pause first.
    until_listed(&gallery, &["old.png"]).await;
}

#[tokio::test]
async fn strays_that_are_met_while_the_index_cannot_be_read_do_not_make_everybody_try() {
    let store = Arc::new(MemoryStore::default());
    store.add("gallery/stray.png");
    store.fail(&[Step::StateRead]);
    let gallery = gallery(&store);
    for _ in 0..20 {
        all(&gallery).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(store.count(Step::StateRead), 1);
}

#[tokio::test]
async fn a_stray_that_was_written_anew_is_told_once() {
    let store = Arc::new(MemoryStore::default());
    store.add("gallery/stray.png");
    let gallery = warm_gallery(&store).await;
    until_listed(&gallery, &["gallery/stray.png"]).await;
    store.write_anew("gallery/stray.png", at(5));
    all(&gallery).await;
    assert_eq!(all(&gallery).await, ["gallery/stray.png"]);
}

#[tokio::test]
async fn an_old_image_that_was_written_anew_in_a_folder_that_cannot_be_listed_whole_is_told_once() {
    let store = Arc::new(MemoryStore::default());
    store.add("holiday/a.png");
    warm_gallery(&store).await;
    store.shape(&[Shape::Short(1)]);
    store.break_name("holiday/b.png");
    store.write_anew("holiday/a.png", at(5));
    store.add("new.png");
    store.write_anew("new.png", at(2));
    let gallery = gallery_with(&store, |old| old.walked_after = Duration::ZERO);
    until_listed(&gallery, &["holiday/a.png", "new.png"]).await;
}

#[tokio::test]
async fn an_index_that_changes_again_and_again_is_brought_up_to_date_all_the_same() {
    let store = Arc::new(MemoryStore::default());
    warm_gallery(&store).await;
    store.add("new.png");
    let gallery = gallery_with(&store, |old| old.walked_after = Duration::from_millis(200));
    let begin = Instant::now();
    for number in 0.. {
        let writes = store.count(Step::StateWrite);
        store.add(&format!("gallery/{number}.png"));
        if all(&gallery).await.contains(&"new.png".to_owned()) {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "it never came");
        until(|| store.count(Step::StateWrite) > writes).await;
    }
}

#[tokio::test]
async fn a_page_that_fails_once_is_not_gone_around() {
    let store = Arc::new(MemoryStore::default());
    (0..10).for_each(|millis| store.add(&our_path(millis, "a")));
    let gallery = warm_gallery(&store).await;
    store.fail_once(Step::Page);
    let before = store.count(Step::OtherList);
    let mut page = list(&gallery, Some(2), None).await.unwrap();
    let mut given = paths(&page);
    while let Some(cursor) = &page.next_cursor {
        page = list(&gallery, Some(2), Some(cursor)).await.unwrap();
        given.extend(paths(&page));
    }
    assert_eq!(given.len(), 10);
    // One, to see whether the store lists anything.
    assert_eq!(store.count(Step::OtherList), before + 1);
}

#[tokio::test]
async fn only_the_first_who_ask_wait_for_an_index_that_takes_long() {
    let store = Arc::new(MemoryStore::default());
    store.add(&our_path(1, "a"));
    store.hold(Step::OtherList);
    let longest = Duration::from_millis(500);
    let gallery = gallery_with(&store, |old| old.longest_wait = longest);
    let waited = async |cursor: Option<&str>| {
        let begin = Instant::now();
        let page = list(&gallery, None, cursor).await.unwrap();
        (begin.elapsed(), page.next_cursor)
    };
    let ((one, _), (other, cursor)) = tokio::join!(waited(None), waited(None));
    assert!(one >= longest && other >= longest, "{one:?} {other:?}");
    assert!(waited(None).await.0 < longest);
    // Whoever has had all the rest waits: there is nothing else to give.
    assert!(waited(cursor.as_deref()).await.0 >= longest);
}

#[tokio::test]
async fn what_lies_behind_the_last_key_is_not_read_for_a_page() {
    let store = Arc::new(MemoryStore::default());
    store.add(&our_path(1, "a"));
    store.add("old_1600000000000.png");
    (0..40).for_each(|number| store.add(&format!("gallery/holiday/{number}_1500000000000.png")));
    let gallery = warm_gallery(&store).await;
    store.shape(&[Shape::Short(2)]);
    let before = store.count(Step::Page);
    let page = list(&gallery, Some(2), None).await.unwrap();
    assert_eq!(paths(&page)[1], "old_1600000000000.png");
    assert!(store.count(Step::Page) <= before + 2);
    let rest = list(&gallery, Some(50), page.next_cursor.as_deref()).await;
    let rest = rest.unwrap();
    assert_eq!((rest.images.len(), rest.next_cursor), (40, None));
}
