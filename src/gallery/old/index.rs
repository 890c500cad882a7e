//! The index of old images: what the list needs of each, newest first, small enough to be read
//! at once by a cold instance.

use crate::gallery::found::{Found, Position, prompt_in_name};
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, time::Duration};

/// More than these, the newest, are not listed: they take some 20 MiB where they are the
/// original's, which have no metadata, and `visionary migrate`
/// moves them to where their number does not matter.
pub(super) const MOST_IMAGES: usize = 100_000;

/// Another form of the index is dropped and built anew.
const FORM: u32 = 1;

/// Old images, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::gallery) struct OldIndex {
    images: Vec<OldImage>,
    /// Paths below `gallery/`, in their order, of images that are not listed: they have a copy.
    /// Lists meet them again and again.
    hidden: Vec<Box<str>>,
    /// How often the container was walked for it.
    pub(super) walks: u64,
    /// How long before its last write the last walk was, by the store's clock: a write for a
    /// change alone makes the index no fresher.
    pub(super) walked_before: Duration,
}

/// One old image. The fields stand in the stored form by their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::gallery) struct OldImage(
    Box<str>,           // path
    u64,                // milliseconds since 1970
    u64,                // length in bytes
    Box<str>,           // media type
    Option<Box<Facts>>, // what its metadata tells; most have none
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Facts {
    #[serde(rename = "p", skip_serializing_if = "Option::is_none", default)]
    prompt: Option<Box<str>>,
    #[serde(rename = "m", skip_serializing_if = "Option::is_none", default)]
    model: Option<Box<str>>,
    #[serde(rename = "s", skip_serializing_if = "Option::is_none", default)]
    size: Option<Box<str>>,
}

#[derive(Serialize)]
struct StoredRef<'a> {
    form: u32,
    walks: u64,
    walked_before_millis: u64,
    hidden: &'a [Box<str>],
    images: &'a [OldImage],
}

#[derive(Deserialize)]
struct Stored {
    form: u32,
    walks: u64,
    walked_before_millis: u64,
    hidden: Vec<Box<str>>,
    images: Vec<OldImage>,
}

impl OldIndex {
    /// Of many images the newest, without those that are hidden.
    pub fn new(found: Vec<Found>, hidden: Vec<String>, walks: u64) -> Self {
        let mut hidden: Vec<Box<str>> = hidden.into_iter().map(Into::into).collect();
        hidden.sort_unstable();
        let mut images: Vec<OldImage> = found.into_iter().map(OldImage::from).collect();
        images.sort_unstable_by(|one, other| one.position().cmp(&other.position()));
        images.dedup_by(|one, other| one.0 == other.0);
        images.truncate(MOST_IMAGES);
        Self {
            images,
            hidden,
            walks,
            walked_before: Duration::ZERO,
        }
    }

    /// As it is stored.
    pub fn to_json(&self) -> Vec<u8> {
        let stored = StoredRef {
            form: FORM,
            walks: self.walks,
            walked_before_millis: u64::try_from(self.walked_before.as_millis()).unwrap_or(u64::MAX),
            hidden: &self.hidden,
            images: &self.images,
        };
        // Texts and numbers always become JSON.
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] wrote; `None` for all else, an index that is out of order too.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(json).ok()?;
        let (images, hidden) = (stored.images, stored.hidden);
        let in_order = images.is_sorted_by(|one, other| one.position() < other.position())
            && hidden.is_sorted();
        (stored.form == FORM && in_order && images.len() <= MOST_IMAGES).then_some(Self {
            images,
            hidden,
            walks: stored.walks,
            walked_before: Duration::from_millis(stored.walked_before_millis),
        })
    }

    /// The image at a place in the order.
    pub fn get(&self, index: usize) -> Option<&OldImage> {
        self.images.get(index)
    }

    /// All images, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &OldImage> {
        self.images.iter()
    }

    /// Paths of images that are not listed.
    pub(super) fn hidden(&self) -> impl Iterator<Item = &str> {
        self.hidden.iter().map(AsRef::as_ref)
    }

    /// Whether an image is not to be listed.
    pub fn hides(&self, path: &str) -> bool {
        let found = self.hidden.binary_search_by(|it| it.as_ref().cmp(path));
        found.is_ok()
    }

    /// How many images stand up to the one that was given last.
    pub fn count_up_to(&self, millis: u64, path: &str) -> usize {
        let last = (Reverse(millis), path);
        self.images
            .partition_point(|image| image.position() <= last)
    }

    /// Whether it has an image.
    pub fn contains(&self, found: &Found) -> bool {
        let position = found.position();
        let found = self
            .images
            .binary_search_by(|it| it.position().cmp(&position));
        found.is_ok()
    }

    /// Whether one more image would be kept, however old it is.
    pub fn has_room(&self) -> bool {
        self.images.len() < MOST_IMAGES
    }

    /// Puts an image in its place, unless it is hidden.
    pub fn insert(&mut self, found: Found) {
        if self.hides(&found.path) {
            return;
        }
        let position = found.position();
        let place = self
            .images
            .binary_search_by(|it| it.position().cmp(&position));
        if let Err(index) = place {
            self.images.insert(index, found.into());
            self.images.truncate(MOST_IMAGES);
        }
    }

    /// Takes an image out; whether it was there.
    pub fn remove(&mut self, path: &str) -> bool {
        let before = self.images.len();
        self.images.retain(|image| image.path() != path);
        self.images.len() < before
    }
}

