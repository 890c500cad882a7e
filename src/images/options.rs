//! What a caller can ask for: reads the request's JSON field by field and refuses wrong values
//! with a sentence that names the field and what is allowed.

mod conflicts;
mod fields;
mod gpu_sample;

use super::rules::{BACKGROUNDS, MODERATIONS, OUTPUT_FORMATS, STYLES};
use crate::{
    image_format::ImageFormat,
    prompt::{InvalidPrompt, Prompt},
};
use fields::{Fields, Writing};
use serde_json::{Map, Value};
use std::{fmt, time::Duration};

pub use conflicts::CONFLICTS;
pub use gpu_sample::{
    GpuSampleRequest, InvalidGpuSampleRequest, RequestFields, parse_gpu_sample_request,
};

/// A request for pictures that is right in itself.
#[derive(Debug, Clone)]
pub struct ImageRequest {
    /// What to paint.
    pub prompt: Prompt,
    /// How.
    pub options: ImageOptions,
}

/// The options of a request; `None` leaves the choice to the provider.
#[derive(Debug, Clone, Default)]
pub struct ImageOptions {
    /// Model or, at Azure, deployment.
    pub model: Option<String>,
    /// Width and height.
    pub size: Option<ImageSize>,
    /// Whether the size came as `width` and `height`, for errors that name the field.
    pub size_is_in_sides: bool,
    /// `low`, `medium`, `high`, ...
    pub quality: Option<String>,
    /// How many images, 1 or more.
    pub n: u8,
    /// `vivid` or `natural`.
    pub style: Option<String>,
    /// The picture's encoding.
    pub output_format: Option<ImageFormat>,
    /// 0 to 100 per cent, for jpeg and webp.
    pub output_compression: Option<u8>,
    /// `transparent`, `opaque` or `auto`.
    pub background: Option<String>,
    /// `low` or `auto`.
    pub moderation: Option<String>,
    /// Makes the result repeatable where the provider can do that.
    pub seed: Option<u64>,
    /// The end user's id, for the provider's abuse detection.
    pub user: Option<String>,
    /// Previews of each image in an event stream, 0 to 3.
    pub partial_images: Option<u8>,
    /// What should not be in the picture.
    pub negative_prompt: Option<String>,
    /// Denoising steps.
    pub num_steps: Option<u32>,
    /// How closely to follow the prompt.
    pub guidance_scale: Option<f64>,
    /// How long the caller will wait.
    pub timeout: Option<Duration>,
    /// How often a failed call may be repeated.
    pub max_retries: Option<u32>,
}

/// Width and height that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    /// The provider's choice.
    Auto,
    /// Pixels.
    Exact {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
}

impl ImageSize {
    /// Sides outside of these bounds, in pixels, are refused for every model.
    pub const MIN_SIDE: u32 = 64;
    /// See [`ImageSize::MIN_SIDE`]; the largest documented side is 3840.
    pub const MAX_SIDE: u32 = 4096;

    /// Reads `auto` or `WIDTHxHEIGHT`; `None` for anything else and for sides out of bounds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "auto" {
            return Some(Self::Auto);
        }
        let (width, height) = text.split_once('x')?;
        let digits = |side: &str| side.bytes().all(|byte| byte.is_ascii_digit());
        let side = |side: &str| side.parse().ok().filter(|_| digits(side));
        Self::exact(side(width)?, side(height)?)
    }

    fn exact(width: u32, height: u32) -> Option<Self> {
        let sides = Self::MIN_SIDE..=Self::MAX_SIDE;
        (sides.contains(&width) && sides.contains(&height)).then_some(Self::Exact { width, height })
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Exact { width, height } => write!(formatter, "{width}x{height}"),
        }
    }
}

/// How an answer carries a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFormat {
    /// As an address.
    Url,
    /// In base64.
    B64Json,
}

/// The form of our own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerOptions {
    /// The name of the list of images.
    pub output_key: String,
    /// Whether the images come in the answer too.
    pub response_format: ResponseFormat,
}

