//! The thumbnails of images: where they lie, which are known to be there, and making one that is
//! missing, once for all who ask for it.

use super::{ImageId, found::THUMBNAILS, id::hash_of};
use crate::{
    storage::{BlobStore, Container, DeleteMode, NewBlob, PutMode, StorageError},
    thumbnails::{self, Thumbnailer},
};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use uuid::Uuid;

/// So many are waited for at once, whoever asks; each waits for its turn.
const MOST_IN_THE_MAKING: usize = 256;

/// New images leave room for those that somebody looks at.
const MOST_UNASKED: usize = 64;

/// So many thumbnails are known by heart to be there; each takes some 50 bytes.
const MOST_KNOWN: usize = 50_000;

/// So many pictures are known not to be thumbnailed.
const MOST_UNUSABLE: usize = 1000;

const STEP: &str = "make a thumbnail";

/// How thumbnails are made.
#[derive(Debug, Clone, Copy)]
pub struct ThumbsSettings {
    /// A new image's is begun so much later: its answer goes first.
    pub delay: Duration,
    /// Whoever asks for one waits so long for it.
    pub longest_wait: Duration,
    /// So long one that was seen is taken to be there.
    pub known_for: Duration,
    /// So long a picture that cannot be used is not looked at again.
    pub unusable_for: Duration,
    /// Larger images get a placeholder, in bytes.
    pub most_image_bytes: u64,
}

impl Default for ThumbsSettings {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(250),
            longest_wait: Duration::from_secs(20),
            known_for: Duration::from_secs(3600),
            unusable_for: Duration::from_secs(600),
            most_image_bytes: 40 * 1024 * 1024,
        }
    }
}

/// What came of asking for a thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// It is there.
    There,
    /// There will be none: the picture cannot be used.
    Unusable,
    /// Too many are being made.
    NotNow,
}

type MadeResult = Result<Made, Arc<StorageError>>;

/// The thumbnails of one store.
#[derive(Clone)]
pub(super) struct Thumbs(Arc<Inner>);

struct Inner {
    store: Arc<dyn BlobStore>,
    maker: Thumbnailer,
    settings: ThumbsSettings,
    /// A picture's bytes are read only when it is its turn.
    turn: Semaphore,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Since when.
    known: HashMap<Key, Instant>,
    unusable: HashMap<Key, Instant>,
    in_the_making: HashMap<Key, Making>,
}

/// A thumbnail on its way.
#[derive(Clone)]
struct Making {
    made: Shared<BoxFuture<'static, MadeResult>>,
    /// Somebody waits for it, so that it begins at once.
    is_wanted: Arc<Notify>,
}

/// Which image's: a hash of its path.
type Key = [u8; 32];

fn key_of(image: &ImageId) -> Key {
    Sha256::digest(image.path()).into()
}

/// Where an image's thumbnail lies. A path with the image's own in it might be too long, and no
/// list has to find thumbnails.
pub(super) fn path_of(image: &ImageId) -> String {
    format!("{THUMBNAILS}{}.webp", hash_of(image.path()))
}

impl Thumbs {
    pub fn new(store: Arc<dyn BlobStore>, settings: ThumbsSettings) -> Self {
        let maker = Thumbnailer::new(thumbnails::ThumbnailSettings::default());
        Self(Arc::new(Inner {
            store,
            maker,
            settings,
            turn: Semaphore::new(1),
            memory: Mutex::default(),
        }))
    }

    /// Whether this process knows it to be there.
    pub fn is_known(&self, image: &ImageId) -> bool {
        let known = self.0.lock().known.get(&key_of(image)).copied();
        known.is_some_and(|since| since.elapsed() < self.0.settings.known_for)
    }

    /// Makes a new image's in the background; where many are waiting it is left to whoever
    /// looks at it first.
    pub fn make_soon(&self, image: ImageId) {
        let mut memory = self.0.lock();
        let is_begun = memory.in_the_making.contains_key(&key_of(&image));
        if !is_begun && memory.in_the_making.len() < MOST_UNASKED {
            drop(self.begin(&mut memory, image, self.0.settings.delay));
        }
    }

    /// Makes sure that an image has one.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] without the image; what the store says otherwise.
    pub async fn ensure(&self, image: &ImageId) -> MadeResult {
        let making = {
            let mut memory = self.0.lock();
            let key = key_of(image);
            let known = memory.known.get(&key);
            if known.is_some_and(|since| since.elapsed() < self.0.settings.known_for) {
                return Ok(Made::There);
            }
            let found_unusable = memory.unusable.get(&key);
            if found_unusable.is_some_and(|at| at.elapsed() < self.0.settings.unusable_for) {
                return Ok(Made::Unusable);
            }
            match memory.in_the_making.get(&key) {
                Some(making) => making.clone(),
                None if memory.in_the_making.len() < MOST_IN_THE_MAKING => {
                    self.begin(&mut memory, image.clone(), Duration::ZERO)
                }
                None => return Ok(Made::NotNow),
            }
        };
        making.is_wanted.notify_one();
        let wait = self.0.settings.longest_wait;
        let made = tokio::time::timeout(wait, making.made).await;
        made.unwrap_or(Ok(Made::NotNow))
    }

