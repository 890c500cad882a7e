//! The table: a row for each family of models, as
//! <https://platform.openai.com/docs/api-reference/images/create> and, for Azure,
//! <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e> have it.

use super::{
    ModelRules,
    Rule::{Any, Only, Unused, Within},
    SizeBounds,
};
use crate::prompt::Prompt;
use std::time::Duration;

/// Every `style` there is.
pub const STYLES: &[&str] = &["vivid", "natural"];
/// Every `output_format` there is.
pub const OUTPUT_FORMATS: &[&str] = &["png", "jpeg", "webp"];
/// Every `background` there is.
pub const BACKGROUNDS: &[&str] = &["transparent", "opaque", "auto"];
/// Every `moderation` there is.
pub const MODERATIONS: &[&str] = &["low", "auto"];

/// The families that are known by their models' names.
pub const TABLE: &[ModelRules] = &[GPT_IMAGE_2_5, GPT_IMAGE_2, GPT_IMAGE_1, DALL_E_3, DALL_E_2];

const GPT_IMAGE_2_5: ModelRules = ModelRules {
    family: "gpt-image-2.5",
    names: &["gpt-image-2.5", "gpt-image-2-5"],
    quality: Only(&["low", "medium", "high", "xhigh", "max", "auto"]),
    ..GPT_IMAGE_2
};

const GPT_IMAGE_2: ModelRules = ModelRules {
    family: "gpt-image-2",
    names: &["gpt-image-2"],
    size: Within(SizeBounds {
        step: 16,
        longest_side: 3840,
        steepest_ratio: 3,
        fewest_pixels: 655_360,
        most_pixels: 8_294_400,
    }),
    ..GPT_IMAGE_1
};

/// With `gpt-image-1-mini`.
const GPT_IMAGE_1: ModelRules = ModelRules {
    family: "gpt-image-1",
    names: &["gpt-image-1", "gpt-image-1.5", "chatgpt-image-latest"],
    model: Any,
    size: Only(&["1024x1024", "1536x1024", "1024x1536", "auto"]),
    quality: Only(&["low", "medium", "high", "auto"]),
    style: Unused,
    output_format: Only(OUTPUT_FORMATS),
    azure_output_format: Only(&["png", "jpeg"]),
    output_compression: Any,
    background: Only(BACKGROUNDS),
    moderation: Only(MODERATIONS),
    seed: Unused,
    user: Any,
    partial_images: Any,
    negative_prompt: Unused,
    num_steps: Unused,
    guidance_scale: Unused,
    sends_response_format: false,
    longest_prompt: 32_000,
    images_per_call: 10,
    default_timeout: Duration::from_secs(180),
};

const DALL_E_3: ModelRules = ModelRules {
    family: "dall-e-3",
    names: &["dall-e-3", "dall-e3", "dalle-3", "dalle3"],
    size: Only(&["1024x1024", "1792x1024", "1024x1792"]),
    quality: Only(&["standard", "hd"]),
    style: Only(STYLES),
    longest_prompt: 4000,
    images_per_call: 1,
    ..DALL_E_2
};

const DALL_E_2: ModelRules = ModelRules {
    family: "dall-e-2",
    names: &["dall-e-2", "dall-e2", "dalle-2", "dalle2"],
    model: Any,
    size: Only(&["256x256", "512x512", "1024x1024"]),
    quality: Only(&["standard"]),
    style: Unused,
    output_format: Unused,
    azure_output_format: Unused,
    output_compression: Unused,
    background: Unused,
    moderation: Unused,
    seed: Unused,
    user: Any,
    partial_images: Unused,
    negative_prompt: Unused,
    num_steps: Unused,
    guidance_scale: Unused,
    sends_response_format: true,
    longest_prompt: 1000,
    images_per_call: 10,
    default_timeout: Duration::from_secs(60),
};

/// Models of OpenAI's API that are not in the table: a new model needs no release of ours, and
/// an Azure deployment can have any name.
pub const UNKNOWN: ModelRules = ModelRules {
    family: "unknown",
    names: &[],
    model: Any,
    size: Any,
    quality: Any,
    style: Any,
    output_format: Any,
    azure_output_format: Any,
    output_compression: Any,
    background: Any,
    moderation: Any,
    seed: Unused,
    user: Any,
    partial_images: Unused,
    negative_prompt: Unused,
    num_steps: Unused,
    guidance_scale: Unused,
    sends_response_format: false,
    longest_prompt: Prompt::MAX_CHARACTERS,
    images_per_call: 10,
    default_timeout: Duration::from_secs(180),
};

/// The demo painter.
pub const DEMO: ModelRules = ModelRules {
    family: "demo",
    names: &[],
    model: Unused,
    size: Any,
    quality: Unused,
    style: Unused,
    output_format: Any,
    azure_output_format: Any,
    output_compression: Any,
    background: Unused,
    moderation: Unused,
    seed: Any,
    user: Unused,
    partial_images: Unused,
    negative_prompt: Unused,
    num_steps: Unused,
    guidance_scale: Unused,
    sends_response_format: false,
    longest_prompt: Prompt::MAX_CHARACTERS,
    images_per_call: 1,
    default_timeout: Duration::from_secs(60),
};
