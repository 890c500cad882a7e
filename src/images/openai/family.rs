//! What the models' families have in common, known by the model's name. A name that is not
//! known gets everything that the caller gave: a new model needs no release of ours.

use crate::prompt::Prompt;
use std::time::Duration;

/// A family of image models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    DallE2,
    DallE3,
    GptImage,
    Unknown,
}

impl Family {
    /// By the start of the name; an Azure deployment's name may tell or not.
    pub fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
        if starts(&["dall-e-2", "dalle-2", "dalle2"]) {
            Self::DallE2
        } else if starts(&["dall-e", "dalle"]) {
            Self::DallE3
        } else if starts(&["gpt-image", "chatgpt-image"]) {
            Self::GptImage
        } else {
            Self::Unknown
        }
    }

    pub fn takes_style(self) -> bool {
        matches!(self, Self::DallE3 | Self::Unknown)
    }

    /// The others always answer in base64 and refuse the parameter.
    pub fn takes_response_format(self) -> bool {
        matches!(self, Self::DallE2 | Self::DallE3)
    }

    /// `output_format`, `output_compression`, `background` and `moderation`.
    pub fn takes_output_options(self) -> bool {
        matches!(self, Self::GptImage | Self::Unknown)
    }

    /// In characters (<https://platform.openai.com/docs/api-reference/images/create>).
    pub fn longest_prompt(self) -> usize {
        match self {
            Self::DallE2 => 1000,
            Self::DallE3 => 4000,
            Self::GptImage | Self::Unknown => Prompt::MAX_CHARACTERS,
        }
    }

    pub fn images_per_call(self) -> u8 {
        match self {
            Self::DallE3 => 1,
            _ => 10,
        }
    }

    pub fn default_timeout(self) -> Duration {
        match self {
            Self::DallE2 | Self::DallE3 => Duration::from_secs(60),
            Self::GptImage | Self::Unknown => Duration::from_secs(180),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_name() {
        for (model, family) in [
            ("dall-e-2", Family::DallE2),
            ("dall-e-3", Family::DallE3),
            ("Dalle3", Family::DallE3),
            ("gpt-image-2.5-flare", Family::GptImage),
            ("chatgpt-image-latest", Family::GptImage),
            ("my-deployment", Family::Unknown),
        ] {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
