//! Names that break each page of the store in which they stand: all others are given.

use super::{
    worlds::{SPAN, World, any_limits, any_world, expected, our_path, place},
    *,
};
use proptest::{collection::vec, prelude::*};

/// Whether a path has a key of a broken name: where that stands in the same page, it cannot be
/// told apart.
fn may_be_hidden(path: &str, broken: &[u64]) -> bool {
    let keys = broken.iter().map(|millis| our_path(*millis, ""));
    keys.map(|path| path[..path.rfind('/').unwrap()].to_owned())
        .any(|key| path.starts_with(&key))
}

/// All but what may be hidden has to be there, in its order and once.
#[track_caller]
fn check(given: &[String], store: &MemoryStore, broken: &[u64]) {
    assert!(
        given.is_sorted_by(|one, other| place(one) < place(other)),
        "{given:?}"
    );
    let shown = given.iter().filter(|path| !may_be_hidden(path, broken));
    let mut expected = expected(store);
    expected.retain(|path| !may_be_hidden(path, broken));
    assert!(
        shown.eq(expected.iter()),
        "{given:?} instead of {expected:?}"
    );
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn all_but_what_has_a_broken_key_is_given_once_in_order(
        world in any_world(),
        broken in vec(0..SPAN, 1..6),
        limits in any_limits(),
    ) {
        run(async {
            let store = world.store();
            for millis in &broken {
                store.break_name(&our_path(*millis, "bell\u{7}"));
            }
            let gallery = warm_gallery(&store).await;
            check(&all(&gallery).await, &store, &broken);
            let (mut given, mut cursor) = (Vec::new(), None);
            for limit in limits.iter().cycle().take(2000) {
                let page = list(&gallery, Some(*limit), cursor.as_deref()).await.unwrap();
                given.extend(paths(&page));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(cursor, None);
            check(&given, &store, &broken);
        });
    }
}

#[tokio::test]
async fn a_name_that_breaks_a_page_between_two_pages_hides_no_other() {
    let world = World {
        ours: (0..SPAN).collect(),
        others: vec![],
        folders: vec![],
    };
    let store = world.store();
    let gallery = warm_gallery(&store).await;
    let first = list(&gallery, Some(10), None).await.unwrap();
    store.break_name(&our_path(SPAN - 15, "bell\u{7}"));
    let rest = list(&gallery, Some(1000), first.next_cursor.as_deref());
    let given = [paths(&first), paths(&rest.await.unwrap())].concat();
    check(&given, &store, &[SPAN - 15]);
}
