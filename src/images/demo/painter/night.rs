//! The sky at night: stars over a nebula or under an aurora, with a planet, or with land below.

use super::Motif;
use super::aurora::Aurora;
use super::colour::{Lab, ramp};
use super::frame::Frame;
use super::mood::Mood;
use super::nebula::Nebula;
use super::noise::ridged;
use super::palette::Palette;
use super::planet::Planet;
use super::portable::lerp;
use super::random::Random;
use super::ridges::Ridge;
use super::stars::Stars;
use super::theme::{Light, Theme};

/// A night sky.
pub struct Night {
    frame: Frame,
    mood: Mood,
    stars: Stars,
    veil: Veil,
    planet: Option<Planet>,
    land: Vec<Ridge>,
}

enum Veil {
    Nebula(Nebula),
    Aurora(Aurora),
}

impl Night {
    /// A night sky in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let night = Theme {
            light: Some(Light::Night),
            ..theme.clone()
        };
        let mood = Mood::choose(&night, [Light::Night], random);
        let palette = Palette::choose(theme, random);
        let stars = Stars::scatter(frame, 620.0, mood.sun, random);
        let on_earth = theme.aurora || theme.terrain.is_some() || random.chance(0.3);
        let veil = if theme.aurora || (on_earth && random.chance(0.3)) {
            Veil::Aurora(Aurora::compose(frame, theme, random))
        } else {
            Veil::Nebula(Nebula::compose(frame, &mood, &palette, theme, random))
        };
        let land = if on_earth {
            compose_land(frame, &mood, random)
        } else {
            Vec::new()
        };
        let planet = (!on_earth).then(|| Planet::compose(frame, &palette, random));
        Self {
            frame,
            mood,
            stars,
            veil,
            planet,
            land,
        }
    }
}

impl Motif for Night {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let place = y / self.frame.height;
        let base = if self.land.is_empty() {
            self.mood.sky[0].mix(self.mood.sky[1], 0.5)
        } else {
            ramp(&self.mood.sky, place * 1.15)
        };
        row.fill(base);
        match &self.veil {
            Veil::Nebula(nebula) => nebula.paint_row(y, row),
            Veil::Aurora(aurora) => aurora.paint_row(y, row),
        }
        self.stars.paint_row(y, 1.0, row);
        if let Some(planet) = &self.planet {
            planet.paint_row(&self.frame, y, row);
        }
        for ridge in &self.land {
            ridge.paint_row(y, row);
        }
    }
}

fn compose_land(frame: Frame, mood: &Mood, random: &mut Random) -> Vec<Ridge> {
    (0..3)
        .map(|index| {
            let nearness = index as f32 / 2.0;
            let base = frame.height - lerp(0.16, 0.0, nearness);
            let (seed, scale) = (random.noise_seed(), lerp(1.2, 2.4, nearness));
            let ridge = Ridge::new(frame, |x| {
                base - lerp(0.26, 0.14, nearness) * ridged(seed, x * scale, 0.37, 6)
            });
            let top = mood.sky[1].mix(mood.near, 0.35 + 0.65 * nearness);
            ridge.coloured(top, top.mix(mood.sky[1], 0.25), 0.3)
        })
        .collect()
}
