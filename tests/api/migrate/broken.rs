//! Runs that are killed, told to stop, or meet faults, and originals that are deleted.

use super::{
    OLD, picture,
    places::{OLD_TYPE, Place, Run},
    with_old_images,
};
use crate::{
    faulty_account::{Fault, Step},
    process::PATIENCE,
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Notify;

async fn with_many(place: &Place, count: usize) {
    for number in 0..count {
        let name = format!(
            "image {number}_{}.png",
            1_680_000_000_000_u64 + number as u64
        );
        place.put(&name, OLD_TYPE, picture(&name)).await;
    }
}

/// Whether each of so many images has one copy with its type, and is listed once.
async fn assert_each_once(place: &Place, count: usize) {
    let copies = place.copies().await;
    assert_eq!(copies.len(), count, "{copies:?}");
    assert!(
        copies.values().all(|found| found == "image/png"),
        "{copies:?}"
    );
    let listed = place.listed().await;
    let once: BTreeSet<&String> = listed.iter().collect();
    assert_eq!((listed.len(), once.len()), (count, count), "{listed:?}");
}

#[tokio::test]
async fn a_run_that_was_killed_is_completed_by_the_next_one() {
    let account = Place::faulty_account().await;
    with_many(&account, 20).await;
    // Eight copies are halfway there: made, and not yet pictures.
    let go = Arc::new(Notify::new());
    account.faults().always(Step::Properties, Fault::Held(go));
    let mut killed = account.program(&["migrate"]).spawn().unwrap();
    account.faults().wait_for(Step::Properties, 8).await;
    killed.kill().await.unwrap();
    account.faults().heal();
    let halfway = account.copies().await;
    assert!(
        halfway.values().any(|found| found == OLD_TYPE),
        "{halfway:?}"
    );
    let run = Run::of(&account, &["migrate"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        run.counts(),
        "copied 12, 8 there, 0 left, 0 failed, 0 deleted"
    );
    assert_each_once(&account, 20).await;

    let folder = Place::folder();
    with_many(&folder, 300).await;
    let mut killed = folder.program(&["migrate"]).spawn().unwrap();
    let gallery = folder.path().join("images/gallery");
    let copies = || std::fs::read_dir(&gallery).map_or(0, Iterator::count);
    let some = async {
        while copies() < 30 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, some).await.unwrap();
    killed.kill().await.unwrap();
    let run = Run::of(&folder, &["migrate"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_each_once(&folder, 300).await;
}

#[tokio::test]
async fn told_to_stop_it_writes_down_what_it_has_copied() {
    let account = Place::faulty_account().await;
    with_many(&account, 20).await;
    let go = Arc::new(Notify::new());
    account.faults().always(Step::Copy, Fault::Held(go.clone()));
    let child = account.program(&["migrate"]).spawn().unwrap();
    account.faults().wait_for(Step::Copy, 8).await;
    let pid = child.id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    let end = tokio::spawn(child.wait_with_output());
    let released = async {
        while !end.is_finished() {
            go.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, released).await.unwrap();
    let output = end.await.unwrap().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("stopped before the end"), "{err}");
    account.faults().heal();
    let copied = account.copies().await.len();
    assert!((8..20).contains(&copied), "{copied}");
    let run = Run::of(&account, &["migrate"]).await;
    let rest = 20 - copied;
    let expected = format!("copied {rest}, {copied} there, 0 left, 0 failed, 0 deleted");
    assert_eq!(run.counts(), expected);
    assert_eq!(
        account.faults().seen(Step::Copy),
        rest,
        "what is noted is not tried again"
    );
    let looked = account.faults().seen(Step::Look);
    assert_eq!(looked, rest, "what is noted is not even looked at");
    assert_each_once(&account, 20).await;
}

#[tokio::test]
async fn a_copy_that_fails_is_named_and_the_others_are_made() {
    let account = Place::faulty_account().await;
    with_old_images(&account).await;
    let fault = Fault::refused(403, "CannotVerifyCopySource");
    account.faults().script(Step::Copy, [fault]);
    let run = Run::of(&account, &["migrate", "--delete-originals"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(
        run.counts(),
        "copied 7, 0 there, 2 left, 1 failed, 7 deleted"
    );
    assert!(run.err.contains("1 failed, see above"), "{run:?}");
    assert!(run.err.contains("CannotVerifyCopySource"), "{run:?}");
    assert!(!run.err.contains("sig="), "{run:?}");
    let left = account.images().await;
    let left = OLD.iter().filter(|name| left.contains_key(**name));
    let left: Vec<_> = left.collect();
    assert_eq!(left.len(), 1);
    assert!(
        run.err.contains(&format!("{:?} failed: ", left[0])),
        "{run:?}"
    );
    let again = Run::of(&account, &["migrate", "--delete-originals"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(
        again.counts(),
        "copied 1, 0 there, 2 left, 0 failed, 1 deleted"
    );
    assert_eq!(account.listed().await.len(), OLD.len() + 2);
}

#[tokio::test]
async fn what_cannot_be_listed_or_written_down_is_a_failure() {
    let account = Place::faulty_account().await;
    with_old_images(&account).await;
    let refused = Fault::refused(403, "AuthorizationPermissionMismatch");
    account.faults().always(Step::List, refused.clone());
    let run = Run::of(&account, &["migrate"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("run it again"), "{run:?}");
    account.faults().heal();
    account.faults().always(Step::Blob, refused);
    let run = Run::of(&account, &["migrate"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("the store failed"), "{run:?}");
    account.faults().heal();
    let run = Run::of(&account, &["migrate"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(account.listed().await.len(), OLD.len() + 2);
}

#[tokio::test]
async fn originals_are_deleted_when_their_copies_are_there() {
    for place in [Place::folder(), Place::account().await] {
        with_old_images(&place).await;
        assert_eq!(Run::of(&place, &["migrate"]).await.code, Some(0));
        place.put("late_1680000009000.png", OLD_TYPE, "x").await;
        let late = place.look("late_1680000009000.png").await.unwrap();
        let copied_at = late.last_modified.unix_timestamp();
        let run = Run::of(&place, &["migrate", "--delete-originals"]).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(
            run.counts(),
            "copied 1, 8 there, 2 left, 0 failed, 9 deleted"
        );
        let images = place.images().await;
        assert!(
            OLD.iter().all(|name| !images.contains_key(*name)),
            "{images:?}"
        );
        assert!(images.contains_key("notes.txt") && images.contains_key("thumbs/t.webp"));
        assert_eq!(place.copies().await.len(), 9);
        assert_eq!(place.listed().await.len(), 11);
        // The same path, without a time in the name, with another picture of a later second.
        let beach = "holiday/2020/beach.jpg";
        place.put(beach, OLD_TYPE, "another day").await;
        while place
            .look(beach)
            .await
            .unwrap()
            .last_modified
            .unix_timestamp()
            <= copied_at
        {
            place.put(beach, OLD_TYPE, "another day").await;
        }
        let run = Run::of(&place, &["migrate"]).await;
        assert_eq!(
            run.counts(),
            "copied 1, 0 there, 2 left, 0 failed, 0 deleted"
        );
        assert_eq!(place.listed().await.len(), 12);
    }
}

#[tokio::test]
async fn an_original_without_its_copy_is_never_deleted() {
    for place in [Place::folder(), Place::account().await] {
        with_old_images(&place).await;
        assert_eq!(Run::of(&place, &["migrate"]).await.code, Some(0));
        // Somebody has removed one copy, and damaged another.
        place
            .delete("gallery/8319999999999/a cat_1680000000000.png")
            .await;
        let damaged = "gallery/8319999995999/stray_1680000004000.webp";
        let mark = [("migrated_from", "gallery%2Fstray_1680000004000.webp")];
        assert_eq!(
            place.look(damaged).await.unwrap().metadata[mark[0].0],
            mark[0].1
        );
        place.put_with(damaged, "image/webp", "cut", &mark).await;
        let run = Run::of(&place, &["migrate", "--delete-originals"]).await;
        assert_eq!(run.code, Some(1), "{run:?}");
        assert_eq!(
            run.counts(),
            "copied 0, 7 there, 3 left, 1 failed, 6 deleted"
        );
        assert!(run.err.contains("stays: it was copied before"), "{run:?}");
        let images = place.images().await;
        for name in [
            "a cat_1680000000000.png",
            "gallery/stray_1680000004000.webp",
        ] {
            assert!(images.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn an_original_that_changed_since_it_was_listed_stays() {
    let account = Place::faulty_account().await;
    let name = "holiday.png";
    account.put(name, OLD_TYPE, "one").await;
    let listed_at = account.look(name).await.unwrap().last_modified;
    let go = Arc::new(Notify::new());
    let held = Fault::Held(go.clone());
    account.faults().script(Step::Look, [held]); // the source, before it is copied
    let child = account.program(&["migrate", "--delete-originals"]).spawn();
    account.faults().wait_for(Step::Look, 1).await;
    while account.look(name).await.unwrap().last_modified == listed_at {
        account.put(name, OLD_TYPE, "two").await;
    }
    go.notify_one();
    let output = child.unwrap().wait_with_output().await.unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("changed or removed meanwhile"), "{err}");
    assert!(account.images().await.contains_key(name));
}
