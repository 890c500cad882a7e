//! Pages that many ask for at once, and what this gallery adds and removes meanwhile.

use super::{store::Step, worlds::our_path, *};
use crate::image_format::ImageFormat;
use futures_util::future::join_all;
use std::task::Poll;

async fn remembering_gallery(store: &Arc<MemoryStore>, page_memory: Duration) -> Arc<Gallery> {
    warm_gallery(store).await;
    let mut settings = settings();
    settings.page_memory = page_memory;
    let gallery = Arc::new(Gallery::new(store.clone(), settings));
    gallery.old.current().await;
    gallery
}

fn new_image() -> NewImage {
    NewImage {
        bytes: Bytes::from_static(b"no picture"),
        format: ImageFormat::Jpeg,
        prompt: Prompt::parse("new").unwrap(),
        facts: ImageFacts::default(),
        made_at: OffsetDateTime::from_unix_timestamp(1_700_000_001).unwrap(),
        write_id: Uuid::nil(),
    }
}

fn ask(gallery: &Arc<Gallery>) -> tokio::task::JoinHandle<Vec<String>> {
    let gallery = gallery.clone();
    tokio::spawn(async move { paths(&list(&gallery, Some(10), None).await.unwrap()) })
}

#[tokio::test]
async fn many_who_ask_at_once_cost_one_call_and_nobody_pays_for_the_next_seconds() {
    let store = Arc::new(MemoryStore::default());
    (0..200).for_each(|n| store.add(&our_path(n, "a")));
    let gallery = remembering_gallery(&store, Duration::from_secs(3600)).await;
    let before = store.count(Step::Page);
    store.hold(Step::Page);
    // Limits below a hundred share one page of the store.
    let limits = [1, 24, 50, 100].into_iter().cycle().take(40);
    let asked = join_all(limits.map(|limit| list(&gallery, Some(limit), None)));
    let release = async {
        until(|| store.count(Step::Page) > before).await;
        store.release();
    };
    let (pages, ()) = tokio::join!(asked, release);
    for (index, page) in pages.into_iter().enumerate() {
        assert_eq!(page.unwrap().images.len(), [1, 24, 50, 100][index % 4]);
    }
    list(&gallery, Some(3), None).await.unwrap();
    assert_eq!(store.count(Step::Page), before + 1);
}

#[tokio::test]
async fn what_this_gallery_adds_and_removes_shows_though_a_page_is_remembered() {
    let store = Arc::new(MemoryStore::default());
    (0..20).for_each(|n| store.add(&our_path(n, "a")));
    let gallery = remembering_gallery(&store, Duration::from_secs(3600)).await;
    let before = ask(&gallery).await.unwrap();
    let added = gallery.add(&new_image()).await.unwrap();
    let with_new = ask(&gallery).await.unwrap();
    assert_eq!((&with_new[0], &with_new[1..]), (&added.path, &before[..9]));
    gallery.remove(&ImageId::of(&added.path)).await.unwrap();
    assert_eq!(ask(&gallery).await.unwrap(), before);
}

#[tokio::test]
async fn what_this_gallery_adds_and_removes_shows_though_an_older_page_is_on_its_way() {
    let store = Arc::new(MemoryStore::default());
    (0..20).for_each(|n| store.add(&our_path(n, "a")));
    let gallery = remembering_gallery(&store, Duration::from_secs(3600)).await;
    let calls = store.count(Step::Page);
    store.hold(Step::Page);
    let early = ask(&gallery);
    until(|| store.count(Step::Page) > calls).await;
    let added = gallery.add(&new_image()).await.unwrap();
    let behind = ask(&gallery);
    until(|| store.count(Step::Page) > calls + 1).await;
    gallery
        .remove(&ImageId::of(&our_path(19, "a")))
        .await
        .unwrap();
    let last = ask(&gallery);
    until(|| store.count(Step::Page) > calls + 2).await;
    store.release();
    assert_eq!(early.await.unwrap()[0], our_path(19, "a"));
    assert_eq!(
        behind.await.unwrap()[..2],
        [added.path.clone(), our_path(19, "a")]
    );
    for listed in [last.await.unwrap(), ask(&gallery).await.unwrap()] {
        assert_eq!(listed[..2], [added.path.clone(), our_path(18, "a")]);
    }
}

#[tokio::test]
async fn what_another_instance_adds_shows_when_the_page_is_forgotten() {
    let store = Arc::new(MemoryStore::default());
    store.add(&our_path(1, "a"));
    let long = remembering_gallery(&store, Duration::from_secs(3600)).await;
    let short = remembering_gallery(&store, Duration::from_millis(5)).await;
    assert_eq!(ask(&long).await.unwrap(), ask(&short).await.unwrap());
    store.add(&our_path(2, "b"));
    let begin = Instant::now();
    while ask(&short).await.unwrap().len() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(ask(&long).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_leaves_takes_nothing_from_those_who_stay() {
    let store = Arc::new(MemoryStore::default());
    store.add(&our_path(1, "a"));
    let gallery = remembering_gallery(&store, Duration::from_secs(3600)).await;
    let calls = store.count(Step::Page);
    store.hold(Step::Page);
    let mut first = Box::pin(list(&gallery, Some(10), None));
    let mut second = Box::pin(list(&gallery, Some(10), None));
    // The first begins the call, the second waits for it.
    for asked in [&mut first, &mut second] {
        assert!(matches!(futures_util::poll!(asked), Poll::Pending));
    }
    drop(first);
    store.release();
    assert_eq!(paths(&second.await.unwrap()), [our_path(1, "a")]);
    assert_eq!(store.count(Step::Page), calls + 1);
    // Also where all leave: who comes later is answered.
    gallery.pages.forget();
    store.hold(Step::Page);
    let mut alone = Box::pin(list(&gallery, Some(10), None));
    assert!(matches!(futures_util::poll!(&mut alone), Poll::Pending));
    drop(alone);
    store.release();
    assert_eq!(ask(&gallery).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again() {
    let store = Arc::new(MemoryStore::default());
    store.add(&our_path(1, "a"));
    let gallery = remembering_gallery(&store, Duration::from_secs(3600)).await;
    store.fail(&[Step::Page, Step::OtherList]);
    assert!(list(&gallery, Some(10), None).await.is_err());
    store.fail(&[]);
    assert_eq!(ask(&gallery).await.unwrap().len(), 1);
}
