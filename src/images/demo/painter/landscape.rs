//! Layers of land under a sky: mountains, snow, hills, forests or dunes, each ridge a little
//! nearer and darker, sometimes behind a lake.

use super::Motif;
use super::colour::Lab;
use super::frame::Frame;
use super::mood::Mood;
use super::noise::{fractal, gradient, hash_unit, ridged};
use super::portable::{floor, lerp, smoothstep};
use super::random::Random;
use super::ridges::Ridge;
use super::sky::Sky;
use super::theme::{Light, Terrain, Theme};
use super::water::Water;

/// A landscape.
pub struct Landscape {
    frame: Frame,
    terrain: Terrain,
    sky: Sky,
    ridges: Vec<Ridge>,
    water: Option<Water>,
    snow: Lab,
    seed: u32,
}

impl Landscape {
    /// A landscape in the terrain, light and colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let terrain = theme.terrain.unwrap_or_else(|| {
            random.pick([
                Terrain::Peaks,
                Terrain::Snow,
                Terrain::Hills,
                Terrain::Forest,
                Terrain::Dunes,
            ])
        });
        let mood = choose_mood(terrain, theme, random);
        let horizon = frame.height * random.between(0.5, 0.62);
        let sky = Sky::compose(frame, mood, horizon, random);
        let waterline = (theme.water || (terrain != Terrain::Dunes && random.chance(0.28)))
            .then(|| frame.height * random.between(0.66, 0.76));
        let water = waterline.map(|line| {
            let mood = sky.mood();
            let tint = mood.near.mix(mood.sky[1], 0.45);
            Water::compose(frame, line, tint, mood.sky[2], random)
        });
        let bottom = waterline.unwrap_or(frame.height * 1.02);
        let ridges = compose_ridges(frame, terrain, &sky, bottom, random);
        let snow = sky.mood().sky[2].mix(Lab::from_hex(0xffffff), 0.55);
        Self {
            frame,
            terrain,
            sky,
            ridges,
            water,
            snow,
            seed: random.noise_seed(),
        }
    }

    fn paint_land(&self, y: f32, row: &mut [Lab]) {
        self.sky.paint_row(y, row);
        let steep = matches!(self.terrain, Terrain::Snow | Terrain::Peaks);
        for (layer, ridge) in self.ridges.iter().enumerate() {
            // Nearer than half way the ridges are plain silhouettes.
            if steep && layer * 2 < self.ridges.len() {
                ridge.paint_row_with(y, row, |column, below, colour| {
                    self.shade_rock(layer, column, below, colour)
                });
            } else {
                ridge.paint_row(y, row);
            }
        }
    }

    /// Light from the side of the sun on steep ground, and snow near the crest.
    fn shade_rock(&self, layer: usize, column: usize, below: f32, colour: Lab) -> Lab {
        let ridge = &self.ridges[layer];
        let fading = 1.0 - smoothstep(0.0, ridge.depth, below);
        if fading <= 0.0 {
            return colour;
        }
        let (x, y) = (self.frame.x(column), ridge.crest(column) + below);
        let seed = self.seed.wrapping_add(layer as u32);
        let side = ((self.sky.disc().x - x) * 6.0).clamp(-1.0, 1.0);
        // Gullies lean away from the light, and bend.
        let bend = 0.35 * gradient(seed ^ 3, x * 6.0, y * 6.0);
        let folds = fractal(seed, (x + side * 0.6 * y) * 8.0 + bend, y * 5.0 - bend, 4);
        let facing = folds - 0.16 * side * ridge.slope(column).clamp(-2.0, 2.0);
        let lit = smoothstep(-0.2, 0.26, facing);
        let rock = colour.lighter((lit - 0.5) * 0.1 * fading);
        if self.terrain != Terrain::Snow {
            return rock;
        }
        let line = ridge.depth * (0.5 + 0.85 * folds);
        let cover = smoothstep(0.01, -0.01, below - line) * 0.92;
        let snow = self.snow.mix(colour, 0.46 - 0.42 * lit);
        rock.mix(snow, cover)
    }
}

impl Motif for Landscape {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        match &self.water {
            Some(water) => water.paint_row(y, row, |y, row| self.paint_land(y, row)),
            None => self.paint_land(y, row),
        }
    }
}

fn choose_mood(terrain: Terrain, theme: &Theme, random: &mut Random) -> Mood {
    use Light::{Dawn, Day, Dusk, Mist, Night};
    match terrain {
        Terrain::Peaks => Mood::choose(theme, [Dawn, Day, Dusk, Dusk, Night], random),
        Terrain::Snow => {
            let mood = Mood::choose(theme, [Dawn, Day, Day, Dusk, Night], random);
            mood.with_ground(0xa9bdd6, 0x31486b, 0.55)
        }
        Terrain::Hills => {
            let mood = Mood::choose(theme, [Dawn, Day, Day, Dusk, Mist], random);
            let (far, near) = random.pick([(0xa8c090, 0x2f5a35), (0xc9b878, 0x4d5a2a)]);
            let amount = if mood.is_night() { 0.15 } else { 0.55 };
            mood.with_ground(far, near, amount)
        }
        Terrain::Forest => {
            let mood = Mood::choose(theme, [Dawn, Mist, Mist, Dusk, Night], random);
            mood.with_ground(0x9db5a5, 0x14302a, 0.4)
        }
        Terrain::Dunes => {
            let mood = Mood::choose(theme, [Dawn, Dusk, Dusk, Day], random);
            let amount = if mood.is_night() { 0.2 } else { 0.75 };
            mood.with_ground(0xe9b77c, 0x8a4630, amount)
        }
    }
}

