//! Pages of a folder against a plain walk of everything, while blobs come and go by the store and
//! by hand; and when names that were kept are used.

use super::*;
use crate::storage::{
    Container, DeleteMode, NewBlob, PutMode,
    directory::{DirectorySettings, DirectoryStore},
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Longer than a clock tick of any kernel, so that what is kept is used soon.
const UNSURE: Duration = Duration::from_millis(25);

struct Folder {
    store: DirectoryStore,
    _temporary: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut store = DirectoryStore::open(&DirectorySettings {
            root: temporary.path().to_owned(),
            lock_wait: Duration::ZERO,
        })
        .unwrap();
        store.kept = Arc::new(KeptFolders::new(1, UNSURE)); // every folder
        Self {
            store,
            _temporary: temporary,
        }
    }

    fn path(&self) -> PathBuf {
        self.store.container_path(Container::Images)
    }

    fn list(&self, query: &ListQuery) -> BlobPage {
        let lister = Lister {
            data_root: self.path(),
            properties_root: self.store.properties_root(Container::Images),
            query: query.clone(),
            kept: self.store.kept.clone(),
        };
        lister.run().unwrap()
    }

    /// Fails where a file is in the way of a folder, or the other way round, as it should.
    fn apply(&self, (hand, change, name): &(Hand, Change, String)) {
        let path = self.path().join(name);
        let place = self.store.place(Container::Images, name).unwrap();
        match (hand, change) {
            (Hand::Stores, Change::Add) => {
                let blob = NewBlob {
                    content: b"new".to_vec().into(),
                    content_type: "image/png".to_owned(),
                    metadata: Default::default(),
                    write_id: uuid::Uuid::new_v4(),
                };
                let incoming = self.store.root.join("incoming");
                let _ = place.put(&incoming, &blob, &PutMode::Overwrite);
            }
            (Hand::Stores, Change::Remove) => {
                let _ = place.delete(&DeleteMode::Any);
            }
            (Hand::Anybodys, Change::Add) => {
                let _ = fs::create_dir_all(path.parent().unwrap());
                let _ = fs::write(&path, "new");
            }
            (Hand::Anybodys, Change::Remove) => {
                let _ = fs::remove_file(&path);
            }
        }
        self.remove_empty_folders(&self.path());
    }

    /// Where a change failed or a hand was careless; an account has none.
    fn remove_empty_folders(&self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.remove_empty_folders(&path);
                let _ = fs::remove_dir(&path);
            }
        }
    }

    /// Waits until what is read now may be kept.
    fn settle(&self) {
        let changed = Instant::now();
        while changed.elapsed() <= UNSURE * 2 {
            std::thread::yield_now();
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Hand {
    Stores,
    Anybodys,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Add,
    Remove,
}

#[derive(Debug, Clone)]
enum Step {
    Change((Hand, Change, String)),
    Settle,
    List(ListQuery),
}

fn all_names(root: &Path, folder: &str, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}{}", entry.file_name().to_str().unwrap());
        match entry.path().is_dir() {
            true => all_names(root, &format!("{name}/"), names),
            false => drop(names.insert(name)),
        }
    }
}

/// What the service's documentation says of a page, over all names. Names of blobs, names of
/// folders, and the marker.
fn plain_page(root: &Path, query: &ListQuery) -> (Vec<String>, Vec<String>, Option<String>) {
    let mut all = BTreeSet::new();
    all_names(root, "", &mut all);
    let below = all.iter().filter(|name| name.starts_with(&query.prefix));
    let shown: BTreeSet<String> = below
        .map(|name| match name[query.prefix.len()..].find('/') {
            Some(slash) if query.depth == ListDepth::OneLevel => {
                name[..=query.prefix.len() + slash].to_owned()
            }
            _ => name.clone(),
        })
        .collect();
    let marker = query.marker.as_ref();
    let rest = shown.into_iter().filter(|name| Some(name) > marker);
    let rest: Vec<String> = rest.collect();
    let limit = query.max_results.unwrap() as usize;
    let page = &rest[..rest.len().min(limit)];
    let next = (rest.len() > limit).then(|| page.last().unwrap().clone());
    let (folders, blobs) = page.iter().cloned().partition(|name| name.ends_with('/'));
    (blobs, folders, next)
}

