//! Truchet tiles: every square holds two quarter circles, turned at random, and together they make
//! winding ribbons.

use super::Motif;
use super::colour::{Lab, ramp};
use super::frame::Frame;
use super::noise::{fractal, hash};
use super::palette::Palette;
use super::portable::{floor, lerp, smoothstep};
use super::random::Random;
use super::theme::{Light, Theme};

/// Winding ribbons.
pub struct Truchet {
    frame: Frame,
    cell: f32,
    seed: u32,
    ground: [Lab; 2],
    ribbon: Vec<Lab>,
    edge: Lab,
    core: Lab,
    half: f32,
    stripes: usize,
    drift: f32,
}

impl Truchet {
    /// Ribbons in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let dark = theme.light == Some(Light::Night) || random.chance(0.5);
        let (ground, edge) = if dark {
            (
                [palette.ink, palette.ink.mix(palette.tones[0], 0.6)],
                palette.ink.lighter(-0.08),
            )
        } else {
            (
                [palette.paper, palette.paper.mix(palette.tones[3], 0.35)],
                palette.ink,
            )
        };
        Self {
            frame,
            cell: 1.0 / random.whole(5, 10) as f32,
            seed: random.noise_seed(),
            ground,
            ribbon: palette.tones.to_vec(),
            edge,
            core: if dark { palette.paper } else { palette.ink },
            half: random.between(0.16, 0.26),
            stripes: random.whole(0, 2),
            drift: random.between(0.5, 1.1),
        }
    }

    fn colour(&self, x: f32, y: f32) -> Lab {
        let (across, down) = (x / self.cell, y / self.cell);
        let (column, row) = (floor(across), floor(down));
        let turned = hash(self.seed, column as i32, row as i32) & 1 == 1;
        let (mut right, below) = (across - column, down - row);
        if turned {
            right = 1.0 - right;
        }
        let near = (right * right + below * below).sqrt();
        let opposite = ((1.0 - right) * (1.0 - right) + (1.0 - below) * (1.0 - below)).sqrt();
        let aside = (near - 0.5).abs().min((opposite - 0.5).abs());
        self.ribbon_colour(x, y, aside)
    }

    /// The colour at a distance from the middle of the ribbon, in cells.
    fn ribbon_colour(&self, x: f32, y: f32, aside: f32) -> Lab {
        let down = y / self.frame.height;
        let ground = self.ground[0].mix(self.ground[1], down);
        let shadow = smoothstep(self.half + 0.16, self.half, aside) * 0.1;
        let wander = fractal(self.seed ^ 8, x * self.drift, y * self.drift, 2) * 1.1;
        let ribbon = ramp(&self.ribbon, 0.5 + wander + 0.4 * (down - 0.5));
        let outline = self.half + 0.035;
        let cover = |half: f32| self.frame.coverage((half - aside) * self.cell);
        let round = lerp(0.045, -0.03, aside / self.half);
        let colour = ground
            .lighter(-shadow)
            .mix(self.edge, cover(outline))
            .mix(ribbon.lighter(round), cover(self.half));
        match self.stripes {
            0 => colour,
            1 => colour.mix(self.core, 0.85 * cover(self.half * 0.16)),
            _ => {
                let line = cover(self.half * 0.62) - cover(self.half * 0.44);
                colour.mix(self.core, 0.75 * line.max(0.0))
            }
        }
    }
}

impl Motif for Truchet {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        for (column, pixel) in row.iter_mut().enumerate() {
            *pixel = self.colour(self.frame.x(column), y);
        }
    }
}
