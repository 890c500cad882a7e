//! Translucent circles and rings over one another on a soft ground.

use super::Motif;
use super::colour::Lab;
use super::frame::Frame;
use super::palette::Palette;
use super::portable::lerp;
use super::random::Random;
use super::theme::{Light, Theme};

/// Overlapping circles.
pub struct Circles {
    frame: Frame,
    ground: [Lab; 2],
    circles: Vec<Circle>,
}

struct Circle {
    x: f32,
    y: f32,
    radius: f32,
    /// The inner radius of a ring; zero for a full disc.
    hole: f32,
    colours: [Lab; 2],
    /// The direction in which the first colour turns into the second.
    along: (f32, f32),
    opacity: f32,
}

impl Circles {
    /// Circles in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let dark = theme.light == Some(Light::Night) || random.chance(0.35);
        let ground = if dark {
            [palette.ink, palette.ink.mix(palette.tones[0], 0.55)]
        } else {
            [palette.paper, palette.paper.mix(palette.tones[3], 0.32)]
        };
        let count = (random.between(16.0, 30.0) * frame.area_up_to(8.0)) as usize;
        let mut circles: Vec<Circle> = (0..count)
            .map(|_| Circle::compose(frame, &palette, random))
            .collect();
        // Small ones last: they would be lost beneath the others.
        circles.sort_by(|one, other| other.radius.total_cmp(&one.radius));
        Self {
            frame,
            ground,
            circles,
        }
    }
}

impl Motif for Circles {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let down = y / self.frame.height;
        for (column, pixel) in row.iter_mut().enumerate() {
            let across = self.frame.x(column) / self.frame.width;
            *pixel = self.ground[0].mix(self.ground[1], 0.3 * across + 0.7 * down);
        }
        for circle in &self.circles {
            circle.paint_row(&self.frame, y, row);
        }
    }
}

impl Circle {
    fn compose(frame: Frame, palette: &Palette, random: &mut Random) -> Self {
        let size = random.unit();
        let radius = lerp(0.025, 0.34, size * size * size);
        // The mean of two places gathers the circles around the middle.
        let mut place = || (random.unit() + random.unit()) * 0.5;
        let (x, y) = (place() * 1.16 - 0.08, place() * 1.16 - 0.08);
        let tone = palette.tone(random);
        let ring = random.chance(0.24);
        Self {
            x: x * frame.width,
            y: y * frame.height,
            radius,
            hole: if ring {
                radius * random.pick([0.6, 0.82, 0.93])
            } else {
                0.0
            },
            colours: [tone.lighter(0.05), tone.mix(palette.tone(random), 0.6)],
            along: random.pick([(0.7, 0.7), (-0.7, 0.7), (0.0, 1.0), (1.0, 0.0), (0.7, -0.7)]),
            opacity: if ring {
                0.9
            } else {
                random.between(0.42, 0.86)
            },
        }
    }

    fn paint_row(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        let down = y - self.y;
        if down.abs() > self.radius + frame.pixel {
            return;
        }
        for column in frame.columns_between(self.x - self.radius, self.x + self.radius) {
            let across = frame.x(column) - self.x;
            let distance = (across * across + down * down).sqrt();
            let inside = (self.radius - distance).min(distance - self.hole);
            let cover = if self.hole > 0.0 {
                frame.coverage(inside)
            } else {
                frame.coverage(self.radius - distance)
            };
            let place = (across * self.along.0 + down * self.along.1) / self.radius;
            let colour = self.colours[0].mix(self.colours[1], 0.5 + 0.5 * place);
            row[column] = row[column].mix(colour, cover * self.opacity);
        }
    }
}
