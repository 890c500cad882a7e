//! The painter's vocabulary: which words of a prompt mean which scene, light, terrain or colour.

use super::theme::{Light, Scene, Terrain};

/// What a word asks for.
#[derive(Clone, Copy, Debug)]
pub enum Cue {
    /// A family of pictures.
    Scene(Scene),
    /// An hour or a weather.
    Light(Light),
    /// A shape of the land.
    Terrain(Terrain),
    /// Still water before the land.
    Water,
    /// An aurora in the night sky.
    Aurora,
    /// A colour: lightness from 0 to 1, chroma, hue in degrees, all of OKLCH.
    Colour(f32, f32, f32),
}

/// A row: what its words mean, and the words, in the singular and in small letters.
type Row = (Cue, &'static str);

const ROWS: &[Row] = &[
    (
        Cue::Terrain(Terrain::Peaks),
        "mountain alp peak cliff canyon volcano dragon castle",
    ),
    (
        Cue::Terrain(Terrain::Snow),
        "snow snowy winter ice arctic glacier penguin frozen",
    ),
    (
        Cue::Terrain(Terrain::Hills),
        "hill valley countryside farm landscape village vineyard sheep",
    ),
    (
        Cue::Terrain(Terrain::Forest),
        "forest wood woodland tree pine jungle fox wolf bear deer",
    ),
    (
        Cue::Terrain(Terrain::Dunes),
        "desert dune sahara camel sand mars",
    ),
    (Cue::Water, "lake river pond fjord reflection"),
    (Cue::Aurora, "aurora northern polar"),
    (
        Cue::Scene(Scene::Sea),
        "sea ocean wave beach coast boat ship sail whale surf lighthouse harbour \
         harbor island dolphin octopus fish",
    ),
    (
        Cue::Scene(Scene::Night),
        "star starry galaxy nebula space planet cosmos cosmic astronaut comet \
         universe constellation milky rocket alien",
    ),
    (
        Cue::Scene(Scene::City),
        "city town skyline street skyscraper tower building cyberpunk",
    ),
    (
        Cue::Scene(Scene::Garden),
        "flower garden rose tulip daisy blossom meadow bouquet bee sunflower poppy \
         poppie spring butterfly butterflie lotus floral",
    ),
    (
        Cue::Scene(Scene::Flow),
        "swirl smoke fire flame marble silk liquid dream music wind",
    ),
    (
        Cue::Scene(Scene::Truchet),
        "maze labyrinth circuit knot path robot",
    ),
    (
        Cue::Scene(Scene::Scales),
        "japanese zen deco scale mermaid peacock",
    ),
    (
        Cue::Scene(Scene::Orbits),
        "orbit clock vinyl mandala spiral machine",
    ),
    (
        Cue::Scene(Scene::Circles),
        "circle bubble balloon abstract minimalist watercolour watercolor",
    ),
    (
        Cue::Scene(Scene::Quilt),
        "quilt geometric pattern tile patchwork bauhaus embroidery",
    ),
    (
        Cue::Scene(Scene::Glass),
        "stained glass mosaic crystal gem cathedral diamond",
    ),
    (Cue::Light(Light::Dawn), "dawn sunrise morning"),
    (Cue::Light(Light::Day), "day noon summer sunny bright"),
    (
        Cue::Light(Light::Dusk),
        "sunset dusk evening autumn golden twilight",
    ),
    (
        Cue::Light(Light::Night),
        "night midnight moon moonlit moonlight dark neon",
    ),
    (
        Cue::Light(Light::Mist),
        "fog foggy mist misty rain rainy cloudy haze",
    ),
    (Cue::Colour(0.58, 0.19, 25.0), "red crimson scarlet ruby"),
    (Cue::Colour(0.72, 0.16, 58.0), "orange amber copper"),
    (Cue::Colour(0.86, 0.15, 92.0), "yellow gold lemon"),
    (Cue::Colour(0.62, 0.13, 148.0), "green emerald olive lime"),
    (Cue::Colour(0.68, 0.10, 195.0), "teal turquoise cyan aqua"),
    (Cue::Colour(0.55, 0.15, 255.0), "blue azure sapphire navy"),
    (
        Cue::Colour(0.55, 0.15, 302.0),
        "purple violet lavender lilac",
    ),
    (Cue::Colour(0.74, 0.14, 2.0), "pink magenta coral"),
    (Cue::Colour(0.48, 0.08, 58.0), "brown chocolate coffee rust"),
    (
        Cue::Colour(0.62, 0.015, 250.0),
        "grey gray silver monochrome",
    ),
    (Cue::Colour(0.5, 0.004, 90.0), "black white"),
];

/// What a word means, written in small letters, in the singular or with an s for the plural.
pub fn cue_of(word: &str) -> Option<Cue> {
    find(word).or_else(|| find(word.strip_suffix('s')?))
}

fn find(word: &str) -> Option<Cue> {
    let matches = |row: &&Row| row.1.split(' ').any(|known| known == word);
    let row = ROWS.iter().find(matches)?;
    (!word.is_empty()).then_some(row.0)
}

#[cfg(test)]
mod tests {
    use super::{ROWS, cue_of};

    #[test]
    fn no_word_means_two_things_and_none_is_unreachable() {
        let mut words: Vec<&str> = ROWS.iter().flat_map(|row| row.1.split(' ')).collect();
        let reachable = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase());
        assert!(words.iter().all(reachable));
        assert!(words.iter().all(|word| cue_of(word).is_some()));
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }

    #[test]
    fn the_empty_word_means_nothing() {
        assert!(cue_of("").is_none());
        assert!(cue_of("s").is_none());
    }
}
