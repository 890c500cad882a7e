//! Colours in OKLab (Björn Ottosson, 2020), where mixing two of them gives what the eye expects,
//! and the way from there to the bytes of sRGB.

use super::portable::{cos_turns, cube_root, fifth_root, lerp, sin_turns};

/// A colour in OKLab.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lab {
    /// Lightness, 0 black to 1 white.
    pub lightness: f32,
    /// Green (negative) to red.
    pub a: f32,
    /// Blue (negative) to yellow.
    pub b: f32,
}

impl Lab {
    /// The colour of an sRGB value such as `0xff8800`.
    pub fn from_hex(hex: u32) -> Self {
        let channel = |shift: u32| linear_of_srgb(((hex >> shift) & 0xff) as f32 / 255.0);
        let (red, green, blue) = (channel(16), channel(8), channel(0));
        let long = cube_root(0.412_221_47 * red + 0.536_332_55 * green + 0.051_445_995 * blue);
        let medium = cube_root(0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue);
        let short = cube_root(0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue);
        Self {
            lightness: 0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short,
            a: 1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short,
            b: 0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short,
        }
    }

    /// The colour of a lightness, a chroma (0 grey to about 0.3) and a hue in turns.
    pub fn from_hue(lightness: f32, chroma: f32, hue: f32) -> Self {
        Self {
            lightness,
            a: chroma * cos_turns(hue),
            b: chroma * sin_turns(hue),
        }
    }

    /// This colour at amount 0, the other at amount 1.
    pub fn mix(self, other: Self, amount: f32) -> Self {
        Self {
            lightness: lerp(self.lightness, other.lightness, amount),
            a: lerp(self.a, other.a, amount),
            b: lerp(self.b, other.b, amount),
        }
    }

    /// The same hue, lighter by `amount` (darker when negative), within black and white.
    pub fn lighter(self, amount: f32) -> Self {
        Self {
            lightness: (self.lightness + amount).clamp(0.0, 1.0),
            ..self
        }
    }

    /// The distance from grey.
    pub fn chroma(self) -> f32 {
        (self.a * self.a + self.b * self.b).sqrt()
    }

    /// The same lightness, drawn towards another colour's hue.
    pub fn tinted(self, hue: Self, amount: f32) -> Self {
        let wanted = self.chroma().max(0.6 * hue.chroma().min(0.14));
        let strength = (wanted / hue.chroma().max(1e-3)).min(1.0);
        Self {
            lightness: self.lightness,
            a: lerp(self.a, hue.a * strength, amount),
            b: lerp(self.b, hue.b * strength, amount),
        }
    }
}

/// One colour of several that lie evenly along 0 to 1, mixed with its neighbour.
pub fn ramp(colours: &[Lab], place: f32) -> Lab {
    let Some(last) = colours.len().checked_sub(1) else {
        return Lab::default();
    };
    let scaled = place.clamp(0.0, 1.0) * last as f32;
    let index = (scaled as usize).min(last.saturating_sub(1));
    let next = (index + 1).min(last);
    colours[index].mix(colours[next], scaled - index as f32)
}

/// The steps of the table from the square root of linear light to an sRGB byte.
const STEPS: usize = 4096;

/// Turns colours into sRGB bytes.
pub struct SrgbTable {
    bytes: Vec<f32>,
}

impl SrgbTable {
    /// Computes the table of sRGB's transfer curve.
    pub fn new() -> Self {
        let bytes = (0..=STEPS)
            .map(|step| {
                let root = step as f32 / STEPS as f32;
                255.0 * srgb_of_linear(root * root)
            })
            .collect();
        Self { bytes }
    }

    /// The red, green and blue of a colour from 0 to 255, not rounded; what sRGB lacks is clipped.
    pub fn channels(&self, colour: Lab) -> [f32; 3] {
        let Lab { lightness, a, b } = colour;
        let long = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
        let medium = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
        let short = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
        [
            4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
            -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
            -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
        ]
        .map(|linear| {
            let root = linear.clamp(0.0, 1.0).sqrt();
            self.bytes[((root * STEPS as f32 + 0.5) as usize).min(STEPS)]
        })
    }
}

fn cube(value: f32) -> f32 {
    value * value * value
}

/// sRGB's transfer curve (IEC 61966-2-1); the exponent 1/2.4 is 5/12.
fn srgb_of_linear(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        return 12.92 * linear;
    }
    let fourth_root = linear.sqrt().sqrt();
    let twelfth_root = cube_root(fourth_root);
    1.055 * (twelfth_root * fourth_root * twelfth_root) - 0.055
}

/// The inverse of sRGB's transfer curve; the exponent 2.4 is 12/5.
fn linear_of_srgb(value: f32) -> f32 {
    if value <= 0.040_45 {
        return value / 12.92;
    }
    let base = (value + 0.055) / 1.055;
    let root = fifth_root(base);
    base * base * root * root
}

#[cfg(test)]
mod tests {
    use super::{Lab, SrgbTable, ramp};

    #[test]
    fn srgb_values_survive_the_way_to_oklab_and_back() {
        let table = SrgbTable::new();
        for hex in [
            0x000000, 0xffffff, 0xff0000, 0x00ff00, 0x0000ff, 0x123456, 0xc08040, 0x010203,
        ] {
            let channels = table.channels(Lab::from_hex(hex));
            for (position, channel) in channels.iter().enumerate() {
                let expected = ((hex >> (16 - 8 * position)) & 0xff) as f32;
                assert!((channel - expected).abs() < 0.7, "{hex:06x}: {channels:?}");
            }
        }
    }

    #[test]
    fn red_has_the_published_oklab_coordinates() {
        let red = Lab::from_hex(0xff0000);
        assert!((red.lightness - 0.627_96).abs() < 1e-3);
        assert!((red.a - 0.224_86).abs() < 1e-3);
        assert!((red.b - 0.125_85).abs() < 1e-3);
    }

    #[test]
    fn a_ramp_starts_and_ends_with_its_own_colours() {
        let colours = [0x000000, 0xff0000, 0xffffff].map(Lab::from_hex);
        assert_eq!(ramp(&colours, -1.0), colours[0]);
        assert_eq!(ramp(&colours, 0.5), colours[1]);
        assert_eq!(ramp(&colours, 2.0), colours[2]);
        assert_eq!(ramp(&colours[..1], 0.7), colours[0]);
        assert_eq!(ramp(&[], 0.7), Lab::default());
    }
}
