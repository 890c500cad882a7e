//! Overlapping fans in rows, each of concentric rings: the old wave pattern of Japanese cloth.

use super::Motif;
use super::colour::{Lab, ramp};
use super::frame::Frame;
use super::noise::{fractal, hash_unit};
use super::palette::Palette;
use super::portable::floor;
use super::random::Random;
use super::theme::Theme;

/// Rows of fans.
pub struct Scales {
    frame: Frame,
    radius: f32,
    rings: f32,
    palette: Palette,
    seed: u32,
    lean: f32,
    gilded: f32,
}

impl Scales {
    /// Fans in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        Self {
            frame,
            radius: 1.0 / random.whole(7, 13) as f32,
            rings: random.whole(3, 5) as f32,
            palette: Palette::choose(theme, random),
            seed: random.noise_seed(),
            lean: random.between(-0.5, 0.5),
            gilded: random.between(0.02, 0.12),
        }
    }

    /// One fan's colour at a distance from its centre, in radii.
    fn fan_colour(&self, column: i32, row: i32, distance: f32) -> Lab {
        let x = column as f32 * self.radius;
        let y = row as f32 * self.radius * 0.5;
        let wander = 0.7 * fractal(self.seed, x * 1.4, y * 1.4, 2);
        let slope = self.lean * (x / self.frame.width - 0.5);
        let chance = hash_unit(self.seed, column, row);
        let place = y / self.frame.height + wander + slope + 0.12 * (chance - 0.5);
        let gilded = hash_unit(self.seed ^ 4, column, row) < self.gilded;
        let tone = if gilded {
            self.palette.tones[4]
        } else {
            ramp(&self.palette.tones[..4], place)
        };
        self.ring_colour(tone, distance)
    }

    fn ring_colour(&self, tone: Lab, distance: f32) -> Lab {
        let place = distance * self.rings;
        let ring = floor(place);
        let aside = (place - ring - 0.5).abs();
        let pale = self.palette.paper.mix(tone, 0.12);
        let edge = (0.5 - 0.16 - aside) * self.radius / self.rings;
        let body = tone.lighter(0.05 * distance - 0.03);
        pale.mix(body, self.frame.coverage(edge))
    }
}

impl Motif for Scales {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let step = self.radius * 0.5;
        let first = floor((y - self.radius) / step) as i32;
        for (column, pixel) in row.iter_mut().enumerate() {
            let x = self.frame.x(column);
            // Lower rows lie over higher ones, and a fan reaches over four of them: from the
            // lowest upwards until nothing behind can show.
            let mut left = 1.0;
            let mut colour = Lab::default();
            for index in (first..=first + 5).rev() {
                let odd = index.rem_euclid(2) as f32;
                let number = floor((x / self.radius - odd) * 0.5 + 0.5) * 2.0 + odd;
                let (across, down) = (x - number * self.radius, y - index as f32 * step);
                let distance = (across * across + down * down).sqrt();
                let cover = self.frame.coverage(self.radius - distance) * left;
                if cover > 0.0 {
                    let fan = self.fan_colour(number as i32, index, distance / self.radius);
                    left -= cover;
                    colour = colour.mix(fan, cover / (1.0 - left));
                }
                if left <= 0.0 {
                    break;
                }
            }
            *pixel = colour;
        }
    }
}
