//! What the painter understands of a prompt: words for a scene, a light, a terrain or a colour.
//! The first word of each kind decides; everything else is left to chance.

use super::colour::Lab;
use super::words::{Cue, cue_of};

/// A family of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Layers of land under a sky.
    Landscape,
    /// Open water.
    Sea,
    /// Stars, nebula, planets, aurora.
    Night,
    /// A skyline with lit windows.
    City,
    /// Flowers.
    Garden,
    /// Bands of flowing paper.
    Flow,
    /// Arcs that join at random.
    Truchet,
    /// Overlapping fans.
    Scales,
    /// Broken rings around a centre.
    Orbits,
    /// Translucent circles.
    Circles,
    /// A quilt of simple shapes.
    Quilt,
    /// Stained glass.
    Glass,
}

/// Every scene, in the order in which chance picks them.
pub const SCENES: [Scene; 12] = [
    Scene::Landscape,
    Scene::Sea,
    Scene::Night,
    Scene::City,
    Scene::Garden,
    Scene::Flow,
    Scene::Truchet,
    Scene::Scales,
    Scene::Orbits,
    Scene::Circles,
    Scene::Quilt,
    Scene::Glass,
];

/// The hour and weather of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Pale and cool, before the sun has strength.
    Dawn,
    /// Clear daylight.
    Day,
    /// Low sun, warm sky.
    Dusk,
    /// Dark sky.
    Night,
    /// Pale and grey.
    Mist,
}

/// The shape of a landscape's ridges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terrain {
    /// Steep mountains.
    Peaks,
    /// Steep mountains under snow.
    Snow,
    /// Round hills.
    Hills,
    /// Hills covered with conifers.
    Forest,
    /// Long dunes.
    Dunes,
}

/// What a prompt asks for; empty where it is silent.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    /// The family of pictures.
    pub scene: Option<Scene>,
    /// The hour and weather.
    pub light: Option<Light>,
    /// The shape of the land.
    pub terrain: Option<Terrain>,
    /// Whether the land lies at still water.
    pub water: bool,
    /// Whether an aurora stands in the night sky.
    pub aurora: bool,
    /// The colours named, in their order, at most three.
    pub colours: Vec<Lab>,
}

impl Theme {
    /// Reads a prompt's words, in any letter case, singular or plural.
    pub fn read(prompt: &str) -> Self {
        let mut theme = Self::default();
        let lower = prompt.to_ascii_lowercase();
        for word in lower.split(|character: char| !character.is_alphanumeric()) {
            if let Some(cue) = cue_of(word) {
                theme.take(cue);
            }
        }
        if theme.scene.is_none() && (theme.terrain.is_some() || theme.water) {
            theme.scene = Some(Scene::Landscape);
        }
        theme
    }

    fn take(&mut self, cue: Cue) {
        match cue {
            // Land that is named before any other scene is the scene.
            Cue::Terrain(terrain) => {
                self.terrain.get_or_insert(terrain);
                self.scene.get_or_insert(Scene::Landscape);
            }
            Cue::Scene(scene) => {
                self.scene.get_or_insert(scene);
            }
            Cue::Light(light) => {
                self.light.get_or_insert(light);
            }
            Cue::Water => self.water = true,
            Cue::Aurora => {
                self.aurora = true;
                self.scene.get_or_insert(Scene::Night);
            }
            Cue::Colour(lightness, chroma, degrees) if self.colours.len() < 3 => {
                let colour = Lab::from_hue(lightness, chroma, degrees / 360.0);
                self.colours.push(colour);
            }
            Cue::Colour(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Light, Scene, Terrain, Theme};

    #[test]
    fn words_steer_the_picture_in_any_case_and_number() {
        let theme = Theme::read("Snowy MOUNTAINS above a lake, at sunset, in blue and gold");
        assert_eq!(theme.scene, Some(Scene::Landscape));
        assert_eq!(theme.terrain, Some(Terrain::Snow));
        assert_eq!(theme.light, Some(Light::Dusk));
        assert!(theme.water);
        assert_eq!(theme.colours.len(), 2);
    }

    #[test]
    fn the_first_scene_named_is_the_scene() {
        assert_eq!(Theme::read("a city in the forest").scene, Some(Scene::City));
        let forest = Theme::read("a forest outside the city");
        assert_eq!(forest.scene, Some(Scene::Landscape));
    }

    #[test]
    fn words_within_other_words_and_unknown_words_mean_nothing() {
        let theme = Theme::read("a research starter, scared seasoning — 日本語");
        assert_eq!(theme.scene, None);
        assert!(theme.colours.is_empty() && theme.light.is_none());
    }
}
