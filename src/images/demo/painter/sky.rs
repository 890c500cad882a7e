//! The sky of the scenes: a gradient, a sun or moon with its glow, thin clouds, and stars by night.

use super::colour::{Lab, ramp};
use super::field::Field;
use super::frame::Frame;
use super::mood::Mood;
use super::noise::fractal;
use super::portable::smoothstep;
use super::random::Random;
use super::stars::Stars;

/// A sky over a horizon.
pub struct Sky {
    frame: Frame,
    mood: Mood,
    horizon: f32,
    disc: Disc,
    clouds: Option<Clouds>,
    stars: Option<Stars>,
}

/// The sun or the moon: its centre and radius in units.
#[derive(Clone, Copy)]
pub struct Disc {
    /// Across, from the left.
    pub x: f32,
    /// Down, from the top.
    pub y: f32,
    /// The radius.
    pub radius: f32,
}

struct Clouds {
    field: Field,
    threshold: f32,
}

impl Sky {
    /// A sky whose horizon lies at `horizon` units from the top.
    pub fn compose(frame: Frame, mood: Mood, horizon: f32, random: &mut Random) -> Self {
        let disc = Disc {
            x: frame.width * random.pick([0.3, 0.38, 0.5, 0.62, 0.7]) + random.between(-0.06, 0.06),
            y: horizon * random.between(0.35, 0.8),
            radius: random.between(0.04, 0.09),
        };
        let stars = mood
            .is_night()
            .then(|| Stars::scatter(frame, 260.0, mood.sun, random));
        let clouds = random
            .chance(if mood.is_night() { 0.35 } else { 0.8 })
            .then(|| Clouds::compose(&frame, random));
        Self {
            frame,
            mood,
            horizon,
            disc,
            clouds,
            stars,
        }
    }

    /// Where the sun or moon stands.
    pub fn disc(&self) -> Disc {
        self.disc
    }

    /// The colours of the scene.
    pub fn mood(&self) -> &Mood {
        &self.mood
    }

    /// Fills a row at the height `y`.
    pub fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let place = y / self.horizon;
        let base = ramp(&self.mood.sky, place);
        let haze = self.mood.sky[2].mix(self.mood.sun, 0.5);
        let down = y - self.disc.y;
        let spread = self.disc.radius * if self.mood.is_night() { 1.6 } else { 3.2 };
        for (column, pixel) in row.iter_mut().enumerate() {
            let across = self.frame.x(column) - self.disc.x;
            let square = (across * across + down * down) / (spread * spread);
            *pixel = base.mix(haze, 0.75 / (1.0 + square));
        }
        if let Some(stars) = &self.stars {
            stars.paint_row(y, smoothstep(1.0, 0.3, place), row);
        }
        self.paint_disc(down, row);
        if let Some(clouds) = &self.clouds {
            self.paint_clouds(clouds, y, row);
        }
    }

    fn paint_disc(&self, down: f32, row: &mut [Lab]) {
        let Disc { x, radius, .. } = self.disc;
        if down.abs() > radius + self.frame.pixel {
            return;
        }
        for column in self.frame.columns_between(x - radius, x + radius) {
            let across = self.frame.x(column) - x;
            let inside = radius - (across * across + down * down).sqrt();
            let cover = self.frame.coverage(inside);
            row[column] = row[column].mix(self.mood.sun, cover);
        }
    }

    fn paint_clouds(&self, clouds: &Clouds, y: f32, row: &mut [Lab]) {
        let line = clouds.field.line(y);
        let bright = self.mood.sky[2].mix(self.mood.sun, 0.6);
        let cloud = if self.mood.is_night() {
            self.mood.sky[1].mix(self.mood.sky[2], 0.7)
        } else {
            bright
        };
        let fading = smoothstep(1.0, 0.75, y / self.horizon);
        for (column, pixel) in row.iter_mut().enumerate() {
            let value = line.value(self.frame.x(column));
            let cover = smoothstep(clouds.threshold, clouds.threshold + 0.45, value);
            *pixel = pixel.mix(cloud, 0.7 * cover * fading);
        }
    }
}

impl Clouds {
    fn compose(frame: &Frame, random: &mut Random) -> Self {
        let seed = random.noise_seed();
        let (across, down) = (random.between(0.8, 1.6), random.between(4.0, 7.0));
        let field = Field::new(frame, |x, y| {
            let bend = fractal(seed ^ 1, x * across, y * across, 2) * 0.3;
            fractal(seed, x * across, (y + bend * 0.3) * down, 5)
        });
        Self {
            field,
            threshold: random.between(-0.02, 0.2),
        }
    }
}
