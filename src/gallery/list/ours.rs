//! Our own images, one after the other, newest first: the store's order of their paths.

use super::{
    by_keys,
    pages::{Page, PageKey, Pages},
};
use crate::{
    gallery::found::Found,
    storage::{BlobStore, StorageError},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The service gives no larger page.
pub(super) const LARGEST_PAGE: u32 = 5000;

/// Where to go on; the serde names are short since each cursor has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// In the page that begins behind `marker`, behind the path `after`, which may also lie in
    /// a page before. `size` is known where something of this page was given: only a page of
    /// the same size ends at the same marker.
    #[serde(rename = "p")]
    Page {
        #[serde(rename = "m")]
        marker: Option<String>,
        #[serde(rename = "s")]
        size: Option<u32>,
        #[serde(rename = "a")]
        after: Option<String>,
    },
    /// Behind the path `after`, by prefixes of the keys: the store cannot give a page there.
    #[serde(rename = "k")]
    Keys {
        #[serde(rename = "a")]
        after: Option<String>,
    },
    /// There are no more.
    #[serde(rename = "e")]
    End,
}

impl Place {
    /// Before the newest image.
    pub const START: Self = Self::Page {
        marker: None,
        size: None,
        after: None,
    };

    /// The path that was given last.
    fn last(&self) -> Option<&str> {
        match self {
            Self::Page { after, .. } | Self::Keys { after } => after.as_deref(),
            Self::End => None,
        }
    }

    /// Moves behind an image that was given, of a page of this size.
    fn go_behind(&mut self, path: &str, page_size: u32) {
        match self {
            Self::Page { size, after, .. } => {
                (*size, *after) = (Some(page_size), Some(path.to_owned()));
            }
            Self::Keys { after } => *after = Some(path.to_owned()),
            Self::End => {}
        }
    }
}

/// What comes next.
pub(super) enum Next<'a> {
    /// An image.
    Image(&'a Found),
    /// Nothing.
    End,
    /// Maybe more, but the store has been asked often enough.
    Enough,
}

/// Reads our images from a place on, page by page.
pub(super) struct Ours<'a> {
    pages: &'a Pages,
    store: &'a dyn BlobStore,
    place: Place,
    /// How large the next new page is.
    size: u32,
    current: Option<Current>,
    calls_left: usize,
    /// So many images are surely wanted: the next page is read while they are taken from this.
    wanted: usize,
    strays: Vec<Found>,
}

/// The page at the reader's place.
struct Current {
    page: Arc<Page>,
    size: u32,
    given: usize,
}

impl<'a> Ours<'a> {
    /// Goes on at `place`, with new pages of `size`, asking for `most_calls` pages at the most.
    pub fn new(
        pages: &'a Pages,
        store: &'a dyn BlobStore,
        place: Place,
        size: u32,
        most_calls: usize,
    ) -> Self {
        Self {
            pages,
            store,
            place,
            size,
            current: None,
            calls_left: most_calls,
            wanted: 0,
            strays: Vec::new(),
        }
    }

    /// Reads ahead as long as so many images are not taken.
    pub fn wanting(self, wanted: usize) -> Self {
        Self { wanted, ..self }
    }

