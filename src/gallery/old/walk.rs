//! Finds all images of a container that are not ours. Each folder is asked for apart, so that
//! what fails of one hides no other.

use super::{
    index::{MOST_IMAGES, OldIndex},
    migrated::Migrated,
};
use crate::{
    gallery::found::{self, Found, OURS, THUMBNAILS, sort_newest_first},
    storage::{BlobItem, BlobPage, BlobStore, Container, ListDepth, ListQuery, StorageError},
};
use std::collections::{HashSet, VecDeque};

/// What a walk found, and what it could not see.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub found: Vec<Found>,
    /// Paths of images that are not to be found, since they have a copy in `gallery/`.
    pub hidden: Vec<String>,
    /// Prefixes that could not be listed.
    pub failed: Vec<String>,
}

/// Which part of the container.
#[derive(Debug, Clone, Copy)]
pub(in crate::gallery) enum Part {
    /// The root and every folder but ours and the thumbnails'.
    Foreign,
    /// What lies below `gallery/` without a key of ours.
    Strays,
}

impl Part {
    fn prefix(self) -> &'static str {
        match self {
            Self::Foreign => "",
            Self::Strays => OURS,
        }
    }

    fn may_enter(self, folder: &str) -> bool {
        match self {
            Self::Foreign => folder != OURS && folder != THUMBNAILS,
            // A folder of a key counts as ours whatever follows.
            Self::Strays => !found::is_ours(folder),
        }
    }

    /// Whether an image belongs to this part.
    pub fn has(self, path: &str) -> bool {
        match self {
            Self::Foreign => !path.starts_with(OURS),
            Self::Strays => path.starts_with(OURS),
        }
    }
}

/// A prefix that the store does not list.
#[derive(Debug)]
pub(in crate::gallery) struct Unlisted {
    pub prefix: String,
    pub error: StorageError,
}

/// Goes through a part of the container and holds one page of it.
pub(in crate::gallery) struct Walker<'a> {
    store: &'a dyn BlobStore,
    part: Part,
    /// The list of the folders, and of what lies beside them.
    top: Option<ListQuery>,
    /// The folder within which the walker is.
    inner: Option<ListQuery>,
    /// Folders of the last page that are still to be entered.
    folders: VecDeque<String>,
}

impl<'a> Walker<'a> {
    pub fn new(store: &'a dyn BlobStore, part: Part) -> Self {
        Self {
            store,
            part,
            top: Some(query(part.prefix(), ListDepth::OneLevel)),
            inner: None,
            folders: VecDeque::new(),
        }
    }

    /// The next images, or what could not be listed; the walk goes on behind it.
    pub async fn next(&mut self) -> Option<Result<Vec<BlobItem>, Unlisted>> {
        if self.inner.is_none() {
            let folder = self.folders.pop_front();
            self.inner = folder.map(|folder| query(&folder, ListDepth::Whole));
        }
        let query = self.inner.take().or_else(|| self.top.take())?;
        Some(self.list(query).await)
    }

    /// What fails once may be the store's bad moment and not a name that it cannot list.
    async fn list_once_more(&self, query: &ListQuery) -> Result<BlobPage, StorageError> {
        match self.store.list(Container::Images, query).await {
            Err(StorageError::Failed { .. }) => self.store.list(Container::Images, query).await,
            listed => listed,
        }
    }

    async fn list(&mut self, query: ListQuery) -> Result<Vec<BlobItem>, Unlisted> {
        let page = match self.list_once_more(&query).await {
            Ok(page) => page,
            Err(error) => {
                let prefix = query.prefix;
                return Err(Unlisted { prefix, error });
            }
        };
        let part = self.part;
        let folders = page.folders.into_iter();
        self.folders
            .extend(folders.filter(|folder| part.may_enter(folder)));
        let place = match query.depth {
            ListDepth::OneLevel => &mut self.top,
            ListDepth::Whole => &mut self.inner,
        };
        *place = page.next_marker.map(|marker| ListQuery {
            marker: Some(marker),
            ..query
        });
        let is_wanted = |blob: &BlobItem| {
            found::is_image(blob) && part.has(&blob.name) && !found::is_ours(&blob.name)
        };
        Ok(page.items.into_iter().filter(is_wanted).collect())
    }
}

fn query(prefix: &str, depth: ListDepth) -> ListQuery {
    ListQuery {
        prefix: prefix.to_owned(),
        depth,
        ..ListQuery::default()
    }
}

/// Walks a part of the container for what has no copy in `gallery/`.
pub(super) async fn walk(store: &dyn BlobStore, part: Part, migrated: &Migrated) -> Walked {
    let mut walked = Walked::default();
    let mut walker = Walker::new(store, part);
    while let Some(page) = walker.next().await {
        match page {
            Ok(images) => walked.add(images, migrated),
            Err(Unlisted { prefix, error }) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(prefix, %error, cause, "a part of the container cannot be listed");
                walked.failed.push(prefix);
            }
        }
    }
    walked
}

impl Walked {
    fn add(&mut self, images: Vec<BlobItem>, migrated: &Migrated) {
        for image in images.into_iter().map(Found::from_blob) {
            match migrated.has(&image.path, image.created_millis) {
                true => self.hidden.push(image.path),
                false => self.found.push(image),
            }
        }
        self.keep_newest();
    }

    /// A walk of a million old images holds no more of them than the index and one page.
    fn keep_newest(&mut self) {
        if self.found.len() > 2 * MOST_IMAGES {
            sort_newest_first(&mut self.found);
            self.found.truncate(MOST_IMAGES);
        }
        self.hidden.truncate(MOST_IMAGES);
    }

    /// Adds what an earlier index had of the prefixes that this walk could not see.
    pub fn fill_up_from(&mut self, before: &OldIndex, part: Part, migrated: &Migrated) {
        let failed = std::mem::take(&mut self.failed);
        if failed.is_empty() {
            return;
        }
        // Without the list of folders none of them was walked: they begin with its prefix.
        let is_missed = |path: &str| failed.iter().any(|prefix| path.starts_with(prefix));
        // What was seen before the list failed may have been written anew since.
        let seen: HashSet<&str> = self.found.iter().map(|it| it.path.as_str()).collect();
        let is_missed = |path: &str| part.has(path) && is_missed(path) && !seen.contains(path);
        let missed = before
            .iter()
            .filter(|image| is_missed(image.path()) && !migrated.has(image.path(), image.millis()));
        let missed: Vec<Found> = missed.map(|image| image.to_found()).collect();
        self.found.extend(missed);
    }
}
