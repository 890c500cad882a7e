//! A store in memory that counts what it is asked, and has the habits of an account that a list
//! must live with: short pages, empty ones, names that break a page, failures, and answers that
//! take their time.

use crate::{
    sas::{SasProtocol, SharedKey},
    storage::{
        BlobItem, BlobPage, BlobStore, Container, CopiedProperties, DeleteMode, ETag, ListDepth,
        ListQuery, Metadata, NewBlob, PutMode, Sharing, Signer, StorageError, StoredBlob,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};
use time::OffsetDateTime;
use tokio::sync::watch;
use uuid::Uuid;

/// The service's largest page.
const LARGEST_PAGE: usize = 5000;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A page of all that lies below `gallery/`.
    Page,
    /// A list of something else of the images.
    OtherList,
    Look,
    Read,
    Write,
    Delete,
    StateRead,
    StateWrite,
}

/// What a page of a list looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// As many as were asked for.
    Full,
    /// So many at the most, and a marker.
    Short(usize),
    /// None, and a marker.
    Empty,
}

#[derive(Debug, Clone)]
struct Blob {
    bytes: Bytes,
    content_type: String,
    metadata: Metadata,
    version: u64,
    written_at: Instant,
    last_modified: OffsetDateTime,
}

#[derive(Default)]
struct World {
    images: BTreeMap<String, Blob>,
    state: BTreeMap<String, Blob>,
    versions: u64,
    broken: BTreeSet<String>,
    shapes: Vec<Shape>,
    failing: Vec<Step>,
    /// Fails at its next call only.
    fails_once: Vec<Step>,
    panicking: Vec<Step>,
    calls: Vec<Step>,
}

/// The store.
pub struct MemoryStore {
    world: Mutex<World>,
    held: watch::Sender<Option<Step>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            world: Mutex::default(),
            held: watch::Sender::new(None),
        }
    }
}

impl MemoryStore {
    /// Puts an image there as somebody else would.
    pub fn add(&self, name: &str) {
        self.add_with(name, &[]);
    }

    /// The same with metadata.
    pub fn add_with(&self, name: &str, metadata: &[(&str, &str)]) {
        self.put_image(name, Bytes::from_static(b"x"), metadata);
    }

    /// The same with content.
    pub fn put_image(&self, name: &str, bytes: Bytes, metadata: &[(&str, &str)]) {
        let metadata = metadata.iter();
        let blob = NewBlob {
            content: bytes.into(),
            content_type: "image/png".to_owned(),
            metadata: metadata
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            write_id: Uuid::nil(),
        };
        self.lock().put(Container::Images, name, blob);
    }

    /// Takes an image away as somebody else would.
    pub fn take_away(&self, name: &str) {
        self.lock().images.remove(name).unwrap();
    }

    /// Writes into the state container.
    pub fn set_state(&self, name: &str, content: impl Into<Bytes>) {
        let blob = NewBlob {
            content: content.into().into(),
            content_type: "application/json".to_owned(),
            metadata: Metadata::new(),
            write_id: Uuid::nil(),
        };
        self.lock().put(Container::State, name, blob);
    }

    /// What the state container has under a name.
    pub fn state(&self, name: &str) -> Option<Bytes> {
        let world = self.lock();
        world.state.get(name).map(|blob| blob.bytes.clone())
    }

    /// All names of images.
    pub fn names(&self) -> Vec<String> {
        self.lock().images.keys().cloned().collect()
    }

    /// No page that would show this name can be listed.
    pub fn break_name(&self, name: &str) {
        self.add(name);
        self.lock().broken.insert(name.to_owned());
    }

    /// The pages of each list have these shapes in turn.
    pub fn shape(&self, shapes: &[Shape]) {
        self.lock().shapes = shapes.to_vec();
    }

    /// Calls of these kinds fail from now on; no others do.
    pub fn fail(&self, steps: &[Step]) {
        self.lock().failing = steps.to_vec();
    }

    /// The next call of this kind fails.
    pub fn fail_once(&self, step: Step) {
        self.lock().fails_once.push(step);
    }

    /// Calls of these kinds panic from now on; no others do.
    pub fn panic_at(&self, steps: &[Step]) {
        self.lock().panicking = steps.to_vec();
    }

