//! Curtains of light in the night sky, each bright at its lower edge and fading upwards.

use super::colour::Lab;
use super::frame::Frame;
use super::noise::{fractal, gradient};
use super::portable::smoothstep;
use super::random::Random;
use super::theme::Theme;

/// An aurora of a few curtains.
pub struct Aurora {
    curtains: Vec<Curtain>,
}

struct Curtain {
    edge: Vec<f32>,
    brightness: Vec<f32>,
    height: f32,
    low: Lab,
    high: Lab,
}

impl Aurora {
    /// An aurora in the colours of the theme, or else in those of oxygen and nitrogen.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let (low, high) = random.pick([
            (0x6ff5a8, 0x6a3fd0),
            (0x58f0c4, 0x2f6fe0),
            (0x9af58a, 0xc04ab0),
        ]);
        let low = theme
            .colours
            .first()
            .map_or(Lab::from_hex(low), |hue| hue.lighter(0.2));
        let high = theme.colours.get(1).copied().unwrap_or(Lab::from_hex(high));
        let curtains = (0..random.whole(2, 4))
            .map(|_| Curtain::compose(frame, low, high, random))
            .collect();
        Self { curtains }
    }

    /// Adds the aurora to a row at the height `y`.
    pub fn paint_row(&self, y: f32, row: &mut [Lab]) {
        for curtain in &self.curtains {
            curtain.paint_row(y, row);
        }
    }
}

impl Curtain {
    fn compose(frame: Frame, low: Lab, high: Lab, random: &mut Random) -> Self {
        let seed = random.noise_seed();
        let base = frame.height * random.between(0.4, 0.62);
        let columns = 0..frame.columns;
        let bend = |x: f32| x + 0.12 * gradient(seed ^ 5, x * 3.1, 0.6);
        let edge = columns.clone().map(|column| {
            let x = bend(frame.x(column));
            base + 0.26 * fractal(seed, x * 1.3, 0.4, 3)
        });
        let brightness = columns.map(|column| {
            let x = frame.x(column);
            let broad = smoothstep(-0.5, 0.5, gradient(seed ^ 1, x * 1.7, 0.1));
            let fine = 0.72 + 0.45 * fractal(seed ^ 2, x * 26.0, 0.2, 3);
            broad * fine
        });
        Self {
            edge: edge.collect(),
            brightness: brightness.collect(),
            height: random.between(0.3, 0.5),
            low,
            high,
        }
    }

    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let columns = row.iter_mut().zip(&self.edge).zip(&self.brightness);
        for ((pixel, edge), brightness) in columns {
            let above = (edge - y) / self.height;
            if !(-0.08..1.0).contains(&above) {
                continue;
            }
            let rise = smoothstep(-0.08, 0.06, above);
            let fall = (1.0 - above.max(0.0)) * (1.0 - above.max(0.0));
            let colour = self.low.mix(self.high, smoothstep(0.1, 0.8, above));
            *pixel = pixel.mix(colour, (0.8 * rise * fall * brightness).clamp(0.0, 1.0));
        }
    }
}