/// A whole request.
#[derive(Debug, Clone)]
pub struct ParsedRequest {
    /// What the provider is asked.
    pub image: ImageRequest,
    /// What the caller is answered.
    pub answer: AnswerOptions,
    /// Whether images that may be paid for already may be paid for again.
    pub retry_paid: bool,
    /// Fields that nobody knows.
    pub warnings: Vec<String>,
    /// The fields themselves, of bounded size: whoever reads them again gets this request.
    pub fields: Map<String, Value>,
}

/// A value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}; allowed is {allowed}")]
pub struct InvalidOption {
    /// The field's name.
    pub field: String,
    /// What is wrong with its value.
    pub problem: String,
    /// What would be right.
    pub allowed: String,
}

/// The name of the list of images in an answer, where a request names none.
pub const DEFAULT_OUTPUT_KEY: &str = "imageList";

/// The most images of a request that a setting can allow.
pub const MAX_IMAGES: u8 = 10;

/// Names of the answer that `outputKey` must not hide.
const TAKEN_OUTPUT_KEYS: [&str; 3] = ["message", "object", "warnings"];

/// Whether a provider that complains of this parameter speaks of what a caller sent under the
/// same name. `response_format` is not among them: what goes upstream is ours.
#[must_use]
pub fn is_field_of_providers(parameter: &str) -> bool {
    const FIELDS: [&str; 15] = [
        "prompt",
        "model",
        "size",
        "quality",
        "n",
        "style",
        "output_format",
        "output_compression",
        "background",
        "moderation",
        "seed",
        "user",
        "partial_images",
        "negative_prompt",
        "guidance_scale",
    ];
    FIELDS.contains(&parameter)
}

/// Reads a request; `max_images` bounds `n`.
///
/// # Errors
/// [`InvalidOption`] with the first wrong value.
pub fn parse_request(
    body: Map<String, Value>,
    max_images: u8,
) -> Result<ParsedRequest, InvalidOption> {
    let mut fields = Fields::new(body, Writing::Json);
    let prompt = parse_prompt(&mut fields)?;
    let response_format = parse_response_format(&mut fields)?;
    let (size, size_is_in_sides) = parse_size(&mut fields)?;
    let format = fields.one_of("output_format", OUTPUT_FORMATS)?;
    let options = ImageOptions {
        model: fields.matching("model", is_model, MODEL_RULE)?,
        size,
        size_is_in_sides,
        quality: fields.matching("quality", is_word, WORD_RULE)?,
        n: fields.integer("n", 1, max_images.into())?.map_or(1, as_u8),
        style: fields.one_of("style", STYLES)?,
        output_format: format.as_deref().and_then(ImageFormat::parse),
        output_compression: fields.integer("output_compression", 0, 100)?.map(as_u8),
        background: fields.one_of("background", BACKGROUNDS)?,
        moderation: fields.one_of("moderation", MODERATIONS)?,
        seed: fields.integer("seed", 0, MAX_SEED)?,
        user: fields.text("user", 256)?,
        partial_images: fields.integer("partial_images", 0, 3)?.map(as_u8),
        negative_prompt: fields.text("negative_prompt", Prompt::MAX_CHARACTERS)?,
        num_steps: fields.integer("num_steps", 1, 150)?.map(as_u32),
        guidance_scale: fields.number("guidance_scale", 0.0, 30.0)?,
        timeout: fields.timeout()?,
        max_retries: fields.max_retries()?,
    };
    conflicts::check(&options, response_format)?;
    let answer = AnswerOptions {
        output_key: parse_output_key(&mut fields)?,
        response_format: response_format.unwrap_or(ResponseFormat::Url),
    };
    Ok(ParsedRequest {
        image: ImageRequest { prompt, options },
        answer,
        retry_paid: fields.boolean(RETRY_PAID)?.unwrap_or(false),
        warnings: fields.unknown(),
        fields: fields.known(),
    })
}

/// The field that allows a second payment; of two requests that differ in it alone, the second
/// repeats the first.
pub const RETRY_PAID: &str = "retryPaid";

/// Numbers beyond this are not exact in JavaScript, nor in many a JSON library.
const MAX_SEED: u64 = (1 << 53) - 1;

