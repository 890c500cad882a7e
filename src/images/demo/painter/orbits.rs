//! Broken rings around a centre, with small discs on their way.

use super::Motif;
use super::colour::Lab;
use super::frame::Frame;
use super::palette::Palette;
use super::portable::{cos_turns, direction_turns, fraction, sin_turns, smoothstep};
use super::random::Random;
use super::theme::{Light, Theme};

/// Rings around a centre.
pub struct Orbits {
    frame: Frame,
    x: f32,
    y: f32,
    ground: [Lab; 2],
    heart: Lab,
    core: f32,
    pitch: f32,
    rings: Vec<Ring>,
    discs: Vec<Disc>,
}

struct Ring {
    /// How much of the pitch the ring fills.
    breadth: f32,
    turn: f32,
    arcs: Vec<Arc>,
}

struct Arc {
    /// In turns from the ring's own start.
    end: f32,
    colour: Option<Lab>,
}

struct Disc {
    x: f32,
    y: f32,
    radius: f32,
    colour: Lab,
}

impl Orbits {
    /// Rings in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let dark = theme.light == Some(Light::Night) || random.chance(0.5);
        let ground = if dark {
            [
                palette.ink.mix(palette.tones[0], 0.3),
                palette.ink.lighter(-0.05),
            ]
        } else {
            [palette.paper, palette.paper.mix(palette.tones[3], 0.4)]
        };
        let centred = random.chance(0.45);
        let (x, y) = if centred {
            (0.5, 0.5)
        } else {
            (
                random.pick([0.24, 0.38, 0.66, 0.8]),
                random.pick([0.3, 0.62, 0.78]),
            )
        };
        let (x, y) = (x * frame.width, y * frame.height);
        let (core, pitch) = (random.between(0.05, 0.12), random.between(0.03, 0.055));
        // Rings end where a centred composition would leave the frame, or fill it from the side.
        let reach = if centred { 0.46 } else { 0.95 };
        let count = ((reach - core) / pitch) as usize;
        let rings: Vec<Ring> = (0..count)
            .map(|_| Ring::compose(&palette, random))
            .collect();
        let discs = (0..random.whole(3, 7))
            .map(|_| {
                let distance = core + (random.below(count) as f32 + 0.5) * pitch;
                let turn = random.unit();
                Disc {
                    x: x + distance * cos_turns(turn),
                    y: y + distance * sin_turns(turn),
                    radius: pitch * random.between(0.45, 1.1),
                    colour: random.pick([palette.tones[4], palette.paper, palette.tones[3]]),
                }
            })
            .collect();
        Self {
            frame,
            x,
            y,
            ground,
            heart: palette.tones[4],
            core,
            pitch,
            rings,
            discs,
        }
    }

    fn ring_cover(&self, distance: f32, direction: f32) -> Option<(Lab, f32)> {
        let place = (distance - self.core) / self.pitch;
        if place < 0.0 {
            return None;
        }
        let ring = self.rings.get(place as usize)?;
        let aside = (place - place as usize as f32 - 0.5).abs();
        let inside = (0.5 * ring.breadth - aside) * self.pitch;
        let turn = fraction(direction + ring.turn);
        let arc = ring.arcs.iter().find(|arc| turn < arc.end)?;
        let colour = arc.colour?;
        let start = ring.arcs.iter().rev().find(|other| other.end <= turn);
        let start = start.map_or(0.0, |other| other.end);
        // The distance along the ring to the nearer end of the arc.
        let ends = (turn - start).min(arc.end - turn) * distance * std::f32::consts::TAU;
        let gap = 0.14 * self.pitch;
        let cover = self.frame.coverage(inside) * self.frame.coverage(ends - gap);
        Some((colour, cover))
    }
}

impl Motif for Orbits {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let down = y - self.y;
        for (column, pixel) in row.iter_mut().enumerate() {
            let across = self.frame.x(column) - self.x;
            let distance = (across * across + down * down).sqrt();
            let direction = direction_turns(across, down);
            let mut colour = self.ground[0].mix(self.ground[1], smoothstep(0.0, 1.1, distance));
            if let Some((ring, cover)) = self.ring_cover(distance, direction) {
                colour = colour.mix(ring, cover);
            }
            let core = self.frame.coverage(self.core * 0.8 - distance);
            *pixel = colour.mix(self.heart, core);
        }
        for disc in &self.discs {
            disc.paint_row(&self.frame, y, self.ground[1], row);
        }
    }
}

impl Ring {
    fn compose(palette: &Palette, random: &mut Random) -> Self {
        let count = random.whole(1, 6);
        let mut ends: Vec<f32> = (1..count).map(|_| random.unit()).collect();
        ends.push(1.0);
        ends.sort_by(f32::total_cmp);
        let arcs = ends
            .into_iter()
            .map(|end| Arc {
                end,
                colour: random.chance(0.78).then(|| palette.tone(random)),
            })
            .collect();
        Self {
            breadth: random.pick([0.9, 0.9, 0.62, 0.3, 0.14]),
            turn: random.unit(),
            arcs,
        }
    }
}

impl Disc {
    fn paint_row(&self, frame: &Frame, y: f32, halo: Lab, row: &mut [Lab]) {
        let (down, outer) = (y - self.y, self.radius * 1.28);
        if down.abs() > outer + frame.pixel {
            return;
        }
        for column in frame.columns_between(self.x - outer, self.x + outer) {
            let across = frame.x(column) - self.x;
            let distance = (across * across + down * down).sqrt();
            let shade = 0.07 * (-across - down) / self.radius;
            row[column] = row[column].mix(halo, frame.coverage(outer - distance)).mix(
                self.colour.lighter(shade),
                frame.coverage(self.radius - distance),
            );
        }
    }
}