    /// Removes an image's, and what is known of it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remove(&self, image: &ImageId) -> Result<(), StorageError> {
        {
            let (mut memory, key) = (self.0.lock(), key_of(image));
            memory.known.remove(&key);
            memory.unusable.remove(&key);
            // What is being made of it now is not remembered.
            memory.in_the_making.remove(&key);
        }
        self.0.delete(&path_of(image)).await
    }

    /// Starts a task, so that it is made whoever leaves.
    fn begin(&self, memory: &mut Memory, image: ImageId, delay: Duration) -> Making {
        let (inner, key) = (self.0.clone(), key_of(&image));
        let is_wanted = Arc::new(Notify::new());
        let wanted = is_wanted.clone();
        let task = tokio::spawn(async move {
            // Over when somebody wants it, or at the end of the delay.
            let _ = tokio::time::timeout(delay, wanted.notified()).await;
            // A panic must not keep the place: nobody would ever make it then.
            let made = AssertUnwindSafe(inner.find_or_make(&image)).catch_unwind();
            let lost = |_| Err(StorageError::failed(STEP, "it panicked").into());
            let made = made.await.unwrap_or_else(lost);
            inner.lock().remember(key, &wanted, &made);
            made
        });
        let lost = |error| Arc::new(StorageError::failed(STEP, error));
        let making = async move { task.await.map_err(lost).and_then(|made| made) };
        let making = Making {
            made: making.boxed().shared(),
            is_wanted,
        };
        memory.in_the_making.insert(key, making.clone());
        making
    }
}

impl Inner {
    async fn find_or_make(&self, image: &ImageId) -> MadeResult {
        let path = path_of(image);
        match self.store.look(Container::Images, &path).await {
            Ok(_) => return Ok(Made::There),
            Err(StorageError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        // What is not there, or of no use, waits for no turn.
        let limit = self.settings.most_image_bytes;
        let found = self.store.look(Container::Images, image.path()).await?;
        if found.size_bytes > limit {
            return Ok(Made::Unusable);
        }
        // Never closed, and without a turn it is made all the same.
        let _turn = self.turn.acquire().await;
        let picture = self
            .store
            .get_at_most(Container::Images, image.path(), limit);
        let picture = match picture.await {
            Ok(blob) => blob.bytes,
            Err(StorageError::TooLarge { .. }) => return Ok(Made::Unusable),
            Err(error) => return Err(error.into()),
        };
        match self.maker.make(picture).await {
            Ok(thumbnail) => self.keep(image, &path, thumbnail).await,
            Err(reason) => {
                tracing::info!(%reason, "a picture has no thumbnail");
                Ok(Made::Unusable)
            }
        }
    }

    async fn keep(&self, image: &ImageId, path: &str, thumbnail: Bytes) -> MadeResult {
        let blob = NewBlob {
            content: thumbnail.into(),
            content_type: thumbnails::CONTENT_TYPE.to_owned(),
            metadata: Default::default(),
            write_id: Uuid::new_v4(),
        };
        let put = self
            .store
            .put(Container::Images, path, blob, PutMode::Create);
        match put.await {
            // Another instance was faster.
            Ok(_) | Err(StorageError::AlreadyExists) => {}
            Err(error) => return Err(error.into()),
        }
        // Whoever deleted the image meanwhile found no thumbnail to delete.
        if let Err(StorageError::NotFound) = self.store.look(Container::Images, image.path()).await
        {
            self.delete(path).await?;
            return Err(StorageError::NotFound.into());
        }
        Ok(Made::There)
    }

    async fn delete(&self, path: &str) -> Result<(), StorageError> {
        let deleted = self.store.delete(Container::Images, path, DeleteMode::Any);
        match deleted.await {
            Ok(()) | Err(StorageError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn remember(&mut self, key: Key, is_wanted: &Arc<Notify>, made: &MadeResult) {
        let making = self.in_the_making.get(&key);
        if making.is_none_or(|making| !Arc::ptr_eq(&making.is_wanted, is_wanted)) {
            return; // removed meanwhile
        }
        self.in_the_making.remove(&key);
        match made {
            Ok(Made::There) => {
                if self.known.len() >= MOST_KNOWN {
                    self.known.clear();
                }
                self.known.insert(key, Instant::now());
            }
            Ok(Made::Unusable) => {
                if self.unusable.len() >= MOST_UNUSABLE {
                    self.unusable.clear();
                }
                self.unusable.insert(key, Instant::now());
            }
            Ok(Made::NotNow) | Err(_) => {}
        }
    }
}
