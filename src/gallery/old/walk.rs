//! Finds all images of a container that are not ours. Each folder is asked for apart, so that
//! what fails of one hides no other.

use super::index::{MOST_IMAGES, OldIndex};
use crate::{
    gallery::found::{self, Found, OURS, THUMBNAILS, sort_newest_first},
    storage::{BlobStore, Container, ListDepth, ListQuery, StorageError},
};
use std::collections::HashSet;

/// What a walk found, and what it could not see.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub found: Vec<Found>,
    /// Prefixes that could not be listed.
    pub failed: Vec<String>,
}

/// Which part of the container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
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

/// Walks a part of the container.
pub(super) async fn walk(store: &dyn BlobStore, part: Part) -> Walked {
    let mut walked = Walked::default();
    let folders = walked
        .add(store, part.prefix(), ListDepth::OneLevel, part)
        .await;
    for folder in folders.iter().filter(|folder| part.may_enter(folder)) {
        walked.add(store, folder, ListDepth::Whole, part).await;
    }
    walked
}

impl Walked {
    /// Adds what lies below a prefix and returns the folders there.
    async fn add(
        &mut self,
        store: &dyn BlobStore,
        prefix: &str,
        depth: ListDepth,
        part: Part,
    ) -> Vec<String> {
        let mut folders = Vec::new();
        match self.try_add(store, prefix, depth, part, &mut folders).await {
            Ok(()) => {}
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(prefix, %error, cause, "a part of the container cannot be listed");
                self.failed.push(prefix.to_owned());
            }
        }
        folders
    }

    async fn try_add(
        &mut self,
        store: &dyn BlobStore,
        prefix: &str,
        depth: ListDepth,
        part: Part,
        folders: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        let mut query = ListQuery {
            prefix: prefix.to_owned(),
            depth,
            ..ListQuery::default()
        };
        loop {
            let page = store.list(Container::Images, &query).await?;
            let images = page.items.into_iter().filter(found::is_image);
            let images = images.map(Found::from_blob);
            let wanted = |image: &Found| part.has(&image.path) && !found::is_ours(&image.path);
            self.found.extend(images.filter(wanted));
            self.keep_newest();
            let wanted = page.folders.into_iter();
            folders.extend(wanted.filter(|folder| part.may_enter(folder)));
            match page.next_marker {
                Some(marker) => query.marker = Some(marker),
                None => return Ok(()),
            }
        }
    }

    /// A walk of a million old images holds no more of them than the index and one page.
    fn keep_newest(&mut self) {
        if self.found.len() > 2 * MOST_IMAGES {
            sort_newest_first(&mut self.found);
            self.found.truncate(MOST_IMAGES);
        }
    }

    /// Adds what an earlier index had of the prefixes that this walk could not see.
    pub fn fill_up_from(&mut self, before: &OldIndex, part: Part) {
        let failed = std::mem::take(&mut self.failed);
        if failed.is_empty() {
            return;
        }
        // Without the list of folders none of them was walked: they begin with its prefix.
        let is_missed = |path: &str| failed.iter().any(|prefix| path.starts_with(prefix));
        // What was seen before the list failed may have been written anew since.
        let seen: HashSet<&str> = self.found.iter().map(|it| it.path.as_str()).collect();
        let is_missed = |path: &str| part.has(path) && is_missed(path) && !seen.contains(path);
        let missed = before.iter().filter(|image| is_missed(image.path()));
        let missed: Vec<Found> = missed.map(|image| image.to_found()).collect();
        self.found.extend(missed);
    }
}
