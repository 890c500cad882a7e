//! Options that exclude one another, with every provider and model: a request that has both is a
//! mistake that would otherwise show in some places and not in others.

use super::{ImageOptions, InvalidOption, ResponseFormat, fields::invalid};
use crate::image_format::ImageFormat;

/// Pairs of options that cannot be given together, in whichever order.
pub const CONFLICTS: [(&str, &str); 4] = [
    ("style", "output_format"),
    ("response_format", "output_format"),
    ("response_format", "background"),
    ("response_format", "seed"),
];

pub(super) fn check(
    options: &ImageOptions,
    response_format: Option<ResponseFormat>,
) -> Result<(), InvalidOption> {
    let given = [
        ("style", options.style.is_some()),
        ("output_format", options.output_format.is_some()),
        ("background", options.background.is_some()),
        ("seed", options.seed.is_some()),
        ("response_format", response_format.is_some()),
    ];
    let is_given = |name: &str| given.iter().any(|(known, here)| *known == name && *here);
    let mut conflicts = CONFLICTS.into_iter();
    if let Some((one, other)) = conflicts.find(|pair| is_given(pair.0) && is_given(pair.1)) {
        let problem = format!("is given beside {other}");
        return Err(invalid(one, &problem, "one of the two"));
    }
    check_format(options)
}

/// Transparency needs a format that has it, and compression one that compresses at a loss; the
/// format of requests that name none is png
/// (<https://platform.openai.com/docs/api-reference/images/create>).
fn check_format(options: &ImageOptions) -> Result<(), InvalidOption> {
    let format = options.output_format.unwrap_or(ImageFormat::Png);
    if options.background.as_deref() == Some("transparent") && format == ImageFormat::Jpeg {
        let problem = "is transparent beside output_format jpeg";
        let allowed = "opaque or auto, or transparent with output_format png or webp";
        return Err(invalid("background", problem, allowed));
    }
    if options.output_compression.is_some() && format == ImageFormat::Png {
        let problem = match options.output_format {
            Some(_) => "is given beside output_format png",
            None => "is given without an output_format",
        };
        let allowed = "0 to 100 with output_format jpeg or webp";
        return Err(invalid("output_compression", problem, allowed));
    }
    Ok(())
}
