//! Clouds of gas between the stars: two densities in two colours, with dust before them.

use super::colour::Lab;
use super::field::Field;
use super::frame::Frame;
use super::mood::Mood;
use super::noise::fractal;
use super::palette::Palette;
use super::portable::smoothstep;
use super::random::Random;
use super::theme::Theme;

/// A nebula over the whole picture.
pub struct Nebula {
    frame: Frame,
    gas: [(Field, Lab); 2],
    dust: Field,
    dark: Lab,
    glow: Lab,
}

impl Nebula {
    /// A nebula in the colours of the theme, over the darkest colour of the mood's sky.
    pub fn compose(
        frame: Frame,
        mood: &Mood,
        palette: &Palette,
        theme: &Theme,
        random: &mut Random,
    ) -> Self {
        let (lean, offset) = (random.between(-0.7, 0.7), random.between(-0.12, 0.12));
        let breadth = random.between(0.3, 0.55);
        let mut cloud = |lift: f32, scale: f32| {
            let seed = random.noise_seed();
            Field::new(&frame, |x, y| {
                let bend = fractal(seed ^ 1, x * 1.7, y * 1.7, 3) * 0.8;
                let value = fractal(seed, x * scale + bend, y * scale - bend, 6);
                // Denser along a slanting band, as in the Milky Way.
                let (across, down) = (x - 0.5 * frame.width, y - 0.5 * frame.height);
                let far = (down - lean * across - offset) / breadth;
                value * 0.9 + lift - 0.42 * smoothstep(0.1, 1.5, far.abs())
            })
        };
        let (first, second, dust) = (cloud(0.2, 1.6), cloud(0.12, 2.2), cloud(0.0, 3.0));
        let vivid = |colour: Lab, lightness: f32| Lab {
            lightness,
            a: colour.a * 1.1,
            b: colour.b * 1.1,
        };
        let tints = choose_tints(palette, theme, random);
        Self {
            frame,
            gas: [
                (first, vivid(tints[0], 0.46)),
                (second, vivid(tints[1], 0.62)),
            ],
            dust,
            dark: mood.sky[0],
            glow: mood.sun,
        }
    }

    /// Adds the nebula to a row at the height `y`.
    pub fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let lines = [self.gas[0].0.line(y), self.gas[1].0.line(y)];
        let dust = self.dust.line(y);
        for (column, pixel) in row.iter_mut().enumerate() {
            let x = self.frame.x(column);
            let mut colour = *pixel;
            let mut total = 1.0;
            for (line, (_, tint)) in lines.iter().zip(&self.gas) {
                let density = smoothstep(-0.12, 0.62, line.value(x));
                colour = colour.mix(*tint, 0.85 * density);
                total *= density;
            }
            colour = colour.mix(self.glow, 0.75 * smoothstep(0.2, 0.95, total));
            let shadow = smoothstep(0.02, 0.4, dust.value(x));
            *pixel = colour.mix(self.dark, 0.62 * shadow);
        }
    }
}

fn choose_tints(palette: &Palette, theme: &Theme, random: &mut Random) -> [Lab; 2] {
    match theme.colours[..] {
        [main, other, ..] => [main, other],
        [main] => [main, palette.tones[0]],
        [] => random
            .pick([
                [0x7b3fa0, 0xe0607e],
                [0x2857b8, 0xc04a9e],
                [0x1f8a96, 0x7a4fc0],
                [0xa8483a, 0x3a62b5],
                [0x2f6fb0, 0x3fb6a0],
            ])
            .map(Lab::from_hex),
    }
}
