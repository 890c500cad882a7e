//! What is told of a blob without its content, and how much of a content is taken.

use crate::{
    account::Account,
    azurite,
    conformance::{account, blob, conformance, folder},
    faulty_account::{Fault, Step},
};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use visionary::storage::{
    BlobStore, Container, ListQuery, NewBlob, PutMode, StorageError,
    azure::{AzureSettings, AzureStore, RetrySettings},
    directory::{DirectorySettings, DirectoryStore},
};

conformance!(
    a_look_tells_what_a_list_tells,
    a_look_at_nothing_is_not_found,
    a_blob_is_read_up_to_a_limit,
    a_limit_makes_nothing_of_what_is_not_there,
    an_authenticator_belongs_to_its_message,
);

async fn put(store: &dyn BlobStore, name: &str, new: NewBlob) {
    let put = store.put(Container::Images, name, new, PutMode::Create);
    put.await.unwrap();
}

async fn a_look_tells_what_a_list_tells(store: &dyn BlobStore) {
    for (name, content) in [("gallery/1/a ü_1.png", "content"), ("empty", "")] {
        put(store, name, blob(content)).await;
    }
    let everything = ListQuery::default();
    let listed = store.list(Container::Images, &everything).await.unwrap();
    assert_eq!(listed.items.len(), 2);
    for item in listed.items {
        let seen = store.look(Container::Images, &item.name).await.unwrap();
        assert_eq!(seen, item);
        assert_eq!(seen.metadata, blob("").metadata);
    }
}

async fn a_look_at_nothing_is_not_found(store: &dyn BlobStore) {
    let look = async |name| store.look(Container::Images, name).await;
    let without_container = look("a.png").await;
    assert!(
        matches!(without_container, Err(StorageError::NotFound)),
        "{without_container:?}"
    );
    put(store, "folder/a.png", blob("")).await;
    for name in ["b.png", "folder/b.png", "folder", "folder/a.png/b"] {
        let seen = look(name).await;
        assert!(
            matches!(seen, Err(StorageError::NotFound)),
            "{name}: {seen:?}"
        );
    }
    let seen = look("../a.png").await;
    assert!(
        matches!(seen, Err(StorageError::InvalidName { .. })),
        "{seen:?}"
    );
}

async fn a_blob_is_read_up_to_a_limit(store: &dyn BlobStore) {
    put(store, "five", blob("12345")).await;
    put(store, "empty", blob("")).await;
    let get = async |name, most| store.get_at_most(Container::Images, name, most).await;
    for most in [5, 6, u64::MAX] {
        let got = get("five", most).await.unwrap();
        assert_eq!(
            (got.bytes, got.metadata),
            ("12345".into(), blob("").metadata)
        );
    }
    for most in [0, 1, 4] {
        let got = get("five", most).await;
        assert!(
            matches!(got, Err(StorageError::TooLarge { size_bytes: 5 })),
            "{most}: {got:?}"
        );
    }
    assert!(get("empty", 0).await.unwrap().bytes.is_empty());
}

async fn a_limit_makes_nothing_of_what_is_not_there(store: &dyn BlobStore) {
    put(store, "folder/a.png", blob("")).await;
    for name in ["b.png", "folder", "folder/a.png/b"] {
        let got = store.get_at_most(Container::Images, name, 0).await;
        assert!(
            matches!(got, Err(StorageError::NotFound)),
            "{name}: {got:?}"
        );
    }
}

async fn an_authenticator_belongs_to_its_message(store: &dyn BlobStore) {
    let made = store.authenticate(b"message").await.unwrap();
    assert_eq!(made, store.authenticate(b"message").await.unwrap());
    for other in ["messagf", "message ", ""] {
        let of_other = store.authenticate(other.as_bytes()).await.unwrap();
        assert_ne!(made, of_other, "{other:?}");
    }
}

#[tokio::test]
async fn every_process_of_a_store_makes_the_same_authenticators_and_no_other_store_does() {
    let (first, second) = (account().store, account().store);
    let of_account = first.authenticate(b"message").await.unwrap();
    assert_eq!(of_account, second.authenticate(b"message").await.unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let open = || {
        let lock_wait = Duration::ZERO;
        let root = temporary.path().to_owned();
        DirectoryStore::open(&DirectorySettings { root, lock_wait }).unwrap()
    };
    let of_folder = open().authenticate(b"message").await.unwrap();
    assert_eq!(of_folder, open().authenticate(b"message").await.unwrap());
    let of_another = folder().store.authenticate(b"message").await.unwrap();
    assert!(of_account != of_folder && of_folder != of_another);
}

#[tokio::test]
async fn of_a_file_of_a_terabyte_nothing_is_read() {
    let temporary = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(&DirectorySettings {
        root: temporary.path().to_owned(),
        lock_wait: Duration::ZERO,
    });
    let store = store.unwrap();
    let file = std::fs::File::create(temporary.path().join("images/a.png")).unwrap();
    file.set_len(1 << 40).unwrap();
    let got = store.get_at_most(Container::Images, "a.png", 1000).await;
    assert!(
        matches!(got, Err(StorageError::TooLarge { size_bytes }) if size_bytes == 1 << 40),
        "{got:?}"
    );
}

/// An account that sends a terabyte to whoever goes on reading.
#[tokio::test]
async fn of_a_blob_of_a_terabyte_only_the_head_of_the_answer_is_read() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 8192]).await.unwrap();
        let date = "Sun, 01 Mar 2026 12:00:00 GMT";
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nDate: {date}\r\nLast-Modified: {date}\r\n\
             x-ms-creation-time: {date}\r\nETag: \"0x1\"\r\nx-ms-blob-type: BlockBlob\r\n\
             x-ms-server-encrypted: true\r\nContent-Type: image/png\r\n\
             x-ms-request-id: 00000000-0000-0000-0000-000000000000\r\n\
             Content-Range: bytes 0-{}/{}\r\nContent-Length: {}\r\n\r\n",
            (1u64 << 40) - 1,
            1u64 << 40,
            1u64 << 40
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0;
        while connection.write_all(&[0; 65536]).await.is_ok() {
            sent += 65536;
        }
        sent
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = AzureSettings {
        account: azurite::ACCOUNT.to_owned(),
        endpoint: format!("http://{address}/{}", azurite::ACCOUNT)
            .parse()
            .unwrap(),
        images_container: "images".to_owned(),
        state_container: "state".to_owned(),
        request_timeout: Duration::from_secs(20),
        longest_put: Duration::from_secs(20),
        retries: RetrySettings::default(),
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let store = AzureStore::new(settings, azurite::access(), http);
    let got = store.get_at_most(Container::Images, "a.png", 1000).await;
    assert!(
        matches!(got, Err(StorageError::TooLarge { size_bytes }) if size_bytes == 1 << 40),
        "{got:?}"
    );
    let sent = server.await.unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were on their way");
}

#[tokio::test]
async fn a_tier_that_the_crate_does_not_know_hides_no_blob() {
    let account = Account::start().await;
    let tier = Fault::Says("x-ms-access-tier", "Smart".to_owned());
    account.always(Step::Look, tier.clone());
    account.always(Step::Read, tier);
    let (store, name) = (&account.store, "first.png");
    let seen = store.look(Container::Images, name).await.unwrap();
    assert_eq!(seen.size_bytes, 5);
    let read = store.get(Container::Images, name).await.unwrap();
    assert_eq!(&read.bytes[..], b"first");
}