fn compose_ridges(
    frame: Frame,
    terrain: Terrain,
    sky: &Sky,
    bottom: f32,
    random: &mut Random,
) -> Vec<Ridge> {
    let count = random.whole(4, 6);
    let start = frame.height * random.between(0.5, 0.6);
    let mood = sky.mood();
    (0..count)
        .map(|index| {
            let nearness = index as f32 / (count - 1) as f32;
            let base = lerp(start, bottom - 0.1, nearness * (0.75 + 0.25 * nearness));
            let ridge = compose_ridge(frame, terrain, base, nearness, random);
            let top = mood.far.mix(mood.near, nearness * (0.6 + 0.4 * nearness));
            // Mist lies in the valleys between the ridges, less so close by.
            let foot = top.mix(mood.sky[2], lerp(0.6, 0.12, nearness));
            ridge.coloured(top, foot, lerp(0.3, 0.24, nearness))
        })
        .collect()
}

fn compose_ridge(
    frame: Frame,
    terrain: Terrain,
    base: f32,
    nearness: f32,
    random: &mut Random,
) -> Ridge {
    let seed = random.noise_seed();
    let shift = random.between(0.0, 40.0);
    match terrain {
        Terrain::Peaks | Terrain::Snow => {
            let height = lerp(0.44, 0.16, nearness);
            let scale = lerp(1.0, 2.2, nearness) * random.between(0.8, 1.2);
            Ridge::new(frame, |x| {
                base + 0.12 - height * ridged(seed, x * scale + shift, 0.37, 7)
            })
        }
        Terrain::Hills => {
            let height = lerp(0.2, 0.26, nearness);
            let scale = lerp(1.9, 1.1, nearness);
            Ridge::new(frame, |x| {
                let hill = base - height * fractal(seed, x * scale + shift, 0.37, 2);
                hill - bushes(seed, x, lerp(0.012, 0.05, nearness))
            })
        }
        Terrain::Forest => {
            let tree = lerp(0.035, 0.17, nearness * nearness);
            Ridge::new(frame, |x| {
                let hill = base - 0.14 * fractal(seed, x * 1.3 + shift, 0.37, 3);
                hill - conifers(seed, x, tree)
            })
        }
        Terrain::Dunes => {
            let height = lerp(0.1, 0.2, nearness);
            let scale = lerp(1.5, 0.8, nearness);
            Ridge::new(frame, |x| {
                base + 0.05 - height * dune(seed, x * scale + shift)
            })
        }
    }
}

/// A dune's crest: long smooth windward slopes that end in sharp edges.
fn dune(seed: u32, x: f32) -> f32 {
    let bent = x + 0.22 * gradient(seed, x * 0.9, 0.7);
    1.0 - (gradient(seed, bent, 0.37) * 1.15).abs() + 0.1 * gradient(seed ^ 5, x * 2.3, 0.1)
}

/// The height of a row of conifers about `size` units tall above the ground at x.
fn conifers(seed: u32, x: f32, size: f32) -> f32 {
    let spacing = size * 0.3;
    let place = x / spacing;
    let here = floor(place) as i32;
    let mut tallest = 0.0_f32;
    for index in here - 1..=here + 1 {
        let chance = hash_unit(seed, index, 3);
        let height = size * (0.4 + 0.6 * chance);
        let centre = (index as f32 + 0.2 + 0.6 * hash_unit(seed, index, 4)) * spacing;
        let half = height * 0.22;
        let across = (x - centre).abs() / half;
        if across < 1.0 {
            // Saw teeth along the slope are the tips of the branches.
            let teeth = across * 6.0 - floor(across * 6.0);
            let outline = 1.0 - across - 0.09 * teeth * across + 0.04 * across;
            tallest = tallest.max(height * outline);
        }
    }
    tallest
}

/// The height of clumps of round trees about `size` units tall above the ground at x.
fn bushes(seed: u32, x: f32, size: f32) -> f32 {
    let place = x / (size * 0.55);
    let here = floor(place) as i32;
    let mut tallest = 0.0_f32;
    for index in here - 1..=here + 1 {
        let clump = gradient(seed ^ 21, index as f32 * size * 1.9, 0.6);
        let chance = hash_unit(seed, index, 5);
        if clump < 0.12 + 0.3 * chance {
            continue;
        }
        let half = 0.5 + 0.45 * chance;
        let across = (place - index as f32 - 0.5) / half;
        let round = (1.0 - across * across).max(0.0).sqrt();
        tallest = tallest.max(size * half * round);
    }
    tallest
}
