//! Colours of scenes under a sky: the sky itself, the sun or moon, and what lies far and near.
//! A colour that the prompt names tints them all.

use super::colour::Lab;
use super::random::Random;
use super::theme::{Light, Theme};

/// The colours of a scene under a sky.
#[derive(Clone, Debug)]
pub struct Mood {
    /// The hour that the colours show.
    pub light: Light,
    /// The sky from the zenith down to the horizon.
    pub sky: [Lab; 3],
    /// Sun or moon.
    pub sun: Lab,
    /// What is farthest.
    pub far: Lab,
    /// What is nearest.
    pub near: Lab,
}

/// Zenith, middle, horizon; sun; far; near.
type Colours = [u32; 6];

const DAWN: &[Colours] = &[
    [0x7d97c4, 0xe9bcb8, 0xfde3c2, 0xfff4da, 0xb3abc4, 0x2f3a58],
    [0x5e9aa8, 0xb6d3c4, 0xfbe8c8, 0xfff7e0, 0x93b5b2, 0x1d3f47],
    [0x9a8fc4, 0xe3b4c6, 0xfbdcc6, 0xfff1e2, 0xb59cbd, 0x3b2f55],
];

const DAY: &[Colours] = &[
    [0x3f86c6, 0x93c4e4, 0xe8f2ee, 0xfffbe6, 0x9dbfce, 0x1d4a43],
    [0x2f79a8, 0x86c2cf, 0xf3efd8, 0xfff8dc, 0x8db9b4, 0x24503a],
    [0x5f9fc0, 0xb3d6d6, 0xf6efe0, 0xfffdf0, 0xaac4bf, 0x3c5a3f],
];

const DUSK: &[Colours] = &[
    [0x5c76a6, 0xf0b26a, 0xffe0a0, 0xfff3c8, 0xd39a70, 0x43262f],
    [0x3a2f66, 0xb0567f, 0xf9a573, 0xffdfa8, 0x8d5a86, 0x1b1732],
    [0x233a66, 0x8a6aa0, 0xf3a6a0, 0xffe3c4, 0x6f6393, 0x161c3a],
    [0xb9483f, 0xee8a4a, 0xfbd182, 0xfff0be, 0xc46a48, 0x3a1620],
];

const NIGHT: &[Colours] = &[
    [0x070b1e, 0x14224a, 0x3a4f82, 0xf6f0da, 0x2f4070, 0x05081a],
    [0x04121c, 0x0d3546, 0x347a7f, 0xf3f3dc, 0x1f5560, 0x030d15],
];

const MIST: &[Colours] = &[
    [0xa2b5b6, 0xcbd6d0, 0xf2eee2, 0xffffff, 0xb7c6c1, 0x2d4643],
    [0x9aa6b8, 0xc7cbd3, 0xefe9e4, 0xfffdf8, 0xb2b6c2, 0x343a4e],
];

impl Mood {
    /// A mood of the light that the prompt asks for, or else of one of `usual`, tinted by the
    /// first colour named.
    pub fn choose<const N: usize>(theme: &Theme, usual: [Light; N], random: &mut Random) -> Self {
        let light = theme.light.unwrap_or_else(|| random.pick(usual));
        let fitting = colours_in(light);
        let colours = fitting[random.below(fitting.len())].map(Lab::from_hex);
        let [high, middle, low, sun, far, near] = match theme.colours.first() {
            Some(hue) => colours.map(|colour| colour.tinted(*hue, 0.6)),
            None => colours,
        };
        Self {
            light,
            sky: [high, middle, low],
            sun,
            far,
            near,
        }
    }

    /// Whether the sky is dark enough for stars.
    pub fn is_night(&self) -> bool {
        self.light == Light::Night
    }

    /// The same sky over land or water of another colour, farthest and nearest.
    pub fn with_ground(self, far: u32, near: u32, amount: f32) -> Self {
        Self {
            far: self.far.mix(Lab::from_hex(far), amount),
            near: self.near.mix(Lab::from_hex(near), amount),
            ..self
        }
    }
}

fn colours_in(light: Light) -> &'static [Colours] {
    match light {
        Light::Dawn => DAWN,
        Light::Day => DAY,
        Light::Dusk => DUSK,
        Light::Night => NIGHT,
        Light::Mist => MIST,
    }
}

#[cfg(test)]
mod tests {
    use super::{Light, Mood, Random, Theme};

    #[test]
    fn every_light_has_a_mood() {
        let mut random = Random::new("moods", 0);
        for light in [
            Light::Dawn,
            Light::Day,
            Light::Dusk,
            Light::Night,
            Light::Mist,
        ] {
            let mood = Mood::choose(&Theme::default(), [light], &mut random);
            assert_eq!(mood.light, light);
        }
    }
}
