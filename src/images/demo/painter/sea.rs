//! Open water under a sky: either calm, glittering below the sun, or in long swells one behind
//! the other with foam on their crests; now and then with a sail.

use super::Motif;
use super::colour::{Lab, ramp};
use super::frame::Frame;
use super::mood::Mood;
use super::noise::{fractal, gradient};
use super::portable::{lerp, sin_turns, smoothstep};
use super::random::Random;
use super::ridges::Ridge;
use super::sky::Sky;
use super::theme::{Light, Theme};

/// A seascape.
pub struct Sea {
    frame: Frame,
    sky: Sky,
    horizon: f32,
    water: [Lab; 3],
    swells: Vec<Ridge>,
    sail: Option<Sail>,
    seed: u32,
}

struct Sail {
    x: f32,
    size: f32,
    cloth: Lab,
    hull: Lab,
}

impl Sea {
    /// A sea in the light and colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let usual = [
            Light::Dawn,
            Light::Day,
            Light::Day,
            Light::Dusk,
            Light::Night,
        ];
        let mood = Mood::choose(theme, usual, random);
        let amount = match mood.light {
            _ if !theme.colours.is_empty() => 0.1,
            Light::Day | Light::Mist => 0.6,
            Light::Dawn => 0.4,
            Light::Dusk => 0.2,
            Light::Night => 0.15,
        };
        let (far, near) = random.pick([
            (0x6fb2b8, 0x0f3d56),
            (0x7fa9c9, 0x123a63),
            (0x7cc0b0, 0x0e4a4f),
        ]);
        let mood = mood.with_ground(far, near, amount);
        let horizon = frame.height * random.between(0.42, 0.58);
        let sky = Sky::compose(frame, mood, horizon, random);
        let mood = sky.mood();
        let water = [
            mood.far.mix(mood.sky[2], 0.55),
            mood.far.mix(mood.near, 0.45),
            mood.near,
        ];
        let swells = if random.chance(0.55) {
            compose_swells(frame, horizon, &water, mood, random)
        } else {
            Vec::new()
        };
        let sail = random.chance(0.5).then(|| Sail {
            x: frame.width * random.pick([0.22, 0.34, 0.68, 0.78]),
            size: random.between(0.06, 0.11),
            cloth: mood.sun.mix(mood.sky[2], 0.35),
            hull: mood.near,
        });
        let seed = random.noise_seed();
        Self {
            frame,
            horizon,
            water,
            swells,
            sail,
            seed,
            sky,
        }
    }

    fn paint_water(&self, y: f32, row: &mut [Lab]) {
        let depth = y - self.horizon;
        let reach = self.frame.height - self.horizon;
        let base = ramp(&self.water, depth / reach);
        let glint = self.sky.mood().sun.mix(self.sky.mood().sky[2], 0.3);
        // Seen at a flat angle, waves shrink towards the horizon until they blend.
        let far = 1.0 / (depth + 0.035);
        let detail = smoothstep(0.0, 0.05, depth);
        let spread = 0.05 + 0.45 * depth;
        let disc = self.sky.disc();
        for (column, pixel) in row.iter_mut().enumerate() {
            let across = self.frame.x(column) - disc.x;
            let waves = self.waves(across, far);
            let path = across / spread;
            let shine = 1.0 / (1.0 + path * path * path * path);
            let sparkle = smoothstep(0.35 - 0.5 * shine, 0.75, waves) * shine;
            let shaded = base.lighter(waves * 0.055 * detail);
            let veil = shaded.mix(glint, 0.3 * shine * (1.0 - 0.6 * detail));
            *pixel = veil.mix(glint, (0.85 * sparkle * (0.35 + 0.65 * detail)).min(1.0));
        }
        if depth < 0.004 {
            let soft = 0.4 * (1.0 - depth / 0.004);
            row.iter_mut()
                .for_each(|pixel| *pixel = pixel.mix(self.sky.mood().sky[2], soft));
        }
    }

    fn waves(&self, across: f32, far: f32) -> f32 {
        let (x, z) = (across * far.min(9.0) * 1.3, far * 2.2);
        let long = gradient(self.seed, x, z * 2.0);
        let short = gradient(self.seed ^ 77, x * 2.7 + long * 0.4, z * 4.3);
        0.62 * long + 0.5 * short
    }

    fn paint_sail(&self, sail: &Sail, y: f32, row: &mut [Lab]) {
        let foot = self.horizon + 0.18 * sail.size;
        let height = (foot - y) / sail.size;
        if !(-0.05..=1.2).contains(&height) {
            return;
        }
        for column in self
            .frame
            .columns_between(sail.x - sail.size, sail.x + sail.size)
        {
            let x = (self.frame.x(column) - sail.x) / sail.size;
            let main = (x - 0.02).min((1.12 - height) * 0.45 - x).min(height - 0.2);
            let fore = (-0.03 - x)
                .min((0.95 - height) * 0.38 + x)
                .min(height - 0.26);
            let hull = (0.14 - height)
                .min(height)
                .min(0.36 + height * 0.8 - x.abs());
            let pixel = &mut row[column];
            let cloth = self.frame.coverage(main.max(fore) * sail.size);
            *pixel = pixel.mix(
                sail.cloth.lighter(if fore > main { -0.05 } else { 0.0 }),
                cloth,
            );
            *pixel = pixel.mix(sail.hull, self.frame.coverage(hull * sail.size));
        }
    }
}

