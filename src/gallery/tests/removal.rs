//! An image that is removed while others are busy with it.

use super::{store::Step, *};
use crate::thumbnails::placeholder;

fn ask(
    gallery: &Arc<Gallery>,
    image: &ImageId,
) -> tokio::task::JoinHandle<Result<Thumbnail, Arc<StorageError>>> {
    let (gallery, image) = (gallery.clone(), image.clone());
    let now = OffsetDateTime::UNIX_EPOCH;
    tokio::spawn(async move { gallery.thumbnail(&image, now, "").await })
}

#[tokio::test]
async fn a_thumbnail_that_was_made_while_its_image_was_removed_is_not_remembered() {
    let store = Arc::new(MemoryStore::default());
    let image = ImageId::of("x.png");
    store.put_image(image.path(), placeholder(), &[]);
    let gallery = Arc::new(gallery(&store));
    store.hold(Step::Write);
    let early = ask(&gallery, &image);
    until(|| store.count(Step::Write) == 1).await;
    // The maker still sees the image, and learns so when that is gone.
    store.hold(Step::Look);
    until(|| store.count(Step::Look) == 3).await;
    gallery.remove(&image).await.unwrap();
    store.release();
    assert!(early.await.unwrap().is_ok());
    assert_eq!(store.names(), Vec::<String>::new());
    let late = ask(&gallery, &image).await.unwrap();
    assert!(late.is_err_and(|error| matches!(*error, StorageError::NotFound)));
}

#[tokio::test]
async fn a_removal_that_breaks_off_is_finished_by_the_next() {
    let store = Arc::new(MemoryStore::default());
    let gallery = gallery(&store);
    let image = ImageId::of("gallery/8299999999999/a_1700000000000.png");
    let prompt = "0123456789abcdef0123456789abcdef";
    let cut = [
        ("prompt", "a"),
        ("prompt_truncated", "true"),
        ("prompt_record", prompt),
    ];
    store.put_image(image.path(), placeholder(), &cut);
    store.set_state(&format!("prompts/{prompt}"), "a cat");
    let details = gallery
        .details(&image, OffsetDateTime::UNIX_EPOCH, "")
        .await
        .unwrap();
    assert_eq!(details.entry.prompt, "a cat");
    gallery
        .thumbnail(&image, OffsetDateTime::UNIX_EPOCH, "")
        .await
        .unwrap();
    assert_eq!(store.names().len(), 2);
    for failing in [Step::Look, Step::Delete] {
        store.fail(&[failing]);
        assert!(gallery.remove(&image).await.is_err());
        assert_eq!(store.names().len(), 2, "{failing:?}");
    }
    store.fail(&[]);
    gallery.remove(&image).await.unwrap();
    assert_eq!(store.names(), Vec::<String>::new());
    assert_eq!(store.state(&format!("prompts/{prompt}")), None);
    gallery.remove(&image).await.unwrap();
}