impl OldImage {
    /// Where it lies.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// When it was made, in milliseconds since 1970.
    pub fn millis(&self) -> u64 {
        self.1
    }

    fn position(&self) -> Position<'_> {
        (Reverse(self.1), &self.0)
    }

    /// All that the list tells of it.
    pub fn to_found(&self) -> Found {
        let Self(path, created_millis, size_bytes, content_type, facts) = self;
        let facts = facts.as_deref();
        let prompt = facts.and_then(|facts| facts.prompt.as_deref());
        let text = |text: Option<&Box<str>>| text.map(|text| text.to_string());
        Found {
            name: path.to_string(),
            prompt: prompt.unwrap_or(prompt_in_name(path)).to_owned(),
            created_millis: *created_millis,
            model: text(facts.and_then(|facts| facts.model.as_ref())),
            size: text(facts.and_then(|facts| facts.size.as_ref())),
            content_type: content_type.to_string(),
            size_bytes: *size_bytes,
            path: path.to_string(),
        }
    }
}

impl From<Found> for OldImage {
    fn from(found: Found) -> Self {
        let in_name = prompt_in_name(&found.path);
        let facts = Facts {
            prompt: (found.prompt != in_name).then(|| found.prompt.into()),
            model: found.model.map(Into::into),
            size: found.size.map(Into::into),
        };
        let has_facts = facts.prompt.is_some() || facts.model.is_some() || facts.size.is_some();
        Self(
            found.path.into(),
            found.created_millis,
            found.size_bytes,
            found.content_type.into(),
            has_facts.then(|| Box::new(facts)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, millis: u64, model: Option<&str>) -> Found {
        Found {
            path: path.to_owned(),
            name: path.to_owned(),
            prompt: prompt_in_name(path).to_owned(),
            created_millis: millis,
            model: model.map(str::to_owned),
            size: None,
            content_type: "image/png".to_owned(),
            size_bytes: 7,
        }
    }

    #[test]
    fn an_index_comes_back_from_its_stored_form_and_is_small() {
        let images = vec![
            found("a cat_1680000000000.png", 1_680_000_000_000, None),
            found("holiday/b.png", 1_690_000_000_000, Some("m")),
        ];
        let mut index = OldIndex::new(images.clone(), vec!["gallery/x.png".to_owned()], 5);
        index.walked_before = Duration::from_millis(70);
        let json = index.to_json();
        assert!(json.len() < 250, "{}", String::from_utf8_lossy(&json));
        let read = OldIndex::parse(&json).unwrap();
        assert_eq!(read, index);
        let read: Vec<Found> = read.iter().map(OldImage::to_found).collect();
        assert_eq!(read, [images[1].clone(), images[0].clone()]);
    }

    #[test]
    fn what_is_no_index_of_this_form_is_dropped() {
        for garbage in [
            "",
            "{}",
            "[]",
            r#"{"form":0,"walks":0,"walked_before_millis":0,"hidden":[],"images":[]}"#,
            r#"{"form":1,"walks":0,"walked_before_millis":0,"hidden":["b","a"],"images":[]}"#,
            r#"{"form":1,"walks":0,"walked_before_millis":0,"hidden":[],"images":[["a",1,1,"t",null],["b",2,1,"t",null]]}"#,
            r#"{"form":1,"walks":0,"walked_before_millis":0,"hidden":[],"images":[["a",-1,1,"t",null]]}"#,
        ] {
            assert_eq!(OldIndex::parse(garbage.as_bytes()), None, "{garbage}");
        }
    }

    #[test]
    fn images_come_and_go_in_their_place() {
        let mut index = OldIndex::new(
            vec![found("a", 1, None), found("c", 3, None)],
            vec!["z".to_owned(), "y".to_owned()],
            0,
        );
        for path in ["b", "b", "y"] {
            index.insert(found(path, 2, None));
        }
        assert!(index.hides("y") && !index.hides("b"));
        let paths = |index: &OldIndex| -> Vec<String> {
            index.iter().map(|it| it.path().to_owned()).collect()
        };
        assert_eq!(paths(&index), ["c", "b", "a"]);
        assert_eq!(index.count_up_to(2, "b"), 2);
        assert_eq!(index.count_up_to(2, "a"), 1);
        assert!(index.contains(&found("b", 2, None)));
        assert!(index.remove("b") && !index.remove("b"));
        assert_eq!(paths(&index), ["c", "a"]);
    }
}