impl Motif for Sea {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        if y < self.horizon {
            self.sky.paint_row(y, row);
        } else {
            self.paint_water(y, row);
        }
        if let Some(sail) = &self.sail {
            self.paint_sail(sail, y, row);
        }
        let foam = self.sky.mood().sun.mix(self.water[0], 0.25);
        for (index, swell) in self.swells.iter().enumerate() {
            let seed = self.seed.wrapping_add(index as u32);
            let nearness = (index + 1) as f32 / self.swells.len() as f32;
            swell.paint_row_with(y, row, |column, below, colour| {
                let x = self.frame.x(column);
                let high = swell.prominence(column);
                let ragged = 1.0 + 1.4 * fractal(seed, x * 9.0, 0.5, 4);
                let breadth = 0.0025 + 0.02 * nearness * high * high * ragged.max(0.0);
                let edge = smoothstep(breadth, breadth * 0.55, below);
                let clear = colour.lighter(0.07 * high * smoothstep(0.1, 0.0, below));
                let streak = fractal(
                    seed ^ 31,
                    x * 3.0,
                    (swell.crest(column) * 0.4 + below) * 18.0,
                    3,
                );
                let lace = smoothstep(0.12, 0.3, streak) * smoothstep(0.16, 0.0, below);
                clear.mix(foam, (0.9 * edge).max(0.4 * lace))
            });
        }
    }
}

fn compose_swells(
    frame: Frame,
    horizon: f32,
    water: &[Lab; 3],
    mood: &Mood,
    random: &mut Random,
) -> Vec<Ridge> {
    let count = random.whole(4, 6);
    let start = lerp(horizon, frame.height, 0.2);
    (0..count)
        .map(|index| {
            let nearness = index as f32 / (count - 1) as f32;
            let base = lerp(start, frame.height - 0.08, nearness);
            let height = lerp(0.012, 0.05, nearness);
            let waves = lerp(4.5, 1.7, nearness) * random.between(0.85, 1.15);
            let (seed, phase) = (random.noise_seed(), random.unit());
            let ridge = Ridge::new(frame, |x| {
                let bend = 0.6 * gradient(seed, x * waves * 0.6, 0.3);
                // A row of round troughs that meet in crests; the square root keeps them soft.
                let wave = sin_turns((x * waves + bend + phase) * 0.5);
                let crest = (wave * wave + 0.012).sqrt();
                let swell = gradient(seed ^ 3, x * waves * 0.55, 0.8);
                let chop = 0.1 * gradient(seed ^ 4, x * waves * 5.0, 0.4);
                base + height * (1.7 * crest - 0.9 + 1.1 * swell + chop)
            });
            let top = ramp(&[water[0], water[1], mood.near], 0.2 + 0.55 * nearness);
            ridge.coloured(
                top.lighter(0.05),
                mood.near.mix(top, 0.35),
                lerp(0.1, 0.26, nearness),
            )
        })
        .collect()
}
