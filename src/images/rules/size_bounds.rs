//! Sizes that are free within bounds, as the GPT image models take them since version 2.

use std::fmt;

/// Bounds of a picture's sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeBounds {
    /// Both sides are multiples of this many pixels.
    pub step: u32,
    /// No side has more pixels.
    pub longest_side: u32,
    /// The longer side is at most so many times the shorter one.
    pub steepest_ratio: u32,
    /// The picture has no fewer pixels.
    pub fewest_pixels: u32,
    /// The picture has no more pixels.
    pub most_pixels: u32,
}

impl SizeBounds {
    /// Whether a size keeps all of them.
    #[must_use]
    pub fn contain(&self, width: u32, height: u32) -> bool {
        let (longer, shorter) = (width.max(height), width.min(height));
        let pixels = u64::from(width) * u64::from(height);
        width.is_multiple_of(self.step)
            && height.is_multiple_of(self.step)
            && longer <= self.longest_side
            && u64::from(longer) <= u64::from(shorter) * u64::from(self.steepest_ratio)
            && (self.fewest_pixels.into()..=self.most_pixels.into()).contains(&pixels)
    }
}

impl fmt::Display for SizeBounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            longest_side,
            steepest_ratio,
            fewest_pixels,
            most_pixels,
        } = self;
        write!(
            formatter,
            "WIDTHxHEIGHT with both divisible by {step} and at most {longest_side}, \
            a ratio from 1:{steepest_ratio} to {steepest_ratio}:1, \
            and {fewest_pixels} to {most_pixels} pixels in all"
        )
    }
}