    /// The next image, which stays the next one until it is taken.
    ///
    /// # Errors
    /// [`StorageError`] where the store cannot be listed at all.
    pub async fn next(&mut self) -> Result<Next<'_>, Arc<StorageError>> {
        while !self.has_image() {
            match (&self.place, self.calls_left) {
                (Place::End, _) => return Ok(Next::End),
                (Place::Page { .. }, 0) => return Ok(Next::Enough),
                (Place::Page { .. }, _) => self.calls_left -= 1,
                (Place::Keys { .. }, _) => {} // a broken store's list costs what it costs
            }
            self.read().await?;
        }
        let image = self.current.as_ref().and_then(Current::next);
        Ok(image.map_or(Next::End, Next::Image))
    }

    /// Takes the image that [`Self::next`] showed.
    pub fn take(&mut self) -> Option<Found> {
        let current = self.current.as_mut()?;
        let image = current.next()?.clone();
        current.given += 1;
        self.wanted = self.wanted.saturating_sub(1);
        self.place.go_behind(&image.path, current.size);
        if !self.has_image() {
            self.turn();
        }
        Some(image)
    }

    /// Whether there are none to come.
    pub fn is_at_end(&self) -> bool {
        self.place == Place::End
    }

    /// Where the next reader goes on.
    pub fn into_place(self) -> Place {
        self.place
    }

    /// What was met below `gallery/` that is not ours.
    pub fn take_strays(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.strays)
    }

    fn has_image(&self) -> bool {
        self.current.as_ref().is_some_and(|it| it.next().is_some())
    }

    /// Leaves a page of which everything was given.
    fn turn(&mut self) {
        let Some(Current { page, .. }) = self.current.take() else {
            return;
        };
        let after = self.place.last().map(str::to_owned);
        self.place = match (&self.place, &page.next_marker) {
            (Place::Page { .. }, Some(marker)) => Place::Page {
                marker: Some(marker.clone()),
                size: None,
                after,
            },
            (Place::Keys { .. }, Some(_)) => Place::Keys { after },
            _ => Place::End,
        };
    }

    /// Reads the page at the place, and goes behind what was given of it.
    async fn read(&mut self) -> Result<(), Arc<StorageError>> {
        let (page, size) = match &self.place {
            Place::End => return Ok(()),
            Place::Keys { after } => {
                let page = by_keys::read(self.store, after.as_deref(), self.size).await;
                (Arc::new(page?), self.size)
            }
            Place::Page { marker, size, .. } => {
                let (marker, size) = (marker.clone(), size.unwrap_or(self.size));
                match self.page(PageKey { marker, size }).await? {
                    Some(page) => (page, size),
                    None => return Ok(()), // by keys, then
                }
            }
        };
        self.strays.extend(page.strays.iter().cloned());
        let given = self.place.last().map_or(0, |last| given_of(&page, last));
        self.read_ahead(&page, given);
        self.current = Some(Current { page, size, given });
        if !self.has_image() {
            // Many new images, many folders or strangers lie here: past them in larger steps.
            self.size = LARGEST_PAGE;
            self.turn();
        }
        Ok(())
    }

    fn read_ahead(&self, page: &Page, given: usize) {
        let is_page = matches!(self.place, Place::Page { .. });
        let is_wanted = is_page && page.found.len() - given < self.wanted;
        if let Some(marker) = page.next_marker.clone().filter(|_| is_wanted) {
            let (marker, size) = (Some(marker), self.size);
            self.pages.read_ahead(PageKey { marker, size });
        }
    }

    /// One page. One that cannot be listed may hold a name that cannot: then its images are found
    /// by their keys (`None`). Where the store lists nothing at all, it is the store that fails.
    async fn page(&mut self, key: PageKey) -> Result<Option<Arc<Page>>, Arc<StorageError>> {
        let error = match self.pages.get(key.clone()).await {
            Ok(page) => return Ok(Some(page)),
            Err(error) => error,
        };
        let may_be_a_name = matches!(*error, StorageError::Failed { .. });
        if !may_be_a_name || !by_keys::lists_anything(self.store).await {
            return Err(error);
        }
        // What has passed by now would cost many calls by keys, here and for each page behind.
        if let Ok(page) = self.pages.get(key).await {
            return Ok(Some(page));
        }
        tracing::debug!(%error, "a page of the gallery is read by its keys");
        let after = self.place.last().map(str::to_owned);
        self.place = Place::Keys { after };
        Ok(None)
    }
}

impl Current {
    fn next(&self) -> Option<&Found> {
        self.page.found.get(self.given)
    }
}

/// How many images of a page stand up to the one that was given last, which may be deleted or
/// stand in a page before.
fn given_of(page: &Page, last: &str) -> usize {
    let images = || page.found.iter();
    match images().position(|image| image.path == last) {
        Some(index) => index + 1,
        None => images()
            .position(|image| image.path.as_str() > last)
            .unwrap_or(page.found.len()),
    }
}
