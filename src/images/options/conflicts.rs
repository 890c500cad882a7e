//! Options that exclude one another, with every provider and model: a request that has both is a
//! mistake that would otherwise show in some places and not in others.

use super::{ImageOptions, InvalidOption, ResponseFormat, fields::invalid};

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
    Ok(())
}
