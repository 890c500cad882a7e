//! Stained glass: cells around scattered points, lit from behind, set in lead.

use super::Motif;
use super::colour::{Lab, ramp};
use super::frame::Frame;
use super::noise::{fractal, hash_unit};
use super::palette::Palette;
use super::portable::{floor, smoothstep};
use super::random::Random;
use super::theme::{Light, Theme};

/// A window of coloured glass.
pub struct Glass {
    frame: Frame,
    cell: f32,
    columns: usize,
    panes: Vec<Pane>,
    lead: Lab,
    half: f32,
    seed: u32,
}

#[derive(Clone, Copy)]
struct Pane {
    x: f32,
    y: f32,
    colour: Lab,
}

impl Glass {
    /// A window in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let cell = 1.0 / random.whole(7, 13) as f32;
        let columns = (frame.width / cell) as usize + 3;
        let rows = (frame.height / cell) as usize + 3;
        let sun = Sun::compose(frame, theme, &palette, random);
        let panes = (0..columns * rows)
            .map(|index| {
                let (column, row) = (index % columns, index / columns);
                let x = (column as f32 - 1.0 + random.between(0.1, 0.9)) * cell;
                let y = (row as f32 - 1.0 + random.between(0.1, 0.9)) * cell;
                let colour = sun.pane_colour(x, y, random);
                Pane { x, y, colour }
            })
            .collect();
        Self {
            frame,
            cell,
            columns,
            panes,
            lead: palette.ink.lighter(-0.08),
            half: cell * random.between(0.03, 0.055),
            seed: random.noise_seed(),
        }
    }

    /// The nearest pane to a place and the distance to the nearest edge of its cell.
    fn nearest(&self, x: f32, y: f32) -> (Pane, f32) {
        let column = floor(x / self.cell) as usize;
        let row = floor(y / self.cell) as usize;
        // The grid starts one cell outside the frame: these are the nine around the place.
        let around = (0..9).map(|index| {
            let place = (row + index / 3) * self.columns + column + index % 3;
            self.panes[place.min(self.panes.len() - 1)]
        });
        let square = |pane: &Pane| (pane.x - x) * (pane.x - x) + (pane.y - y) * (pane.y - y);
        let mut nearest = self.panes[0];
        let mut least = f32::INFINITY;
        for pane in around.clone() {
            if square(&pane) < least {
                (nearest, least) = (pane, square(&pane));
            }
        }
        let edge = around
            .map(|pane| {
                let (across, down) = (pane.x - nearest.x, pane.y - nearest.y);
                let apart = (across * across + down * down).sqrt();
                if apart < 1e-5 {
                    f32::INFINITY
                } else {
                    (square(&pane) - least) / (2.0 * apart)
                }
            })
            .fold(f32::INFINITY, f32::min);
        (nearest, edge)
    }
}

impl Motif for Glass {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        for (column, pixel) in row.iter_mut().enumerate() {
            let x = self.frame.x(column);
            let (pane, edge) = self.nearest(x, y);
            let grain = fractal(self.seed, x * 6.0 + pane.x * 31.0, y * 6.0, 2);
            // Brighter towards the middle of each pane, as light scatters.
            let glow = smoothstep(0.0, 0.45 * self.cell, edge);
            let glass = pane.colour.lighter(0.07 * glow - 0.05 + 0.05 * grain);
            let lead = self.lead.lighter(0.1 * smoothstep(self.half, 0.0, edge));
            *pixel = lead.mix(glass, self.frame.coverage(edge - self.half));
        }
    }
}

/// What the window shows: light around a sun, colours in rings or rays about it.
struct Sun {
    x: f32,
    y: f32,
    reach: f32,
    colours: Vec<Lab>,
    scatter: f32,
}

impl Sun {
    fn compose(frame: Frame, theme: &Theme, palette: &Palette, random: &mut Random) -> Self {
        let mut colours: Vec<Lab> = palette.tones.iter().rev().copied().collect();
        if theme.light == Some(Light::Night) {
            colours.push(palette.ink);
        }
        let reach = (frame.width * frame.width + frame.height * frame.height).sqrt();
        Self {
            x: frame.width * random.pick([0.3, 0.5, 0.5, 0.7]),
            y: frame.height * random.pick([0.3, 0.45, 0.5, 0.65]),
            reach: reach.min(1.8) * random.between(0.42, 0.6),
            colours,
            scatter: random.pick([0.12, 0.2, 0.45]),
        }
    }

    fn pane_colour(&self, x: f32, y: f32, random: &mut Random) -> Lab {
        let (across, down) = (x - self.x, y - self.y);
        let distance = (across * across + down * down).sqrt() / self.reach;
        let scatter = self.scatter * (hash_unit(random.noise_seed(), 1, 2) - 0.5) * 2.0;
        let colour = ramp(&self.colours, distance + scatter - 0.08);
        let strong = Lab {
            lightness: colour.lightness,
            a: colour.a * 1.1,
            b: colour.b * 1.1,
        };
        strong.lighter(random.between(-0.05, 0.05))
    }
}
