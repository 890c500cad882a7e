//! What a folder does to a write where it fails: an error, nothing half-written to see, and the
//! next write works as soon as the folder does. Whoever runs the tests may be root, so folders
//! are not locked but taken away, or have a file in their place.

use crate::account::{blob, cause, content};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use visionary::storage::{
    BlobStore, Container, DeleteMode, ETag, ListQuery, PutMode, StorageError,
    directory::{DirectorySettings, DirectoryStore},
};

const NAME: &str = "gallery/1/a.png";

fn open(root: &Path) -> Result<DirectoryStore, StorageError> {
    DirectoryStore::open(&DirectorySettings {
        root: root.to_owned(),
        lock_wait: Duration::ZERO,
    })
}

struct Folder {
    store: DirectoryStore,
    root: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("store");
        let store = open(&root).unwrap();
        Self {
            store,
            root,
            _temporary: temporary,
        }
    }

    async fn put(&self, mode: PutMode) -> Result<ETag, StorageError> {
        let new = blob(content(NAME, 100_000));
        self.store.put(Container::Images, NAME, new, mode).await
    }

    async fn assert_nothing_is_there(&self, case: &str) {
        let got = self.store.get(Container::Images, NAME).await;
        assert!(
            matches!(got, Err(StorageError::NotFound)),
            "{case}: {got:?}"
        );
        let everything = ListQuery::default();
        // A folder that is not there lists as an empty one, or not at all.
        if let Ok(page) = self.store.list(Container::Images, &everything).await {
            let is_listed = page.items.iter().any(|item| item.name == NAME);
            assert!(!is_listed, "{case}");
        }
        let left = fs::read_dir(self.root.join("incoming"));
        let left = left.into_iter().flatten().count();
        assert_eq!(left, 0, "{case}: temporary files are left");
    }
}

fn remove(path: &Path) {
    fs::remove_dir_all(path).unwrap();
}

fn replace_by_a_file(path: &Path) {
    if path.exists() {
        remove(path);
    }
    fs::write(path, "a file where a folder should be").unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_failure_and_shows_nothing() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 7] = [
        ("the store is gone", |root| remove(root)),
        ("incoming is gone", |root| remove(&root.join("incoming"))),
        ("incoming is a file", |root| {
            replace_by_a_file(&root.join("incoming"));
        }),
        ("properties is a file", |root| {
            replace_by_a_file(&root.join("properties"));
        }),
        ("images is a file", |root| {
            replace_by_a_file(&root.join("images"));
        }),
        ("gallery is a file", |root| {
            replace_by_a_file(&root.join("images/gallery"));
        }),
        ("the properties' place is taken by a folder", |root| {
            let place = root.join("properties/images/gallery/1/a.png.json/x");
            fs::create_dir_all(place).unwrap();
        }),
    ];
    for (case, harm) in harms {
        for mode in [PutMode::Create, PutMode::Overwrite] {
            let folder = Folder::new();
            harm(&folder.root);
            let error = folder.put(mode.clone()).await.unwrap_err();
            assert!(
                matches!(error, StorageError::Failed { .. }),
                "{case}: {error:?}"
            );
            assert!(!cause(&error).is_empty(), "{case}: {error:?}");
            folder.assert_nothing_is_there(case).await;
        }
    }
}

#[tokio::test]
async fn a_write_that_fails_leaves_the_blob_that_it_was_to_replace() {
    let folder = Folder::new();
    folder.put(PutMode::Create).await.unwrap();
    remove(&folder.root.join("incoming"));
    assert!(folder.put(PutMode::Overwrite).await.is_err());
    let got = folder.store.get(Container::Images, NAME).await.unwrap();
    assert!(got.bytes == content(NAME, 100_000));
    assert_eq!(got.metadata, blob(got.bytes).metadata);
}

