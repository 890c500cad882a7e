//! A gallery that changes while somebody pages through it: what is there from beginning to end
//! is given once, and nothing twice.

use super::{
    worlds::{SPAN, any_limits, any_shapes, any_world, expected, our_path, place},
    *,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::collections::BTreeSet;

/// What happens between two pages.
#[derive(Debug, Clone)]
enum Change {
    /// An image of ours comes, so many milliseconds behind the first, maybe as the newest.
    Comes(u64),
    /// Any image goes.
    Goes(Index),
    /// Of what was given, the last so many go.
    LastGiven(usize),
    /// Of what is still to come, the next so many go.
    Next(usize),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..SPAN + 20).prop_map(Change::Comes),
        any::<Index>().prop_map(Change::Goes),
        (1..3usize).prop_map(Change::LastGiven),
        Just(Change::LastGiven(110)),
        (1..3usize).prop_map(Change::Next),
        Just(Change::Next(110)),
    ]
}

async fn apply(
    change: &Change,
    number: usize,
    given: &[String],
    gallery: &Gallery,
    store: &MemoryStore,
) {
    let there = expected(store);
    let last = given.last().map(|path| place(path));
    let gone: Vec<String> = match change {
        Change::Comes(millis) => return store.add(&our_path(*millis, &format!("new{number}"))),
        Change::Goes(_) if there.is_empty() => vec![],
        Change::Goes(index) => vec![index.get(&there).clone()],
        Change::LastGiven(count) => given.iter().rev().take(*count).cloned().collect(),
        Change::Next(count) => {
            let behind = there.into_iter().filter(|path| Some(place(path)) > last);
            behind.take(*count).collect()
        }
    };
    for path in gone {
        gallery.remove(&ImageId::of(&path)).await.unwrap();
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn what_is_there_from_beginning_to_end_is_given_once_and_nothing_twice(
        world in any_world(),
        shapes in any_shapes(),
        limits in any_limits(),
        changes in vec(vec(any_change(), 0..3), 1..8),
    ) {
        run(async {
            let store = world.store();
            store.shape(&shapes);
            let gallery = warm_gallery(&store).await;
            let mut stayed: BTreeSet<String> = expected(&store).into_iter().collect();
            let mut given: Vec<String> = Vec::new();
            let mut cursor = None;
            let mut pages = 0;
            loop {
                let limit = limits[pages % limits.len()];
                let page = list(&gallery, Some(limit), cursor.as_deref()).await.unwrap();
                given.extend(paths(&page));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
                for (index, change) in changes.get(pages).into_iter().flatten().enumerate() {
                    apply(change, 10 * pages + index, &given, &gallery, &store).await;
                    let there: BTreeSet<String> = expected(&store).into_iter().collect();
                    stayed.retain(|path| there.contains(path));
                }
                pages += 1;
                assert!(pages < 2000, "the cursors never end");
            }
            assert!(given.is_sorted_by(|one, other| place(one) < place(other)), "{given:?}");
            let given: BTreeSet<String> = given.into_iter().collect();
            let missed: Vec<&String> = stayed.difference(&given).collect();
            assert!(missed.is_empty(), "{missed:?}");
        });
    }
}

#[tokio::test]
async fn an_image_that_comes_before_the_old_one_given_last_is_not_told_out_of_its_place() {
    let store = Arc::new(MemoryStore::default());
    store.add(&our_path(10, "ours"));
    store.add("old_1700000000005.png");
    store.add(&our_path(1, "ours"));
    let gallery = warm_gallery(&store).await;
    let first = list(&gallery, Some(2), None).await.unwrap();
    assert_eq!(paths(&first)[1], "old_1700000000005.png");
    // A copy of the old image, and one between the two that were given.
    store.add(&our_path(5, "old"));
    store.add(&our_path(7, "late"));
    let cursor = first.next_cursor.as_deref();
    let rest = list(&gallery, Some(2), cursor).await.unwrap();
    assert_eq!(paths(&rest), [our_path(1, "ours")]);
}