fn name() -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "a-", "a0", "a.png", "b", "ü", "gallery", "9"]);
    vec(segment, 1..4).prop_map(|segments| segments.join("/"))
}

fn query() -> impl Strategy<Value = ListQuery> {
    let text = || {
        let cut = (name(), any::<prop::sample::Index>());
        let cut = cut.prop_map(|(name, end)| {
            let length = end.index(name.chars().count() + 1);
            name.chars().take(length).collect::<String>()
        });
        prop_oneof![Just(String::new()), name(), cut]
    };
    let marker = proptest::option::of(text());
    let depth = select(vec![ListDepth::Whole, ListDepth::OneLevel]);
    (text(), marker, 1u32..6, depth).prop_map(|(prefix, marker, most, depth)| ListQuery {
        prefix,
        marker,
        max_results: Some(most),
        depth,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let hand = select(vec![Hand::Stores, Hand::Anybodys]);
    let change = select(vec![Change::Add, Change::Add, Change::Remove]);
    prop_oneof![
        4 => (hand, change, name()).prop_map(Step::Change),
        1 => Just(Step::Settle),
        6 => query().prop_map(Step::List),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_page_is_that_of_a_plain_walk_whatever_came_and_went(
        first in vec(name(), 0..25),
        steps in vec(step(), 1..40),
    ) {
        let folder = Folder::new();
        for name in first {
            folder.apply(&(Hand::Anybodys, Change::Add, name));
        }
        for step in steps {
            match step {
                Step::Change(change) => folder.apply(&change),
                Step::Settle => folder.settle(),
                Step::List(query) => {
                    let page = folder.list(&query);
                    let names = page.items.into_iter().map(|item| item.name).collect();
                    let listed = (names, page.folders, page.next_marker);
                    prop_assert_eq!(listed, plain_page(&folder.path(), &query), "{:?}", query);
                }
            }
        }
    }
}

/// A folder with three files, settled, and its names as they were first read.
fn three_files() -> (Folder, PathBuf) {
    let folder = Folder::new();
    let path = folder.path();
    for name in ["a.png", "b.png", "c.png"] {
        fs::write(path.join(name), "").unwrap();
    }
    folder.settle();
    (folder, path)
}

fn names(
    folder: &Folder,
    path: &Path,
) -> (
    Arc<crate::storage::directory::names::SortedNames>,
    Vec<String>,
) {
    let names = folder.store.kept.names(path).unwrap();
    let list = names.starting_at("").map(str::to_owned).collect();
    (names, list)
}

#[test]
fn a_folder_that_did_not_change_is_not_read_again() {
    let (folder, path) = three_files();
    let (first, list) = names(&folder, &path);
    assert_eq!(list, ["a.png", "b.png", "c.png"]);
    assert!(Arc::ptr_eq(&first, &names(&folder, &path).0));
    assert_eq!(
        first.starting_at("b").collect::<Vec<_>>(),
        ["b.png", "c.png"]
    );
    assert_eq!(
        first.starting_at("b.png").collect::<Vec<_>>(),
        ["b.png", "c.png"]
    );
    assert_eq!(first.starting_at("d").count(), 0);
    // What lies in a file is no matter of its folder.
    fs::write(path.join("a.png"), "content").unwrap();
    assert!(Arc::ptr_eq(&first, &names(&folder, &path).0));
}

#[test]
fn every_change_of_a_folder_is_seen_at_once() {
    let (folder, path) = three_files();
    type Hand = fn(&Path);
    let changes: [(Hand, &[&str]); 5] = [
        (
            |path| fs::write(path.join("b0"), "").unwrap(),
            &["a.png", "b.png", "b0", "c.png"],
        ),
        (
            |path| fs::remove_file(path.join("a.png")).unwrap(),
            &["b.png", "b0", "c.png"],
        ),
        (
            |path| fs::create_dir(path.join("b.pn")).unwrap(),
            &["b.pn/", "b.png", "b0", "c.png"],
        ),
        (
            |path| fs::rename(path.join("b0"), path.join("d")).unwrap(),
            &["b.pn/", "b.png", "c.png", "d"],
        ),
        (
            |path| {
                let other = path.with_file_name("other");
                fs::create_dir(&other).unwrap();
                fs::write(other.join("x"), "").unwrap();
                fs::remove_dir_all(path).unwrap();
                fs::rename(other, path).unwrap();
            },
            &["x"],
        ),
    ];
    for (change, expected) in changes {
        for _ in 0..3 {
            names(&folder, &path); // kept, and sure
        }
        change(&path);
        assert_eq!(names(&folder, &path).1, expected);
        assert_eq!(names(&folder, &path).1, expected);
        folder.settle();
    }
}

/// As `rsync -a` does, which writes files and then gives the folder the time that it had.
#[cfg(unix)]
#[test]
fn a_time_that_was_set_back_hides_nothing() {
    let (folder, path) = three_files();
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    names(&folder, &path);
    fs::write(path.join("d.png"), "").unwrap();
    fs::File::open(&path)
        .unwrap()
        .set_modified(written)
        .unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(names(&folder, &path).1.len(), 4);
}

#[test]
fn a_folder_that_was_just_changed_is_read_each_time() {
    let (folder, path) = three_files();
    let long = Duration::from_secs(3600);
    let kept = KeptFolders::new(1, long);
    let first = kept.names(&path).unwrap();
    assert!(!Arc::ptr_eq(&first, &kept.names(&path).unwrap()));
    let only_large = KeptFolders::new(4, UNSURE);
    let first = only_large.names(&path).unwrap();
    assert!(!Arc::ptr_eq(&first, &only_large.names(&path).unwrap()));
    drop(folder);
}

#[test]
fn a_folder_that_is_gone_is_not_found_until_it_is_there_again() {
    let (folder, path) = three_files();
    let held = Arc::downgrade(&names(&folder, &path).0);
    fs::remove_dir_all(&path).unwrap();
    for _ in 0..2 {
        let gone = folder.store.kept.names(&path).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
    assert!(held.upgrade().is_none(), "it is held for ever");
    fs::create_dir(&path).unwrap();
    assert_eq!(names(&folder, &path).1, [""; 0]);
}

#[test]
fn the_folders_that_were_listed_last_are_kept() {
    let (folder, path) = three_files();
    let folders: Vec<PathBuf> = (0..20)
        .map(|number| path.join(number.to_string()))
        .collect();
    for path in &folders {
        fs::create_dir(path).unwrap();
        fs::write(path.join("a.png"), "").unwrap();
    }
    folder.settle();
    let first = names(&folder, &folders[0]).0;
    for path in &folders[1..] {
        names(&folder, path);
        assert!(Arc::ptr_eq(&first, &names(&folder, &folders[0]).0));
    }
    let [second, last] =
        [&folders[1], &folders[19]].map(|path| Arc::downgrade(&names(&folder, path).0));
    assert!(last.upgrade().is_some() && second.upgrade().is_some());
    for path in &folders[2..19] {
        names(&folder, path);
    }
    assert!(second.upgrade().is_none(), "it is held for ever");
}

#[test]
fn whoever_asks_behind_a_change_sees_it_however_many_ask() {
    let (folder, path) = three_files();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    names(&folder, &path);
                }
            });
        }
        for number in 0..200 {
            fs::write(path.join(format!("{number:03}")), "").unwrap();
            let seen = names(&folder, &path).1.len();
            if seen != number + 4 {
                is_over.store(true, Ordering::Relaxed);
            }
            assert_eq!(seen, number + 4);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
