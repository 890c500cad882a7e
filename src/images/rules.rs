//! Which options each family of models takes, and with which values: how a model finds its row
//! of the table, and the check of a request against it before anything is sent and paid.

mod format_bound;
mod size_bounds;
mod table;

use super::{ImageOptions, ImageRequest, ImageSize, InvalidOption};
use serde_json::Value;
use std::{fmt, time::Duration};

pub use size_bounds::SizeBounds;
pub use table::{BACKGROUNDS, DEMO, MODERATIONS, OUTPUT_FORMATS, STYLES, TABLE, UNKNOWN};

/// What one option of a request may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The family has no such option: it is dropped, and a warning says so.
    Unused,
    /// Whatever the checks allow that hold for every model.
    Any,
    /// One of a few words.
    Only(&'static [&'static str]),
    /// `auto`, or any size within bounds.
    Within(SizeBounds),
}

impl Rule {
    fn allows(self, value: &Value) -> bool {
        let text = value.as_str().unwrap_or_default();
        match self {
            Self::Unused | Self::Any => true,
            Self::Only(words) => words.contains(&text),
            Self::Within(bounds) => match ImageSize::parse(text) {
                Some(ImageSize::Auto) => true,
                Some(ImageSize::Exact { width, height }) => bounds.contain(width, height),
                None => false,
            },
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unused => formatter.write_str("dropped"),
            Self::Any => formatter.write_str("any"),
            Self::Only(words) => formatter.write_str(&words.join(", ")),
            Self::Within(bounds) => write!(formatter, "auto, or {bounds}"),
        }
    }
}

/// What one family of models takes: a row of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelRules {
    /// The family's name in documents.
    pub family: &'static str,
    /// How its models' names begin, in lower case.
    pub names: &'static [&'static str],
    /// Whether a request can choose the model.
    pub model: Rule,
    /// Width and height.
    pub size: Rule,
    /// Effort.
    pub quality: Rule,
    /// Manner.
    pub style: Rule,
    /// Encoding.
    pub output_format: Rule,
    /// Encoding where Azure runs the model.
    pub azure_output_format: Rule,
    /// How strongly jpeg and webp are compressed.
    pub output_compression: Rule,
    /// What is behind the picture's subject.
    pub background: Rule,
    /// How strict the provider's filter is.
    pub moderation: Rule,
    /// Makes a picture repeatable.
    pub seed: Rule,
    /// The end user's id.
    pub user: Rule,
    /// Previews in an event stream.
    pub partial_images: Rule,
    /// What should not be in the picture.
    pub negative_prompt: Rule,
    /// Denoising steps.
    pub num_steps: Rule,
    /// How closely to follow the prompt.
    pub guidance_scale: Rule,
    /// Whether the API has to be asked for base64; where not, it refuses the parameter.
    pub sends_response_format: bool,
    /// In characters.
    pub longest_prompt: usize,
    /// `n` of one call; more images are several calls.
    pub images_per_call: u8,
    /// For requests that do not say.
    pub default_timeout: Duration,
}

impl ModelRules {
    /// The row of a model or, at Azure, of a deployment; [`UNKNOWN`] when the name tells nothing.
    /// A gateway's prefix (`openai/dall-e-3`) is none of the name.
    #[must_use]
    pub fn of(model: &str) -> Self {
        let name = model.rsplit_once('/').map_or(model, |(_, name)| name);
        let model = name.to_ascii_lowercase();
        let is_of = |row: &&Self| row.names.iter().any(|name| has_name(&model, name));
        TABLE
            .iter()
            .copied()
            .find(|row| is_of(&row))
            .unwrap_or(UNKNOWN)
    }

    /// The row where Azure runs the model.
    #[must_use]
    pub fn at_azure(self) -> Self {
        Self {
            output_format: self.azure_output_format,
            ..self
        }
    }

    /// Checks what only the model can say about a request.
    ///
    /// # Errors
    /// [`InvalidOption`] with the first value that the family refuses.
    pub fn check(&self, request: &ImageRequest) -> Result<(), InvalidOption> {
        let characters = request.prompt.as_str().chars().count();
        if characters > self.longest_prompt {
            return Err(InvalidOption {
                field: "prompt".to_owned(),
                problem: format!("has {characters} characters"),
                allowed: format!("up to {} characters", self.longest_prompt),
            });
        }
        let options = &request.options;
        let given = self.given(options);
        if let Some((name, rule, value)) = given.iter().find(|(_, rule, value)| !rule.allows(value))
        {
            return Err(refused(name, *rule, value, options));
        }
        match self.output_format {
            Rule::Unused => Ok(()),
            _ => format_bound::check(options),
        }
    }

