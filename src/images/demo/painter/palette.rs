//! Colours that go together in a pattern: five tones with a paper and an ink. Colours that the
//! prompt names replace them.

use super::colour::Lab;
use super::random::Random;
use super::theme::Theme;

/// The colours of a pattern.
#[derive(Clone, Debug)]
pub struct Palette {
    /// The light ground.
    pub paper: Lab,
    /// The dark line.
    pub ink: Lab,
    /// Five colours between them, ordered so that neighbours mix well.
    pub tones: [Lab; 5],
}

/// Paper, ink, five tones.
const PALETTES: [[u32; 7]; 16] = [
    [
        0xf4ecdc, 0x22333b, 0x264653, 0x2a9d8f, 0xe9c46a, 0xf4a261, 0xe76f51,
    ],
    [
        0xf7f0e6, 0x1d1e33, 0x2b2d5b, 0x5b4b8a, 0xb0578d, 0xef7b72, 0xffc27a,
    ],
    [
        0xf3efe4, 0x1b2a2f, 0x12454f, 0x2f7f86, 0x8fc1b5, 0xe8d8b0, 0xd98f5c,
    ],
    [
        0xfbf3e4, 0x3a2430, 0x6d2e46, 0xa2455c, 0xd9796b, 0xecb390, 0x9fb8ad,
    ],
    [
        0xeef1ec, 0x1e2b29, 0x31564c, 0x588b6b, 0xa3bf7d, 0xe6dd9f, 0xd9a05b,
    ],
    [
        0xf5efe6, 0x14213d, 0x1d3b6b, 0x3f78b5, 0x93bfdc, 0xf2d7a6, 0xf08a4b,
    ],
    [
        0xfaf1ea, 0x2d2a32, 0x4a4e69, 0x8a84a3, 0xc9ada7, 0xe8c7b0, 0xd97b66,
    ],
    [
        0xf1ede1, 0x2b2118, 0x5b3a29, 0x9c5c34, 0xd69a4b, 0xeccf8e, 0x6d8a74,
    ],
    [
        0xf2f4f5, 0x101f33, 0x16405b, 0x1c7c8c, 0x59b8a8, 0xbfe0c2, 0xf6c667,
    ],
    [
        0xfdf2e3, 0x241a38, 0x4b2671, 0x8a3f9b, 0xd1588f, 0xf78b6b, 0xfbc96d,
    ],
    [
        0xf0ece4, 0x252422, 0x403d39, 0x7b6f63, 0xb9a58b, 0xdfcba8, 0xe06b3f,
    ],
    [
        0xf3f2e8, 0x17313e, 0x23566b, 0x46919b, 0xa5cbb8, 0xf2c9a4, 0xe27d72,
    ],
    [
        0xf9efe3, 0x3b1c32, 0x6a1e55, 0xa64d79, 0xdb8a92, 0xf3c8a8, 0x7596a8,
    ],
    [
        0xf3f0dd, 0x22301f, 0x43602f, 0x829a3e, 0xd4be5a, 0xe79a46, 0xb8553a,
    ],
    [
        0xeef0f4, 0x20243f, 0x39477d, 0x6c7fbf, 0xa9b4e0, 0xf0cbd4, 0xe8879c,
    ],
    [
        0xf6eee0, 0x1f2421, 0x216869, 0x49a078, 0x9cc5a1, 0xeadfa8, 0xdf7d55,
    ],
];

impl Palette {
    /// The named colours with their relations, or else one of the stored palettes.
    pub fn choose(theme: &Theme, random: &mut Random) -> Self {
        match theme.colours[..] {
            [] => Self::stored(random),
            [main] => Self::around(main, Self::companion(main, random), random),
            [main, other, ..] => Self::around(main, other, random),
        }
    }

    fn stored(random: &mut Random) -> Self {
        let [paper, ink, tones @ ..] = random.pick(PALETTES).map(Lab::from_hex);
        Self { paper, ink, tones }
    }

    /// An accent for a palette of one colour: the complement, kept quiet.
    fn companion(main: Lab, random: &mut Random) -> Lab {
        let quiet = random.between(0.5, 0.8);
        Lab {
            lightness: if main.lightness > 0.65 { 0.48 } else { 0.8 },
            a: -main.a * quiet,
            b: -main.b * quiet,
        }
    }

    fn around(main: Lab, other: Lab, random: &mut Random) -> Self {
        // A quarter turn of a little of the hue: neighbours on the colour circle.
        let lean = random.pick([-0.5, 0.5]);
        let neighbour = Lab {
            lightness: main.lightness,
            a: main.a - lean * main.b,
            b: main.b + lean * main.a,
        };
        let at = |colour: Lab, lightness: f32, strength: f32| Lab {
            lightness,
            a: colour.a * strength,
            b: colour.b * strength,
        };
        Self {
            paper: at(main, 0.96, 0.08),
            ink: at(main, 0.24, 0.25),
            tones: [
                at(neighbour, 0.36, 0.65),
                at(main, main.lightness.clamp(0.45, 0.6), 1.0),
                at(neighbour, 0.7, 0.85),
                at(main, 0.86, 0.5),
                other,
            ],
        }
    }

    /// One of the tones.
    pub fn tone(&self, random: &mut Random) -> Lab {
        random.pick(self.tones)
    }
}

#[cfg(test)]
mod tests {
    use super::{Palette, Random, Theme};

    #[test]
    fn a_named_colour_rules_the_palette() {
        let mut random = Random::new("colour", 0);
        let blue = Palette::choose(&Theme::read("blue"), &mut random);
        assert!(blue.tones[..4].iter().all(|tone| tone.b < 0.0));
        let red = Palette::choose(&Theme::read("red"), &mut random);
        assert!(red.tones[..4].iter().all(|tone| tone.a > 0.0));
    }
}
