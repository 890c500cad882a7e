//! Options that need an `output_format` which can do what they ask for.

use super::{ImageOptions, InvalidOption};
use crate::image_format::ImageFormat;

/// Transparency needs a format that has it, and compression one that compresses at a loss; the
/// format of requests that name none is png
/// (<https://platform.openai.com/docs/api-reference/images/create>).
pub(super) fn check(options: &ImageOptions) -> Result<(), InvalidOption> {
    let format = options.output_format.unwrap_or(ImageFormat::Png);
    if options.background.as_deref() == Some("transparent") && format == ImageFormat::Jpeg {
        let problem = "is transparent beside output_format jpeg";
        let allowed = "opaque or auto, or transparent with output_format png or webp";
        return Err(refused("background", problem, allowed));
    }
    if options.output_compression.is_some() && format == ImageFormat::Png {
        let problem = match options.output_format {
            Some(_) => "is given beside output_format png",
            None => "is given without an output_format",
        };
        let allowed = "0 to 100 with output_format jpeg or webp";
        return Err(refused("output_compression", problem, allowed));
    }
    Ok(())
}

fn refused(field: &str, problem: &str, allowed: &str) -> InvalidOption {
    InvalidOption {
        field: field.to_owned(),
        problem: problem.to_owned(),
        allowed: allowed.to_owned(),
    }
}
