//! Bands that flow around each other: layers of cut paper with soft shadows, or silk in fine folds.

use super::Motif;
use super::colour::{Lab, ramp};
use super::field::Field;
use super::frame::Frame;
use super::noise::fractal;
use super::palette::Palette;
use super::portable::{floor, sin_turns, smoothstep};
use super::random::Random;
use super::theme::{Light, Theme};

/// Flowing bands.
pub struct Flow {
    frame: Frame,
    heights: Field,
    colours: Vec<Lab>,
    bands: f32,
    finish: Finish,
}

enum Finish {
    Paper,
    Silk { folds: f32 },
}

impl Flow {
    /// Flowing bands in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let mut colours = vec![palette.ink];
        colours.extend(palette.tones);
        if theme.light != Some(Light::Night) {
            colours.push(palette.paper);
        }
        if random.chance(0.4) {
            colours.reverse();
        }
        Self {
            frame,
            heights: compose_heights(frame, random),
            colours,
            bands: random.whole(8, 15) as f32,
            finish: if random.chance(0.55) {
                Finish::Paper
            } else {
                Finish::Silk {
                    folds: random.between(22.0, 44.0),
                }
            },
        }
    }

    fn paint_paper(&self, y: f32, row: &mut [Lab]) {
        let line = self.heights.line(y);
        // The light comes from the upper left: a layer's shadow falls to the lower right.
        let offset = 0.011;
        let above = self.heights.line(y - offset);
        for (column, pixel) in row.iter_mut().enumerate() {
            let x = self.frame.x(column);
            let point = line.point(x);
            let height = point.value * self.bands;
            let band = floor(height);
            let colour = ramp(&self.colours, (band + 0.5) / self.bands);
            let blocking = above.value(x - offset) * self.bands - (band + 1.0);
            let shadow = smoothstep(-0.12, 0.22, blocking);
            let shaded = colour.lighter(-0.13 * shadow - 0.02);
            // The edge of the next layer, softened over one pixel.
            let edge = (band + 1.0 - height) / (point.steepness * self.bands).max(1e-3);
            let next = ramp(&self.colours, (band + 1.5) / self.bands).lighter(0.035);
            *pixel = shaded.mix(next, 1.0 - self.frame.coverage(edge));
        }
    }

    fn paint_silk(&self, folds: f32, y: f32, row: &mut [Lab]) {
        let line = self.heights.line(y);
        for (column, pixel) in row.iter_mut().enumerate() {
            let point = line.point(self.frame.x(column));
            let colour = ramp(&self.colours, point.value);
            // Folds closer than a few pixels would only flicker.
            let breadth = 1.0 / (folds * point.steepness.max(1e-3));
            let visible = smoothstep(3.0 * self.frame.pixel, 10.0 * self.frame.pixel, breadth);
            let fold = sin_turns(point.value * folds);
            *pixel = colour.lighter(visible * (0.05 * fold + 0.03 * fold * fold));
        }
    }
}

impl Motif for Flow {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        match self.finish {
            Finish::Paper => self.paint_paper(y, row),
            Finish::Silk { folds } => self.paint_silk(folds, y, row),
        }
    }
}

/// Noise whose coordinates are bent by noise, stretched to fill 0 to 1.
fn compose_heights(frame: Frame, random: &mut Random) -> Field {
    let seed = random.noise_seed();
    let scale = random.between(0.7, 1.25);
    let bend = random.between(0.35, 0.9);
    let (lean_x, lean_y) = (random.between(-0.35, 0.35), random.between(-0.5, 0.5));
    let raw = move |x: f32, y: f32| {
        let (across, down) = (x * scale, y * scale);
        let first = fractal(seed ^ 1, across, down, 2);
        let second = fractal(seed ^ 2, across + 5.2, down + 1.3, 2);
        let value = fractal(seed, across + bend * first, down + bend * second, 3);
        value + lean_x * (x / frame.width - 0.5) + lean_y * (y / frame.height - 0.5)
    };
    let (lowest, highest) = bounds(&frame, raw);
    let range = (highest - lowest).max(1e-3);
    Field::new(&frame, |x, y| (raw(x, y) - lowest) / range)
}

/// The least and greatest of a coarse sample of the function over the frame.
fn bounds(frame: &Frame, function: impl Fn(f32, f32) -> f32) -> (f32, f32) {
    let mut found = (f32::INFINITY, f32::NEG_INFINITY);
    for index in 0..48 * 48 {
        let (row, column) = (index / 48, index % 48);
        let value = function(
            frame.width * column as f32 / 47.0,
            frame.height * row as f32 / 47.0,
        );
        found = (found.0.min(value), found.1.max(value));
    }
    found
}
