//! A gallery that nobody changes: each image once, in order, at a bounded cost.

use super::{
    store::Step,
    worlds::{World, any_limits, any_shapes, any_world, expected, our_path, plain_world},
    *,
};
use proptest::prelude::*;

/// Pages until the end with these limits in turn; `check` sees each page with its limit and
/// what it has cost.
async fn page_through(
    gallery: &Gallery,
    store: &MemoryStore,
    limits: &[usize],
    mut check: impl FnMut(&ImagePage, usize, usize),
) -> Vec<String> {
    let mut given = Vec::new();
    let mut cursor = None;
    // A store that gives seven at a time gives 21 in three calls; markers may end with nothing.
    for limit in limits.iter().cycle().take(2000) {
        let before = store.count(Step::Page);
        let page = list(gallery, Some(*limit), cursor.as_deref())
            .await
            .unwrap();
        check(&page, *limit, store.count(Step::Page) - before);
        given.extend(paths(&page));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return given;
        }
    }
    panic!("the cursors never end");
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn pages_of_any_limits_over_any_pages_of_the_store_give_every_image_once_in_order(
        world in any_world(),
        shapes in any_shapes(),
        limits in any_limits(),
    ) {
        run(async {
            let store = world.store();
            store.shape(&shapes);
            let gallery = warm_gallery(&store).await;
            let given = page_through(&gallery, &store, &limits, |page, limit, calls| {
                assert!(calls <= 3, "{calls} calls");
                let is_full = page.images.len() == limit;
                assert!(is_full || page.next_cursor.is_none() || calls == 3, "a short page");
            });
            assert_eq!(given.await, expected(&store));
        });
    }

    #[test]
    fn without_a_limit_all_come_at_once(world in any_world(), shapes in any_shapes()) {
        run(async {
            let store = world.store();
            store.shape(&shapes);
            let gallery = warm_gallery(&store).await;
            let page = list(&gallery, None, None).await.unwrap();
            assert_eq!(page.next_cursor, None);
            assert_eq!(paths(&page), expected(&store));
        });
    }

    #[test]
    fn the_first_page_costs_one_call_and_the_next_of_the_same_limit_two_at_most(
        world in plain_world(),
        limit in 1..300usize,
    ) {
        run(async {
            let store = world.store();
            let gallery = warm_gallery(&store).await;
            let mut is_first = true;
            let limits = [limit];
            let given = page_through(&gallery, &store, &limits, |_, _, calls| {
                let most = if is_first { 1 } else { 2 };
                assert!(calls <= most, "{calls} calls");
                is_first = false;
            });
            assert_eq!(given.await, expected(&store));
        });
    }

    #[test]
    fn remembered_pages_give_the_same(world in any_world(), limits in any_limits()) {
        run(async {
            let store = world.store();
            warm_gallery(&store).await;
            let mut settings = settings();
            settings.page_memory = Duration::from_secs(3600);
            let gallery = Gallery::new(store.clone(), settings);
            let once = page_through(&gallery, &store, &limits, |_, _, _| {}).await;
            let mut spent = 0;
            let again = page_through(&gallery, &store, &limits, |_, _, calls| spent += calls);
            assert_eq!(again.await, once);
            assert_eq!(spent, 0);
            assert_eq!(once, expected(&store));
        });
    }
}

#[tokio::test]
async fn a_list_without_a_limit_ends_at_ten_thousand_and_other_limits_go_on_from_there() {
    let world = World {
        ours: (0..10_400).map(|index| index / 90).collect(),
        others: vec![],
        folders: vec![],
    };
    let store = world.store();
    for index in 0..30 {
        store.add(&format!("old{index}_1700000000003.png"));
    }
    let gallery = warm_gallery(&store).await;
    let before = store.count(Step::Page);
    let first = list(&gallery, None, None).await.unwrap();
    // One is read ahead, and none that nobody wants.
    assert_eq!(store.count(Step::Page), before + 2);
    let mut given = paths(&first);
    assert_eq!(given.len(), 10_000);
    let mut cursor = first.next_cursor;
    for limit in [7, 100, 1, 1000, 50].into_iter().cycle().take(100) {
        let Some(text) = &cursor else { break };
        let before = store.count(Step::Page);
        let page = list(&gallery, Some(limit), Some(text)).await.unwrap();
        assert!(store.count(Step::Page) - before <= 3);
        given.extend(paths(&page));
        cursor = page.next_cursor;
    }
    assert_eq!(cursor, None);
    assert_eq!(given, expected(&store));
}

#[tokio::test]
async fn old_images_of_the_same_millisecond_come_behind_ours_whatever_page_they_are_on() {
    let store = Arc::new(MemoryStore::default());
    let mut expected: Vec<String> = (0..3).map(|n| our_path(5, &n.to_string())).collect();
    expected.extend(["a_1700000000005.png", "z/a_1700000000005.png"].map(str::to_owned));
    expected.push(our_path(4, "0"));
    expected.iter().for_each(|name| store.add(name));
    let gallery = warm_gallery(&store).await;
    for limit in 1..7 {
        let limits = [limit];
        let given = page_through(&gallery, &store, &limits, |_, _, _| {});
        assert_eq!(given.await, expected, "{limit}");
    }
}
