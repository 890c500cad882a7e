//! What an image knows about itself, read back: each fact as far as it is there and is what it
//! claims to be.

use serde_json::Value;
use time::OffsetDateTime;

/// What the metadata of an image tells. Blobs of others have anything there, so that each fact
/// may be missing and none of them is to be trusted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageRecord {
    /// What it was made from.
    pub prompt: Option<String>,
    /// The prompt is only the beginning of a longer one.
    pub prompt_is_cut: bool,
    /// Where a cut prompt is kept whole: 32 hexadecimal digits.
    pub prompt_record: Option<String>,
    /// What the provider made of the prompt.
    pub revised_prompt: Option<String>,
    /// The revised prompt is only the beginning of a longer one.
    pub revised_prompt_is_cut: bool,
    /// Who made it: `openai`, `azure-openai`, `demo`.
    pub provider: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// Width and height in pixels, `1024x1024`.
    pub size: Option<String>,
    /// The quality that was asked for.
    pub quality: Option<String>,
    /// The seed that was used.
    pub seed: Option<u64>,
    /// What the provider counted for the call that made it.
    pub usage: Option<Value>,
    /// How many images the counts are for, when it is more than this one.
    pub usage_images: Option<u64>,
    /// When it was made, in UTC.
    pub created: Option<OffsetDateTime>,
    /// The mark of the operation that made it.
    pub operation: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The upstream's request id.
    pub upstream_request_id: Option<String>,
}