    /// Somebody else writes an image anew.
    pub fn write_anew(&self, name: &str, last_modified: OffsetDateTime) {
        self.lock().images.get_mut(name).unwrap().last_modified = last_modified;
    }

    /// Every call fails from now on.
    pub fn fail_all(&self) {
        self.fail(&[
            Step::Page,
            Step::OtherList,
            Step::Look,
            Step::Read,
            Step::Write,
            Step::Delete,
            Step::StateRead,
            Step::StateWrite,
        ]);
    }

    /// Calls of this kind are done, and answered only after [`Self::release`].
    pub fn hold(&self, step: Step) {
        self.held.send_replace(Some(step));
    }

    /// Lets the held answers go.
    pub fn release(&self) {
        self.held.send_replace(None);
    }

    /// How many calls of a kind have come.
    pub fn count(&self, step: Step) -> usize {
        let world = self.lock();
        world.calls.iter().filter(|call| **call == step).count()
    }

    /// Notes a call, and fails where it should.
    fn begin(&self, step: Step) -> Result<MutexGuard<'_, World>, StorageError> {
        let mut world = self.lock();
        world.calls.push(step);
        if world.panicking.contains(&step) {
            drop(world);
            panic!("it was told to panic");
        }
        let once = world.fails_once.iter().position(|it| *it == step);
        let fails_once = once.map(|index| world.fails_once.remove(index)).is_some();
        match fails_once || world.failing.contains(&step) {
            true => Err(StorageError::failed("do anything", "it was told to fail")),
            false => Ok(world),
        }
    }

    async fn answer<T>(&self, step: Step, answer: T) -> T {
        let mut held = self.held.subscribe();
        held.wait_for(|held| *held != Some(step)).await.unwrap();
        answer
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

impl World {
    fn blobs(&mut self, container: Container) -> &mut BTreeMap<String, Blob> {
        match container {
            Container::Images => &mut self.images,
            Container::State => &mut self.state,
        }
    }

    fn put(&mut self, container: Container, name: &str, blob: NewBlob) -> ETag {
        self.versions += 1;
        let version = self.versions;
        let blob = Blob {
            bytes: blob.content.pieces().concat().into(),
            content_type: blob.content_type,
            metadata: blob.metadata,
            version,
            written_at: Instant::now(),
            last_modified: OffsetDateTime::UNIX_EPOCH,
        };
        self.blobs(container).insert(name.to_owned(), blob);
        ETag::new(version.to_string())
    }

    fn list(&mut self, container: Container, query: &ListQuery) -> Option<BlobPage> {
        // A marker: which page of the list it begins, and with which name.
        let marker = query.marker.as_deref().unwrap_or("0:");
        let (page_index, start) = marker.split_once(':').unwrap();
        let page_index: usize = page_index.parse().unwrap();
        let most = query.max_results.map_or(LARGEST_PAGE, |most| most as usize);
        let most = match self.shapes.get(page_index % self.shapes.len().max(1)) {
            None | Some(Shape::Full) => most,
            Some(Shape::Short(fewer)) => most.min(*fewer),
            Some(Shape::Empty) => 0,
        };
        let broken = self.broken.clone();
        let first = start.max(query.prefix.as_str()).to_owned();
        let mut page = BlobPage::default();
        let below = self.blobs(container).range(first..);
        for (name, blob) in below.take_while(|(name, _)| name.starts_with(&query.prefix)) {
            let rest = &name[query.prefix.len()..];
            let folder = match (query.depth, rest.find('/')) {
                (ListDepth::OneLevel, Some(end)) => Some(&name[..=query.prefix.len() + end]),
                _ => None,
            };
            if folder.is_some_and(|it| page.folders.last().is_some_and(|last| last == it)) {
                continue;
            }
            if page.items.len() + page.folders.len() >= most {
                let shown = folder.unwrap_or(name);
                page.next_marker = Some(format!("{}:{shown}", page_index + 1));
                break;
            }
            match folder {
                Some(folder) => page.folders.push(folder.to_owned()),
                None if container == Container::Images && broken.contains(name) => return None,
                None => page.items.push(blob.item(name)),
            }
        }
        Some(page)
    }
}

impl Blob {
    fn item(&self, name: &str) -> BlobItem {
        BlobItem {
            name: name.to_owned(),
            size_bytes: self.bytes.len() as u64,
            content_type: self.content_type.clone(),
            last_modified: self.last_modified,
            metadata: self.metadata.clone(),
        }
    }
}

#[async_trait]
impl BlobStore for MemoryStore {
    async fn put(
        &self,
        container: Container,
        name: &str,
        blob: NewBlob,
        mode: PutMode,
    ) -> Result<ETag, StorageError> {
        let step = match container {
            Container::Images => Step::Write,
            Container::State => Step::StateWrite,
        };
        let etag = {
            let mut world = self.begin(step)?;
            let there = world.blobs(container).get(name).map(|blob| blob.version);
            match (mode, there) {
                (PutMode::Create, Some(_)) => return Err(StorageError::AlreadyExists),
                (PutMode::Replace(etag), there)
                    if there.is_none_or(|version| version.to_string() != etag.as_str()) =>
                {
                    return Err(StorageError::Changed);
                }
                _ => world.put(container, name, blob),
            }
        };
        Ok(self.answer(step, etag).await)
    }

    async fn get_at_most(
        &self,
        container: Container,
        name: &str,
        most_bytes: u64,
    ) -> Result<StoredBlob, StorageError> {
        let step = match container {
            Container::Images => Step::Read,
            Container::State => Step::StateRead,
        };
        let blob = self.begin(step)?.blobs(container).get(name).cloned();
        let blob = self.answer(step, blob).await;
        let blob = blob.ok_or(StorageError::NotFound)?;
        let size_bytes = blob.bytes.len() as u64;
        match size_bytes > most_bytes {
            true => Err(StorageError::TooLarge { size_bytes }),
            false => Ok(StoredBlob {
                bytes: blob.bytes,
                content_type: blob.content_type,
                metadata: blob.metadata,
                etag: ETag::new(blob.version.to_string()),
                age: blob.written_at.elapsed(),
            }),
        }
    }

    async fn look(&self, container: Container, name: &str) -> Result<BlobItem, StorageError> {
        let item = {
            let mut world = self.begin(Step::Look)?;
            let blob = world.blobs(container).get(name);
            blob.map(|blob| blob.item(name))
        };
        let item = self.answer(Step::Look, item).await;
        item.ok_or(StorageError::NotFound)
    }

    async fn copy_image(
        &self,
        _source: &str,
        _target: &str,
        _properties: CopiedProperties,
    ) -> Result<(), StorageError> {
        panic!("no list copies anything")
    }

    async fn delete(
        &self,
        container: Container,
        name: &str,
        _mode: DeleteMode,
    ) -> Result<(), StorageError> {
        let mut world = self.begin(Step::Delete)?;
        let deleted = world.blobs(container).remove(name);
        deleted.map(drop).ok_or(StorageError::NotFound)
    }

    async fn list(
        &self,
        container: Container,
        query: &ListQuery,
    ) -> Result<BlobPage, StorageError> {
        let is_page = query.prefix == "gallery/" && query.depth == ListDepth::Whole;
        let step = match is_page {
            true => Step::Page,
            false => Step::OtherList,
        };
        let page = self.begin(step)?.list(container, query);
        let broken = || StorageError::failed("list", "a name in it cannot stand in XML");
        self.answer(step, page).await.ok_or_else(broken)
    }

    async fn signer(&self) -> Result<Signer, StorageError> {
        Ok(Signer::of_folder(Arc::new(key()), "images"))
    }

    async fn authenticate(&self, message: &[u8]) -> Result<[u8; 32], StorageError> {
        Ok(key().authenticate("tests", message))
    }

    fn image_url(&self, name: &str, public_base_url: &str) -> String {
        format!("{public_base_url}/{name}")
    }

    fn protocol(&self) -> SasProtocol {
        SasProtocol::HttpsAndHttp
    }

    fn sharing(&self) -> Sharing {
        Sharing::ManyProcesses
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

fn key() -> SharedKey {
    SharedKey::from_bytes("memory", b"key".to_vec())
}
