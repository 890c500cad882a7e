//! Stars: many faint ones, and a few bright ones with a glow.

use super::colour::Lab;
use super::frame::Frame;
use super::random::Random;

/// Stars over the whole picture, ordered from top to bottom.
pub struct Stars {
    frame: Frame,
    stars: Vec<Star>,
}

struct Star {
    x: f32,
    y: f32,
    radius: f32,
    brightness: f32,
    colour: Lab,
}

/// How far a star's glow reaches, in radii.
const REACH: f32 = 9.0;
/// The largest radius in units.
const LARGEST: f32 = 0.0036;

impl Stars {
    /// Scatters `density` stars a square unit, their colours around `tint`.
    pub fn scatter(frame: Frame, density: f32, tint: Lab, random: &mut Random) -> Self {
        let count = (density * frame.area_up_to(12.0)) as usize;
        let mut stars: Vec<Star> = (0..count)
            .map(|_| {
                let size = random.unit();
                let warm = random.between(-0.03, 0.03);
                Star {
                    x: random.unit() * frame.width,
                    y: random.unit() * frame.height,
                    // The sixth power: bright ones are rare.
                    radius: 0.0009 + (LARGEST - 0.0009) * size * size * size * size * size * size,
                    brightness: (0.4 + 0.6 * random.unit()).max(size),
                    colour: Lab {
                        lightness: tint.lightness.max(0.93),
                        a: tint.a * 0.5 + warm * 0.5,
                        b: tint.b * 0.5 + warm,
                    },
                }
            })
            .collect();
        stars.sort_by(|one, other| one.y.total_cmp(&other.y));
        Self { frame, stars }
    }

    /// Adds the stars' light to a row at the height `y`, dimmed by `strength` from 0 to 1.
    pub fn paint_row(&self, y: f32, strength: f32, row: &mut [Lab]) {
        let reach = REACH * LARGEST + 2.0 * self.frame.pixel;
        let first = self.stars.partition_point(|star| star.y < y - reach);
        let near = self.stars[first..].iter();
        for star in near.take_while(|star| star.y <= y + reach) {
            self.paint_star(star, y - star.y, strength, row);
        }
    }

    fn paint_star(&self, star: &Star, down: f32, strength: f32, row: &mut [Lab]) {
        // In a small picture a star is still a pixel wide, but dimmer.
        let radius = star.radius.max(0.6 * self.frame.pixel);
        let dimmed = star.brightness * strength * (star.radius / radius).max(0.35);
        let reach = radius * REACH;
        if down.abs() > reach {
            return;
        }
        for column in self.frame.columns_between(star.x - reach, star.x + reach) {
            let across = self.frame.x(column) - star.x;
            let square = (across * across + down * down) / (radius * radius);
            let core = self.frame.coverage(radius - square.sqrt() * radius);
            let far = (1.0 - square / (REACH * REACH)).max(0.0);
            let glow = 0.5 * far * far / (1.0 + square);
            row[column] = row[column].mix(star.colour, (core + glow).min(1.0) * dimmed);
        }
    }
}
