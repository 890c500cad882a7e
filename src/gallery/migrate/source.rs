//! An old image that is to be copied: where to, and what is kept beside the copy.

use crate::{
    gallery::{
        found::Found,
        metadata::{self, CopyFacts},
        name, prompts,
    },
    image_format::ImageFormat,
    prompt::Prompt,
    storage::{BlobItem, BlobStore, CopiedProperties, StorageError},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// One old image.
pub(super) struct Source {
    blob: BlobItem,
    found: Found,
    title: String,
    format: ImageFormat,
}

impl Source {
    /// `None` for what is no picture of ours.
    pub fn new(blob: BlobItem) -> Option<Self> {
        let format = format_of(&blob)?;
        let found = Found::from_blob(blob.clone());
        Some(Self {
            title: name::title(crate::gallery::found::prompt_in_name(&blob.name)),
            blob,
            found,
            format,
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &str {
        &self.blob.name
    }

    /// When it was made, in milliseconds since 1970.
    pub fn millis(&self) -> u64 {
        self.found.created_millis
    }

    /// Its length.
    pub fn size_bytes(&self) -> u64 {
        self.blob.size_bytes
    }

    /// Where its copy lies, or may lie, when so many milliseconds are taken by others. It rests
    /// on the source alone: every run comes to the same.
    pub fn target(&self, moves: u64) -> String {
        name::gallery_path(&self.title, self.millis() + moves, self.format)
    }

    /// Whether a blob is its copy.
    pub fn has_copy(&self, target: &BlobItem) -> bool {
        metadata::is_copy_of(self.path(), &target.metadata)
    }

    /// Whether a blob that lies at its path now is still it.
    pub fn is_still(&self, now: &BlobItem) -> bool {
        now.last_modified == self.blob.last_modified && now.size_bytes == self.blob.size_bytes
    }

    /// What the copy gets of its own. A prompt that has no room beside it is kept whole
    /// in the state container, under an id that rests on the source alone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn properties(
        &self,
        store: &dyn BlobStore,
    ) -> Result<CopiedProperties, StorageError> {
        let mut record = metadata::decode_record(&self.blob.metadata);
        let mut prompt = self.found.prompt.clone();
        // Its record is its own: another image's may be removed with that one.
        if let Some(id) = record.prompt_record.take()
            && let Some(whole) = prompts::read(store, &id).await?
        {
            prompt = whole;
            record.prompt_is_cut = false;
        }
        let prompt_id = self.prompt_id();
        let encoded = metadata::encode_copy(&CopyFacts {
            path: self.path(),
            metadata: &self.blob.metadata,
            record: &record,
            prompt: &prompt,
            created: self.found.created_at(),
            prompt_record: &prompt_id.simple().to_string(),
        });
        if !encoded.prompt_is_whole
            && let Ok(prompt) = Prompt::parse(&prompt)
        {
            prompts::keep(store, prompt_id, &prompt).await;
        }
        Ok(CopiedProperties {
            content_type: self.format.content_type().to_owned(),
            metadata: encoded.metadata,
            write_id: Uuid::new_v4(),
        })
    }

    fn prompt_id(&self) -> Uuid {
        let digest = Sha256::digest(self.path());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Uuid::from_bytes(bytes)
    }
}

/// The encoding that the media type tells, else the extension: the original stored everything as
/// `application/octet-stream`. Nothing is a picture that has no content.
fn format_of(blob: &BlobItem) -> Option<ImageFormat> {
    if blob.size_bytes == 0 {
        return None;
    }
    let content_type = blob.content_type.split(';').next().unwrap_or_default();
    let content_type = content_type.trim().to_ascii_lowercase();
    ImageFormat::of_content_type(&content_type).or_else(|| {
        let (_, extension) = blob.name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(ImageFormat::Png),
            "jpg" | "jpeg" => Some(ImageFormat::Jpeg),
            "webp" => Some(ImageFormat::Webp),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Metadata;
    use time::macros::datetime;

    fn blob(name: &str, content_type: &str, size_bytes: u64) -> BlobItem {
        BlobItem {
            name: name.to_owned(),
            size_bytes,
            content_type: content_type.to_owned(),
            last_modified: datetime!(2023-03-28 10:40:00.007 UTC),
            metadata: Metadata::new(),
        }
    }

    #[test]
    fn pictures_are_known_by_type_then_by_extension() {
        const OCTETS: &str = "application/octet-stream";
        for (name, content_type, size, format) in [
            ("a", "image/png", 1, Some(ImageFormat::Png)),
            ("a.png", "image/jpeg", 1, Some(ImageFormat::Jpeg)),
            ("a", "Image/WebP; x=y", 1, Some(ImageFormat::Webp)),
            ("a.PNG", OCTETS, 1, Some(ImageFormat::Png)),
            ("a.b.JPeG", "", 1, Some(ImageFormat::Jpeg)),
            ("a.jpg", OCTETS, 1, Some(ImageFormat::Jpeg)),
            ("a.webp", OCTETS, 1, Some(ImageFormat::Webp)),
            ("a.png", "image/png", 0, None),
            ("a.gif", "image/gif", 1, None),
            ("png", OCTETS, 1, None),
            ("a.png/b", OCTETS, 1, None),
            ("a.txt", "text/plain", 1, None),
        ] {
            let found = Source::new(blob(name, content_type, size));
            assert_eq!(found.map(|source| source.format), format, "{name}");
        }
    }

    #[test]
    fn targets_rest_on_name_and_time_alone() {
        for (name, target) in [
            (
                "a.b/What? 100%_1680000000000.png",
                "gallery/8319999999999/What 100_1680000000000.png",
            ),
            ("logo.png", "gallery/8319999999992/logo_1680000000007.png"),
            ("..png", "gallery/8319999999992/image_1680000000007.png"),
        ] {
            let source = Source::new(blob(name, "", 1)).unwrap();
            assert_eq!(source.target(0), target);
            assert!(source.target(1) < source.target(0), "newer comes first");
        }
    }
}
