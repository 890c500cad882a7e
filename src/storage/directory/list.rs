//! Lists a folder as the blob service lists a container: whole names in the order of their
//! bytes, page by page, only as much of the tree as a page needs.

use super::{file, names::KeptFolders};
use crate::storage::{BlobItem, BlobPage, ListDepth, ListQuery};
use std::{io, path::PathBuf, sync::Arc};

/// The service's own page size, and ours.
const MAX_PAGE: usize = 5000;

/// One list call.
pub(super) struct Lister {
    pub data_root: PathBuf,
    pub properties_root: PathBuf,
    pub query: ListQuery,
    pub kept: Arc<KeptFolders>,
}

impl Lister {
    /// Walks until the page is full.
    ///
    /// # Errors
    /// What the file system says; a file that vanishes or cannot be read is left out.
    pub fn run(&self) -> io::Result<BlobPage> {
        let mut page = BlobPage::default();
        match self.walk("", &mut page) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(page),
        }
    }

    /// Adds what lies below `folder` ("" or a path that ends in `/`) until the page is full.
    fn walk(&self, folder: &str, page: &mut BlobPage) -> io::Result<()> {
        let names = self.kept.names(&self.data_root.join(folder))?;
        for entry in names.starting_at(self.first_wanted(folder)) {
            let name = format!("{folder}{entry}");
            if page.next_marker.is_some() || self.is_behind_all_wanted(&name) {
                return Ok(());
            }
            if self.is_folder_of_one_level(&name) {
                self.add_folder(name, page);
            } else if name.ends_with('/') {
                if self.may_hold_wanted(&name)
                    && let Err(error) = self.walk(&name, page)
                {
                    // One unreadable folder must not hide the rest of the gallery.
                    tracing::warn!(folder = name, %error, "a folder of the store was left out");
                }
            } else if self.is_wanted(&name) {
                self.add(name, page);
            }
        }
        Ok(())
    }

    fn add(&self, name: String, page: &mut BlobPage) {
        if self.has_room(page)
            && let Ok(item) = self.describe(name)
        {
            page.items.push(item);
        }
    }

    fn add_folder(&self, name: String, page: &mut BlobPage) {
        if self.is_wanted(&name) && self.has_room(page) {
            page.folders.push(name);
        }
    }

    /// Whether one more fits; if not, the page ends at its last name.
    fn has_room(&self, page: &mut BlobPage) -> bool {
        let limit = self.query.max_results.map_or(MAX_PAGE, |limit| {
            usize::try_from(limit).map_or(MAX_PAGE, |limit| limit.clamp(1, MAX_PAGE))
        });
        if page.items.len() + page.folders.len() < limit {
            return true;
        }
        let last_item = page.items.last().map(|item| &item.name);
        page.next_marker = last_item.max(page.folders.last()).cloned();
        false
    }

    fn is_folder_of_one_level(&self, name: &str) -> bool {
        self.query.depth == ListDepth::OneLevel
            && name.ends_with('/')
            && name.len() > self.query.prefix.len()
            && name.starts_with(&self.query.prefix)
    }

    fn describe(&self, name: String) -> io::Result<BlobItem> {
        let data_path = self.data_root.join(&name);
        let properties_path = self.properties_root.join(format!("{name}.json"));
        file::describe(name, &data_path, &properties_path)
    }

    /// What the names in a folder are before that need no look: where the page or the prefix
    /// starts, as far as it tells of this folder.
    fn first_wanted(&self, folder: &str) -> &str {
        let marker = self.query.marker.as_deref().unwrap_or_default();
        let start = marker.max(self.query.prefix.as_str());
        let below = start.strip_prefix(folder).unwrap_or_default();
        let first = below.split_inclusive('/').next();
        first.unwrap_or_default()
    }

    fn is_behind_all_wanted(&self, name: &str) -> bool {
        name > self.query.prefix.as_str() && !name.starts_with(&self.query.prefix)
    }

    /// The marker is the last name of the page before.
    fn is_wanted(&self, name: &str) -> bool {
        name.starts_with(&self.query.prefix)
            && self
                .query
                .marker
                .as_deref()
                .is_none_or(|marker| name > marker)
    }

    fn may_hold_wanted(&self, folder: &str) -> bool {
        let prefix = &self.query.prefix;
        let on_the_way = folder.starts_with(prefix.as_str()) || prefix.starts_with(folder);
        let not_passed = self
            .query
            .marker
            .as_deref()
            .is_none_or(|marker| folder > marker || marker.starts_with(folder));
        on_the_way && not_passed
    }
}

#[cfg(test)]
mod tests;