#[tokio::test]
async fn folders_of_a_container_that_were_deleted_are_made_again() {
    let folder = Folder::new();
    folder.put(PutMode::Create).await.unwrap();
    remove(&folder.root.join("images"));
    remove(&folder.root.join("properties"));
    folder.assert_nothing_is_there("deleted").await;
    folder.put(PutMode::Create).await.unwrap();
    let got = folder.store.get(Container::Images, NAME).await.unwrap();
    assert!(got.bytes == content(NAME, 100_000));
    assert_eq!(got.metadata, blob(got.bytes).metadata);
}

#[tokio::test]
async fn a_folder_that_is_back_takes_writes_again() {
    let folder = Folder::new();
    let away = folder.root.with_extension("away");
    fs::rename(&folder.root, &away).unwrap();
    assert!(folder.put(PutMode::Create).await.is_err());
    assert!(
        !folder.root.exists(),
        "nothing is made where a disk is missing"
    );
    fs::rename(&away, &folder.root).unwrap();
    folder.put(PutMode::Create).await.unwrap();
}

#[tokio::test]
async fn a_folder_is_one_stores_at_a_time_and_free_when_its_last_clone_is_gone() {
    let folder = Folder::new();
    let clone = folder.store.clone();
    drop(folder.store);
    let error = open(&folder.root).unwrap_err();
    assert!(
        cause(&error).contains("another process uses this folder"),
        "{error:?}"
    );
    let got = clone.get(Container::Images, NAME).await;
    assert!(matches!(got, Err(StorageError::NotFound)), "{got:?}");
    drop(clone);
    open(&folder.root).unwrap();
}

/// A crash between the two leaves the new properties beside the old data: that is still the old
/// version, and whoever has read it may replace it.
#[tokio::test]
async fn properties_without_their_data_are_no_version() {
    let folder = Folder::new();
    let version = folder.put(PutMode::Create).await.unwrap();
    let properties = folder.root.join("properties/images").join(NAME);
    let newer = r#"{"contentType":"text/plain","metadata":{"prompt":"newer"}}"#;
    fs::write(format!("{}.json", properties.display()), newer).unwrap();
    let got = folder.store.get(Container::Images, NAME).await.unwrap();
    assert_eq!(got.etag, version);
    assert!(got.bytes == content(NAME, 100_000));
    let new = blob(content("new", 100));
    let mode = PutMode::Replace(version);
    let replaced = folder.store.put(Container::Images, NAME, new, mode).await;
    let got = folder.store.get(Container::Images, NAME).await.unwrap();
    assert_eq!(got.etag, replaced.unwrap());
    assert_eq!(got.metadata, blob(got.bytes).metadata);
}

#[tokio::test]
async fn a_deleted_blob_leaves_nothing_to_the_next_of_its_name() {
    let folder = Folder::new();
    folder.put(PutMode::Create).await.unwrap();
    let deleted = folder
        .store
        .delete(Container::Images, NAME, DeleteMode::Any);
    deleted.await.unwrap();
    folder.assert_nothing_is_there("deleted").await;
    for part in ["images", "properties/images"] {
        let left = fs::read_dir(folder.root.join(part)).unwrap().count();
        assert_eq!(left, 0, "{part}");
    }
    fs::create_dir_all(folder.root.join("images/gallery/1")).unwrap();
    fs::write(folder.root.join("images").join(NAME), "foreign").unwrap();
    let got = folder.store.get(Container::Images, NAME).await.unwrap();
    assert!(got.metadata.is_empty());
}

#[tokio::test]
async fn a_blob_is_as_old_as_its_file() {
    let folder = Folder::new();
    folder.put(PutMode::Create).await.unwrap();
    let path = folder.root.join("images").join(NAME);
    let file = fs::File::options().write(true).open(path).unwrap();
    let hour = Duration::from_secs(3600);
    for (written, expected) in [
        (SystemTime::now() - hour, hour),
        (SystemTime::now() + hour, Duration::ZERO), // the clock was set back
    ] {
        file.set_modified(written).unwrap();
        let age = folder.store.get(Container::Images, NAME).await.unwrap().age;
        assert!(age >= expected, "{age:?}");
        assert!(age < expected + Duration::from_secs(60), "{age:?}");
    }
}