const MODEL_RULE: &str = "1 to 128 letters, digits and . _ - : / +";
const WORD_RULE: &str = "a word of 1 to 32 lower-case letters, digits, _ and -";

fn is_model(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/+".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_word(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

#[allow(clippy::expect_used, reason = "the field's own bound fits")]
fn as_u8(bounded: u64) -> u8 {
    u8::try_from(bounded).expect("the field's bound fits into 8 bits")
}

#[allow(clippy::expect_used, reason = "the field's own bound fits")]
fn as_u32(bounded: u64) -> u32 {
    u32::try_from(bounded).expect("the field's bound fits into 32 bits")
}

/// `prompt`, or its synonyms `instruction` and `text`; two different values are a mistake.
fn parse_prompt(fields: &mut Fields) -> Result<Prompt, InvalidOption> {
    let allowed = format!("a text of 1 to {} characters", Prompt::MAX_CHARACTERS);
    let names = ["prompt", "instruction", "text"];
    let mut given: Option<(&str, String)> = None;
    for name in names {
        let Some(text) = fields.any_text(name, &allowed)? else {
            continue;
        };
        match &given {
            Some((first, earlier)) if *earlier != text => {
                let problem = format!("differs from {first}");
                return Err(fields::invalid(name, &problem, "one of them"));
            }
            Some(_) => {}
            None => given = Some((name, text)),
        }
    }
    let Some((name, text)) = given else {
        let problem = format!("is missing{}", fields.misspelling_of(&names));
        return Err(fields::invalid("prompt", &problem, &allowed));
    };
    Prompt::parse(&text).map_err(|error| {
        let problem = match error {
            InvalidPrompt::Blank => "is blank".to_owned(),
            InvalidPrompt::TooLong { characters } => format!("has {characters} characters"),
        };
        fields::invalid(name, &problem, &allowed)
    })
}

fn parse_response_format(fields: &mut Fields) -> Result<Option<ResponseFormat>, InvalidOption> {
    let given = fields.one_of("response_format", &["url", "b64_json"])?;
    Ok(given.map(|format| match format.as_str() {
        "b64_json" => ResponseFormat::B64Json,
        _ => ResponseFormat::Url,
    }))
}

/// `size`, or `width` and `height` as the local engines call it, and whether it was those.
fn parse_size(fields: &mut Fields) -> Result<(Option<ImageSize>, bool), InvalidOption> {
    let (min, max) = (ImageSize::MIN_SIDE, ImageSize::MAX_SIDE);
    let rule = format!("auto, or WIDTHxHEIGHT with sides from {min} to {max}");
    let size = fields.matching("size", |text| ImageSize::parse(text).is_some(), &rule)?;
    let size = size.as_deref().and_then(ImageSize::parse);
    let width = fields.integer("width", min.into(), max.into())?;
    let height = fields.integer("height", min.into(), max.into())?;
    match (size, width, height) {
        (size, None, None) => Ok((size, false)),
        (None, Some(width), Some(height)) => {
            Ok((ImageSize::exact(as_u32(width), as_u32(height)), true))
        }
        (Some(_), ..) => Err(fields::invalid(
            "size",
            "is given beside width or height",
            "one of the two ways",
        )),
        (None, ..) => {
            let misspelling = fields.misspelling_of(&["width", "height"]);
            let problem = format!("or height is given alone{misspelling}");
            Err(fields::invalid("width", &problem, "both or neither"))
        }
    }
}

fn parse_output_key(fields: &mut Fields) -> Result<String, InvalidOption> {
    let is_key = |text: &str| {
        let starts_well =
            text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let word = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        starts_well && word && text.len() <= 64 && !TAKEN_OUTPUT_KEYS.contains(&text)
    };
    let rule =
        "up to 64 letters, digits and _, no digit first, and not message, object or warnings";
    let key = fields.matching("outputKey", is_key, rule)?;
    Ok(key.unwrap_or_else(|| DEFAULT_OUTPUT_KEY.to_owned()))
}

#[cfg(test)]
mod tests;
