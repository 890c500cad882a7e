//! Silhouettes one behind the other: each has a height for every column, a colour at its crest
//! that fades towards its foot, and what is nearer is painted over what is farther.

use super::colour::Lab;
use super::frame::Frame;

/// A silhouette that reaches from its crest to the bottom of the picture.
pub struct Ridge {
    frame: Frame,
    crest: Vec<f32>,
    highest: f32,
    lowest: f32,
    /// The colour at the crest.
    pub top: Lab,
    /// The colour at the foot.
    pub foot: Lab,
    /// How far below the lowest part of the crest the foot's colour is reached, in units.
    pub depth: f32,
}

impl Ridge {
    /// The silhouette whose crest at x (in units) lies at `profile(x)` units from the top.
    pub fn new(frame: Frame, profile: impl Fn(f32) -> f32) -> Self {
        let crest: Vec<f32> = (0..frame.columns)
            .map(|column| profile(frame.x(column)))
            .collect();
        let highest = crest.iter().copied().fold(f32::INFINITY, f32::min);
        let lowest = crest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self {
            frame,
            crest,
            highest,
            lowest,
            top: Lab::default(),
            foot: Lab::default(),
            depth: 0.3,
        }
    }

    /// The same silhouette in other colours, that of the foot `depth` units below the lowest
    /// part of the crest.
    pub fn coloured(mut self, top: Lab, foot: Lab, depth: f32) -> Self {
        (self.top, self.foot, self.depth) = (top, foot, depth);
        self
    }

    /// The height of the crest in a column, in units from the top of the picture.
    pub fn crest(&self, column: usize) -> f32 {
        self.crest[column]
    }

    /// How far the height `y` lies below the crest in a column, in units; negative above it.
    fn below(&self, column: usize, y: f32) -> f32 {
        y - self.crest[column]
    }

    /// How high the crest is in a column, from 0 at its lowest to 1 at its highest.
    pub fn prominence(&self, column: usize) -> f32 {
        let range = (self.lowest - self.highest).max(1e-4);
        (self.lowest - self.crest[column]) / range
    }

    /// The crest's slope around a column: positive where the ground falls to the right.
    pub fn slope(&self, column: usize) -> f32 {
        let reach = ((0.025 / self.frame.pixel) as usize).max(1);
        let left = self.crest[column.saturating_sub(reach)];
        let right = self.crest[(column + reach).min(self.crest.len() - 1)];
        (right - left) / (2.0 * reach as f32 * self.frame.pixel)
    }

    /// Paints the part of a row at the height `y` that the silhouette covers.
    pub fn paint_row(&self, y: f32, row: &mut [Lab]) {
        self.paint_row_with(y, row, |_, _, colour| colour);
    }

    /// As `paint_row`, with each colour changed by `shade(column, depth below the crest, colour)`.
    pub fn paint_row_with(&self, y: f32, row: &mut [Lab], shade: impl Fn(usize, f32, Lab) -> Lab) {
        if y < self.highest - self.frame.pixel {
            return;
        }
        // Haze lies level, however the crest rises and falls.
        let reach = 0.75 * (self.lowest - self.highest) + self.depth;
        let place = ((y - self.highest) / reach).clamp(0.0, 1.0);
        let level = self.top.mix(self.foot, place);
        for (column, pixel) in row.iter_mut().enumerate() {
            let below = self.below(column, y);
            let cover = self.frame.coverage(below);
            if cover > 0.0 {
                *pixel = pixel.mix(shade(column, below, level), cover);
            }
        }
    }
}