    /// The given options that the family takes, by the names and values of OpenAI's API.
    #[must_use]
    pub fn used(&self, options: &ImageOptions) -> Vec<(&'static str, Value)> {
        let used = self.given(options).into_iter();
        used.filter(|(_, rule, _)| *rule != Rule::Unused)
            .map(|(name, _, value)| (name, value))
            .collect()
    }

    /// The names of the given options that the family has no use for.
    #[must_use]
    pub fn unused(&self, options: &ImageOptions) -> Vec<&'static str> {
        let unused = self.given(options).into_iter();
        unused
            .filter(|(_, rule, _)| *rule == Rule::Unused)
            .map(|(name, ..)| name)
            .collect()
    }

    /// Whether the family is known to have all given options and to take their values: only
    /// then may they be sent although no caller asked for them.
    #[must_use]
    pub fn surely_takes(&self, options: &ImageOptions) -> bool {
        let is_sure =
            |(_, rule, value): &(_, Rule, Value)| *rule != Rule::Unused && rule.allows(value);
        self.family != UNKNOWN.family && self.given(options).iter().all(is_sure)
    }

    /// Whether the family is known to refuse the value of a given option.
    #[must_use]
    pub fn surely_refuses(&self, options: &ImageOptions) -> bool {
        let given = self.given(options);
        given.iter().any(|(_, rule, value)| !rule.allows(value))
    }

    /// Every option with its rule.
    #[must_use]
    pub fn options(&self) -> Vec<(&'static str, Rule)> {
        let all = self.join(&ImageOptions::default()).into_iter();
        all.map(|(name, rule, _)| (name, rule)).collect()
    }

    fn given(&self, options: &ImageOptions) -> Vec<(&'static str, Rule, Value)> {
        let all = self.join(options).into_iter();
        all.filter_map(|(name, rule, value)| Some((name, rule, value?)))
            .collect()
    }

    fn join(&self, options: &ImageOptions) -> [(&'static str, Rule, Option<Value>); 14] {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let size = options.size.map(|size| size.to_string().into());
        let format = options.output_format.map(|format| format.name().into());
        let previews = options.partial_images.map(Value::from);
        let compression = options.output_compression.map(Value::from);
        let scale = options.guidance_scale.map(Value::from);
        [
            ("model", self.model, text(&options.model)),
            ("size", self.size, size),
            ("quality", self.quality, text(&options.quality)),
            ("style", self.style, text(&options.style)),
            ("output_format", self.output_format, format),
            ("output_compression", self.output_compression, compression),
            ("background", self.background, text(&options.background)),
            ("moderation", self.moderation, text(&options.moderation)),
            ("seed", self.seed, options.seed.map(Value::from)),
            ("user", self.user, text(&options.user)),
            ("partial_images", self.partial_images, previews),
            (
                "negative_prompt",
                self.negative_prompt,
                text(&options.negative_prompt),
            ),
            (
                "num_steps",
                self.num_steps,
                options.num_steps.map(Value::from),
            ),
            ("guidance_scale", self.guidance_scale, scale),
        ]
    }
}

/// `gpt-image-2-2026-04-21` is a `gpt-image-2`; `gpt-image-25` and `gpt-image-2.7` are not.
fn has_name(model: &str, name: &str) -> bool {
    let goes_on = |next: char| next.is_ascii_alphanumeric() || next == '.';
    model
        .strip_prefix(name)
        .is_some_and(|rest| !rest.starts_with(goes_on))
}

fn refused(name: &str, rule: Rule, value: &Value, options: &ImageOptions) -> InvalidOption {
    let value = value.as_str().unwrap_or_default();
    let (field, problem) = if name == "size" && options.size_is_in_sides {
        ("width", format!("x height is {value}"))
    } else {
        (name, format!("is {value}"))
    };
    InvalidOption {
        field: field.to_owned(),
        problem,
        allowed: rule.to_string(),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
