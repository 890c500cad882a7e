//! A planet with bands of cloud, lit from the upper left, and now and then a ring.

use super::colour::Lab;
use super::frame::Frame;
use super::noise::fractal;
use super::palette::Palette;
use super::portable::{lerp, smoothstep};
use super::random::Random;

/// A planet; places and sizes are in units.
pub struct Planet {
    x: f32,
    y: f32,
    radius: f32,
    colours: [Lab; 2],
    ring: Option<Lab>,
    seed: u32,
}

impl Planet {
    /// A planet in the colours of the palette.
    pub fn compose(frame: Frame, palette: &Palette, random: &mut Random) -> Self {
        let tone = palette.tones[random.whole(1, 4)];
        Self {
            x: frame.width * random.pick([0.28, 0.36, 0.64, 0.72]),
            y: frame.height * random.between(0.32, 0.68),
            radius: random.between(0.1, 0.24),
            colours: [tone.lighter(0.06), palette.tone(random).mix(tone, 0.4)],
            ring: random.chance(0.5).then(|| palette.paper.mix(tone, 0.35)),
            seed: random.noise_seed(),
        }
    }

    /// Paints the part of a row at the height `y` that the planet covers.
    pub fn paint_row(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        let reach = self.radius * 2.3;
        if (y - self.y).abs() > reach {
            return;
        }
        for column in frame.columns_between(self.x - reach, self.x + reach) {
            let (x, y) = (
                (frame.x(column) - self.x) / self.radius,
                (y - self.y) / self.radius,
            );
            let pixel = &mut row[column];
            let ring = self.ring.map(|colour| (colour, ring_cover(x, y)));
            if let Some((colour, cover)) = ring.filter(|_| y < 0.28 * x) {
                *pixel = pixel.mix(colour, cover);
            }
            let cover = frame.coverage((1.0 - (x * x + y * y).sqrt()) * self.radius);
            if cover > 0.0 {
                *pixel = pixel.mix(self.surface(x, y), cover);
            }
            if let Some((colour, cover)) = ring.filter(|_| y >= 0.28 * x) {
                *pixel = pixel.mix(colour, cover);
            }
        }
    }

    /// Bands of cloud on a ball that is lit from the upper left.
    fn surface(&self, x: f32, y: f32) -> Lab {
        let depth = (1.0 - x * x - y * y).max(0.0).sqrt();
        let latitude = y - 0.28 * x;
        let bands = fractal(self.seed, x * 0.5, latitude * 4.0 + 0.2 * depth, 4);
        let [light, dark] = self.colours;
        let colour = light.mix(dark, smoothstep(-0.4, 0.4, bands));
        let lit = (-0.62 * x - 0.48 * y + 0.62 * depth).max(0.0);
        Lab {
            lightness: lerp(0.1, colour.lightness + 0.06, smoothstep(0.0, 0.85, lit)),
            a: colour.a * lerp(0.35, 1.0, lit),
            b: colour.b * lerp(0.35, 1.0, lit),
        }
    }
}

/// How dense a planet's tilted ring is at a place in radii from its centre.
fn ring_cover(x: f32, y: f32) -> f32 {
    let (along, across) = (x + 0.28 * y, (y - 0.28 * x) * 4.2);
    let distance = (along * along + across * across).sqrt();
    let body = smoothstep(1.35, 1.42, distance) * smoothstep(2.15, 2.08, distance);
    let gap = 1.0 - 0.8 * smoothstep(0.06, 0.03, (distance - 1.82).abs());
    body * gap * 0.8
}
