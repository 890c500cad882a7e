//! What the state container holds of an operation, as a process of another day may have left it.

use super::{AzureStore, Service, operation_file};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;
use visionary::storage::{BlobStore, Container, ListQuery, Metadata, NewBlob, PutMode};

/// Milliseconds since 1970.
pub fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// An id that is accepted at this moment.
pub fn new_id(millis: u64) -> String {
    format!("{millis:012x}{}", Uuid::new_v4().simple())
}

/// An operation that waits for its place at a process that is gone.
pub fn waiting(id: &str) -> Value {
    json!({
        "id": id, "status": "notRunning", "requestId": "first-request",
        "outputKey": "imageList", "owner": Uuid::new_v4(), "beats": 3, "ownersLost": 0,
        "provider": "openai", "model": "gpt-image-2", "wanted": 1, "sentAt": null,
        "fields": {"prompt": "a red fox"},
    })
}

/// An operation that was sent, now, by a process that is gone.
pub fn running(id: &str) -> Value {
    with(
        waiting(id),
        json!({"status": "running", "sentAt": now_millis(), "fields": null}),
    )
}

/// A record with other fields; null takes one away.
pub fn with(mut record: Value, fields: Value) -> Value {
    let (Value::Object(record_fields), Value::Object(fields)) = (&mut record, fields) else {
        panic!("no objects");
    };
    for (name, value) in fields {
        match value {
            Value::Null => drop(record_fields.remove(&name)),
            value => drop(record_fields.insert(name, value)),
        }
    }
    record
}

/// Puts a record into a service's folder.
pub fn write(service: &Service, id: &str, bytes: impl AsRef<[u8]>) {
    let file = operation_file(service, id);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// The record that is there now.
pub fn read(service: &Service, id: &str) -> Value {
    serde_json::from_slice(&std::fs::read(operation_file(service, id)).unwrap()).unwrap()
}

/// Puts a blob among what an account's processes remember.
pub async fn put(store: &AzureStore, name: &str, content: impl Into<Bytes>) {
    let blob = NewBlob {
        content: content.into().into(),
        content_type: "application/json".to_owned(),
        metadata: Metadata::new(),
        write_id: Uuid::new_v4(),
    };
    let put = store.put(Container::State, name, blob, PutMode::Overwrite);
    put.await.unwrap();
}

/// A record of an account.
pub async fn get(store: &AzureStore, id: &str) -> Value {
    let name = format!("operations/{id}");
    let blob = store.get(Container::State, &name).await.unwrap();
    serde_json::from_slice(&blob.bytes).unwrap()
}

/// The operation of an account's only key.
pub async fn id_of_key(store: &AzureStore) -> String {
    let name = names(store, "keys").await.remove(0);
    let key = store.get(Container::State, &name).await.unwrap();
    let holder: Value = serde_json::from_slice(&key.bytes).unwrap();
    holder["operation"].as_str().unwrap().to_owned()
}

/// The names of an account's operations or keys, in order.
pub async fn names(store: &AzureStore, folder: &str) -> Vec<String> {
    let query = ListQuery {
        prefix: format!("{folder}/"),
        ..ListQuery::default()
    };
    let page = store.list(Container::State, &query).await.unwrap();
    page.items.into_iter().map(|blob| blob.name).collect()
}

/// Waits until an account has an operation, and gives the last one's id.
pub async fn last_id(store: &AzureStore) -> String {
    super::found("an operation", || async {
        let name = names(store, "operations").await.pop()?;
        name.strip_prefix("operations/").map(str::to_owned)
    })
    .await
}
