//! What `/api/generate` takes: the fields and defaults of the Azure Container Apps GPU sample
//! (<https://github.com/Azure-Samples/function-on-aca-gpu>), with bounds, and a few beside them.

use super::{
    ImageOptions, ImageRequest, ImageSize, InvalidOption, MAX_SEED, MODEL_RULE, RETRY_PAID,
    WORD_RULE, as_u32,
    fields::{Fields, Writing, invalid},
    is_model, is_word,
};
use crate::{
    image_format::ImageFormat,
    images::rules::ModelRules,
    prompt::{InvalidPrompt, Prompt},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The sample's sides in pixels, where a request names none.
const DEFAULT_SIDE: u32 = 512;
/// Bounds of a side in pixels; without them anybody could fill the sample's GPU.
const SIDES: (u64, u64) = (64, 2048);
/// A latent diffusion model's latents have an eighth of the picture's sides.
const SIDE_STEP: u64 = 8;

/// A request's fields as they came.
#[derive(Debug, Clone)]
pub enum RequestFields {
    /// A JSON object, with values of JSON's types.
    Json(Map<String, Value>),
    /// A query, in which every value is a text.
    Query(BTreeMap<String, String>),
}

impl RequestFields {
    /// As an object, with values as they were written.
    #[must_use]
    pub fn into_json(self) -> Map<String, Value> {
        match self {
            Self::Json(fields) => fields,
            Self::Query(texts) => {
                let texts = texts.into_iter();
                texts
                    .map(|(name, text)| (name, Value::String(text)))
                    .collect()
            }
        }
    }
}

/// A whole request.
#[derive(Debug, Clone)]
pub struct GpuSampleRequest {
    /// What the provider is asked.
    pub image: ImageRequest,
    /// Whether the picture is to be stored.
    pub is_saved: bool,
    /// Whether a picture that may be paid for already may be paid for again.
    pub retry_paid: bool,
    /// Fields that nobody knows.
    pub warnings: Vec<String>,
}

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGpuSampleRequest {
    /// No prompt, or a blank one; in the sample's words, which its front ends show.
    #[error("Please provide a 'prompt' parameter{misspelling}")]
    NoPrompt {
        /// The end of the sentence when the prompt has a misspelt name; else empty.
        misspelling: String,
    },
    /// A value that is not allowed.
    #[error(transparent)]
    Option(#[from] InvalidOption),
}

/// Reads a request; what it does not name is left to [`GpuSampleRequest::fill_in`].
///
/// # Errors
/// [`InvalidGpuSampleRequest`] with the first wrong value.
pub fn parse_gpu_sample_request(
    fields: RequestFields,
) -> Result<GpuSampleRequest, InvalidGpuSampleRequest> {
    let writing = match fields {
        RequestFields::Json(_) => Writing::Json,
        RequestFields::Query(_) => Writing::Text,
    };
    let mut fields = Fields::new(fields.into_json(), writing);
    let prompt = parse_prompt(&mut fields)?;
    let options = parse_options(&mut fields)?;
    let is_saved = fields.boolean("save")?.unwrap_or(false);
    Ok(GpuSampleRequest {
        image: ImageRequest { prompt, options },
        is_saved,
        retry_paid: fields.boolean(RETRY_PAID)?.unwrap_or(false),
        warnings: fields.unknown(),
    })
}

impl GpuSampleRequest {
    /// Adds the sample's size and format, which callers count on, where the model is known to
    /// take them. Its steps and guidance scale are left to the engine, which knows better. Its
    /// clients send its own size too: where the model surely refuses that, it is dropped with a
    /// warning, as if nobody had named it.
    pub fn fill_in(&mut self, rules: &ModelRules) {
        let options = &mut self.image.options;
        let size = ImageOptions {
            size: ImageSize::exact(DEFAULT_SIDE, DEFAULT_SIDE),
            ..ImageOptions::default()
        };
        if options.size.is_none() && rules.surely_takes(&size) {
            options.size = size.size;
        }
        if options.size == size.size && rules.surely_refuses(&size) {
            options.size = None;
            self.warnings.push(format!(
                "width x height {DEFAULT_SIDE}x{DEFAULT_SIDE} was dropped: \
                {} takes {}; the provider chose the size",
                rules.family, rules.size
            ));
        }
        let format = ImageOptions {
            output_format: Some(ImageFormat::Png),
            ..ImageOptions::default()
        };
        if rules.surely_takes(&format) {
            options.output_format = format.output_format;
        }
    }
}

fn parse_prompt(fields: &mut Fields) -> Result<Prompt, InvalidGpuSampleRequest> {
    let allowed = format!("a text of 1 to {} characters", Prompt::MAX_CHARACTERS);
    let text = fields.any_text("prompt", &allowed)?;
    let no_prompt = || InvalidGpuSampleRequest::NoPrompt {
        misspelling: fields.misspelling_of(&["prompt"]),
    };
    let text = text.ok_or_else(no_prompt)?;
    Prompt::parse(&text).map_err(|error| match error {
        InvalidPrompt::Blank => no_prompt(),
        InvalidPrompt::TooLong { characters } => {
            invalid("prompt", &format!("has {characters} characters"), &allowed).into()
        }
    })
}

fn parse_options(fields: &mut Fields) -> Result<ImageOptions, InvalidOption> {
    let negative_prompt = fields.text("negative_prompt", Prompt::MAX_CHARACTERS)?;
    let size = parse_size(fields)?;
    Ok(ImageOptions {
        model: fields.matching("model", is_model, MODEL_RULE)?,
        size,
        size_is_in_sides: size.is_some(),
        quality: fields.matching("quality", is_word, WORD_RULE)?,
        n: 1,
        seed: fields.integer("seed", 0, MAX_SEED)?,
        // The sample's default is "", which means none.
        negative_prompt: negative_prompt.filter(|text| !text.trim().is_empty()),
        num_steps: fields.integer("num_steps", 1, 150)?.map(as_u32),
        guidance_scale: fields.number("guidance_scale", 0.0, 30.0)?,
        timeout: fields.timeout()?,
        max_retries: fields.max_retries()?,
        ..ImageOptions::default()
    })
}

/// `None` without either side; a side that is given alone has the sample's default beside it.
fn parse_size(fields: &mut Fields) -> Result<Option<ImageSize>, InvalidOption> {
    let (min, max) = SIDES;
    let mut side = |name| fields.multiple(name, min, max, SIDE_STEP);
    let (width, height) = (side("width")?, side("height")?);
    if width.is_none() && height.is_none() {
        return Ok(None);
    }
    let side = |given: Option<u64>| given.map_or(DEFAULT_SIDE, as_u32);
    Ok(ImageSize::exact(side(width), side(height)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::rules::{DEMO, UNKNOWN};
    use serde_json::json;

    fn parse(body: Value) -> GpuSampleRequest {
        let Value::Object(fields) = body else {
            panic!("{body} is no object")
        };
        parse_gpu_sample_request(RequestFields::Json(fields)).unwrap()
    }

    fn filled_in(body: Value, rules: &ModelRules) -> (Option<String>, Option<ImageFormat>) {
        let mut request = parse(body);
        request.fill_in(rules);
        let options = request.image.options;
        (
            options.size.map(|size| size.to_string()),
            options.output_format,
        )
    }

    #[test]
    fn the_samples_size_and_format_are_only_for_models_that_surely_take_them() {
        let square = Some("512x512".to_owned());
        let png = Some(ImageFormat::Png);
        for (rules, expected) in [
            (DEMO, (square.clone(), png)),
            (ModelRules::of("dall-e-2"), (square, None)),
            (ModelRules::of("dall-e-3"), (None, None)),
            (ModelRules::of("gpt-image-2"), (None, png)),
            (UNKNOWN, (None, None)),
        ] {
            let filled_in = filled_in(json!({"prompt": "a"}), &rules);
            assert_eq!(filled_in, expected, "{}", rules.family);
        }
    }

    #[test]
    fn the_samples_own_size_is_dropped_by_name_where_the_model_surely_refuses_it() {
        for (rules, is_kept) in [
            (DEMO, true),
            (UNKNOWN, true),
            (ModelRules::of("dall-e-2"), true),
            (ModelRules::of("dall-e-3"), false),
            (ModelRules::of("gpt-image-1"), false),
            (ModelRules::of("gpt-image-2.5-flare"), false),
        ] {
            let mut request = parse(json!({"prompt": "a", "width": 512, "height": 512}));
            request.fill_in(&rules);
            assert_eq!(request.image.options.size.is_some(), is_kept);
            let is_named = |warning: &String| warning.contains("width x height 512x512");
            assert_eq!(request.warnings.iter().any(is_named), !is_kept);
            assert!(rules.check(&request.image).is_ok(), "{}", rules.family);
        }
    }

    #[test]
    fn a_callers_own_size_is_kept() {
        for (sides, expected) in [
            (json!({"width": 64, "height": 2048}), "64x2048"),
            (json!({"width": 768}), "768x512"),
            (json!({"height": 768}), "512x768"),
        ] {
            let mut body = sides;
            body["prompt"] = "a".into();
            let (size, _) = filled_in(body, &DEMO);
            assert_eq!(size.as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_empty_negative_prompt_is_none() {
        let request = parse(json!({"prompt": "a", "negative_prompt": ""}));
        assert_eq!(request.image.options.negative_prompt, None);
    }
}
