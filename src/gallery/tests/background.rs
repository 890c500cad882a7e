//! Work behind the answers: what is left of it when it breaks, and what it costs those who ask
//! meanwhile.

use super::{store::Step, worlds::our_path, *};

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
