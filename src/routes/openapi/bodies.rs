//! What requests can hold, as types that describe it; the rules between fields are in `rules`.
//! The service itself reads bodies field by field (`images::parse_request`), and a test compares.
//!
//! No field has a `default`: generated clients send it, and a field that is sent counts as given
//! (`response_format` excludes `seed`). The descriptions name the defaults instead.

use utoipa::ToSchema;

/// What to make, and how. `null` is as good as absent, and a field that nobody knows is named in
/// `warnings`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "a description")]
pub struct GenerateImageBody {
    /// What to paint; not blank. Some models take fewer characters.
    #[schema(
        min_length = 1,
        max_length = 32000,
        pattern = r"[^\s\x00-\x1f\x7f-\x9f]",
        required = false
    )]
    prompt: Option<String>,
    /// A synonym of `prompt`; two different values are refused.
    #[schema(
        min_length = 1,
        max_length = 32000,
        pattern = r"[^\s\x00-\x1f\x7f-\x9f]"
    )]
    instruction: Option<String>,
    /// A synonym of `prompt`; two different values are refused.
    #[schema(
        min_length = 1,
        max_length = 32000,
        pattern = r"[^\s\x00-\x1f\x7f-\x9f]"
    )]
    text: Option<String>,
    /// Model or, at Azure, deployment.
    #[schema(pattern = "^[A-Za-z0-9._:/+-]{1,128}$")]
    model: Option<String>,
    /// `auto`, or `WIDTHxHEIGHT` with sides from 64 to 4096; each family of models takes its own.
    #[schema(
        pattern = "^(auto|(6[4-9]|[7-9][0-9]|[1-9][0-9]{2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-6])x(6[4-9]|[7-9][0-9]|[1-9][0-9]{2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-6]))$"
    )]
    size: Option<String>,
    /// With `height`, instead of `size`.
    #[schema(minimum = 64, maximum = 4096)]
    width: Option<u32>,
    /// With `width`, instead of `size`.
    #[schema(minimum = 64, maximum = 4096)]
    height: Option<u32>,
    /// A word such as `low`, `high` or `hd`; each family of models has its own.
    #[schema(pattern = "^[a-z0-9_-]{1,32}$")]
    quality: Option<String>,
    /// How many images. Default: 1.
    #[schema(minimum = 1, maximum = 10)]
    n: Option<u8>,
    /// For dall-e-3.
    #[schema(inline)]
    style: Option<Style>,
    /// The form of this service's answer, with every provider. Default: `url`.
    #[schema(inline)]
    response_format: Option<ResponseFormat>,
    /// The picture's encoding.
    #[schema(inline)]
    output_format: Option<OutputFormat>,
    /// Per cent, with `output_format` `jpeg` or `webp` only.
    #[schema(maximum = 100)]
    output_compression: Option<u8>,
    /// `transparent` not with `output_format` `jpeg`.
    #[schema(inline)]
    background: Option<Background>,
    /// How strictly the provider looks at the content.
    #[schema(inline)]
    moderation: Option<Moderation>,
    /// Makes the result repeatable where the provider can do that.
    #[schema(minimum = 0, maximum = 9007199254740991u64)]
    seed: Option<u64>,
    /// The end user's id, for the provider's abuse detection.
    #[schema(max_length = 256)]
    user: Option<String>,
    /// Previews of each image, in an event stream only; they cost tokens. Default: 2.
    #[schema(maximum = 3)]
    partial_images: Option<u8>,
    /// What should not be in the picture.
    #[schema(max_length = 32000)]
    negative_prompt: Option<String>,
    /// Denoising steps.
    #[schema(minimum = 1, maximum = 150)]
    num_steps: Option<u32>,
    /// How closely to follow the prompt.
    #[schema(minimum = 0, maximum = 30)]
    guidance_scale: Option<f64>,
    /// The time for the provider's part; by the family unless given. A plain request is capped at
    /// 200000, an event stream at 550000.
    #[schema(rename = "timeoutMs", minimum = 1000, maximum = 900000)]
    timeout_ms: Option<u32>,
    /// How often a failed call is sent again. Only with this field also one that timed out, and may
    /// be paid for. Default: 2.
    #[schema(rename = "maxRetries", maximum = 20)]
    max_retries: Option<u32>,
    /// With an `Idempotency-Key`: images that may have been paid for and are lost are made, and
    /// maybe paid for, again. Default: false.
    #[schema(rename = "retryPaid")]
    retry_paid: Option<bool>,
    /// The name of the list of images in the answer; not `message`, `object` or `warnings`.
    /// Default: `imageList`.
    #[schema(rename = "outputKey", pattern = "^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    output_key: Option<String>,
}

/// What to make, by the fields of the Azure Container Apps GPU sample and a few beside them.
/// `null` is as good as absent, and a field that nobody knows is named in `warnings`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "a description")]
pub struct GenerateBody {
    /// What to paint; not blank.
    #[schema(
        min_length = 1,
        max_length = 32000,
        pattern = r"[^\s\x00-\x1f\x7f-\x9f]"
    )]
    prompt: String,
    /// What should not be in the picture.
    #[schema(max_length = 32000)]
    negative_prompt: Option<String>,
    /// Denoising steps; the engine's unless given.
    #[schema(minimum = 1, maximum = 150)]
    num_steps: Option<u32>,
    /// How closely to follow the prompt; the engine's unless given.
    #[schema(minimum = 0, maximum = 30)]
    guidance_scale: Option<f64>,
    /// 512, or the provider's, unless given.
    #[schema(minimum = 64, maximum = 2048, multiple_of = 8)]
    width: Option<u32>,
    /// 512, or the provider's, unless given.
    #[schema(minimum = 64, maximum = 2048, multiple_of = 8)]
    height: Option<u32>,
    /// Makes the result repeatable where the provider can do that.
    #[schema(minimum = 0, maximum = 9007199254740991u64)]
    seed: Option<u64>,
    /// Model or, at Azure, deployment.
    #[schema(pattern = "^[A-Za-z0-9._:/+-]{1,128}$")]
    model: Option<String>,
    /// A word such as `low` or `high`.
    #[schema(pattern = "^[a-z0-9_-]{1,32}$")]
    quality: Option<String>,
    /// The time for the provider's part; capped at 200000.
    #[schema(rename = "timeoutMs", minimum = 1000, maximum = 900000)]
    timeout_ms: Option<u32>,
    /// How often a failed call is sent again. Default: 2.
    #[schema(rename = "maxRetries", maximum = 20)]
    max_retries: Option<u32>,
    /// With an `Idempotency-Key`: what may have been paid for and is lost is made again.
    /// Default: false.
    #[schema(rename = "retryPaid")]
    retry_paid: Option<bool>,
    /// Whether the picture is stored too. Default: false.
    save: Option<bool>,
}

/// The data of the event `partial_image`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "a description")]
pub struct PartialImage {
    /// The preview.
    #[schema(rename = "b64_json", content_encoding = "base64")]
    b64_json: String,
    /// Its media type.
    content_type: String,
    /// Which image of the request, from 0.
    image_index: u32,
    /// Which of its previews, from 0.
    partial_index: u32,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "a description")]
enum Style {
    Vivid,
    Natural,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "a description")]
enum ResponseFormat {
    Url,
    #[schema(rename = "b64_json")]
    B64Json,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "a description")]
enum OutputFormat {
    Png,
    Jpeg,
    Webp,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "a description")]
enum Background {
    Transparent,
    Opaque,
    Auto,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "a description")]
enum Moderation {
    Low,
    Auto,
}
