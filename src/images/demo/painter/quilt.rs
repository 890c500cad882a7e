//! A quilt: squares in two sizes, each with a simple shape in two colours, turned at random.

use super::Motif;
use super::colour::Lab;
use super::frame::Frame;
use super::noise::fractal;
use super::palette::Palette;
use super::portable::floor;
use super::random::Random;
use super::theme::Theme;

/// A quilt of shapes.
pub struct Quilt {
    frame: Frame,
    cell: f32,
    columns: usize,
    patches: Vec<Patch>,
    seed: u32,
}

#[derive(Clone, Copy)]
struct Patch {
    shape: Shape,
    turns: u8,
    ground: Lab,
    figure: Lab,
    accent: Lab,
    /// Where the patch begins, in cells, and how many cells it is wide and high.
    column: f32,
    row: f32,
    size: f32,
}

#[derive(Clone, Copy)]
enum Shape {
    Quarter,
    Rainbow,
    Half,
    Triangle,
    Disc,
    Leaf,
    Stripes,
    Hourglass,
    Plain,
}

impl Quilt {
    /// A quilt in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let cell = 1.0 / random.whole(5, 9) as f32;
        // No smaller than two pixels, however long the picture.
        let columns = (frame.width / cell) as usize + 2;
        let rows = (frame.height / cell) as usize + 2;
        let mut quilt = Self {
            frame,
            cell,
            columns,
            patches: Vec::with_capacity(columns * rows),
            seed: random.noise_seed(),
        };
        for index in 0..columns * rows {
            let place = (index % columns, index / columns);
            quilt.patches.push(Patch::compose(&palette, place, random));
        }
        quilt.join_patches(rows, random);
        quilt
    }

    /// Lets some patches spread over the three beside and below them.
    fn join_patches(&mut self, rows: usize, random: &mut Random) {
        for row in (0..rows - 1).step_by(2) {
            for column in (0..self.columns - 1).step_by(2) {
                if !random.chance(0.22) {
                    continue;
                }
                let first = row * self.columns + column;
                let patch = Patch {
                    size: 2.0,
                    ..self.patches[first]
                };
                for place in [
                    first,
                    first + 1,
                    first + self.columns,
                    first + self.columns + 1,
                ] {
                    self.patches[place] = patch;
                }
            }
        }
    }
}

impl Motif for Quilt {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        let down = y / self.cell;
        let start = floor(down) as usize * self.columns;
        for (column, pixel) in row.iter_mut().enumerate() {
            let x = self.frame.x(column);
            let across = x / self.cell;
            let Some(patch) = self.patches.get(start + floor(across) as usize) else {
                continue;
            };
            let unit = self.cell * patch.size;
            let (right, below) = (
                (across - patch.column) / patch.size,
                (down - patch.row) / patch.size,
            );
            let colour = patch.colour(&self.frame, unit, right, below);
            let cloth = fractal(self.seed, x * 5.0, y * 5.0, 2) * 0.022;
            let seam = right.min(below).min(1.0 - right).min(1.0 - below) * unit;
            let shade = if seam < 0.006 {
                (0.006 - seam) * 9.0
            } else {
                0.0
            };
            *pixel = colour.lighter(cloth - shade);
        }
    }
}

impl Patch {
    fn compose(palette: &Palette, (column, row): (usize, usize), random: &mut Random) -> Self {
        let mut tones = [
            palette.paper,
            palette.tones[0],
            palette.tones[1],
            palette.tones[2],
            palette.tones[3],
            palette.tones[4],
        ];
        // The first three of a shuffle: ground, figure and accent always differ.
        for index in 0..3 {
            let other = random.whole(index, tones.len() - 1);
            tones.swap(index, other);
        }
        Self {
            shape: random.pick([
                Shape::Quarter,
                Shape::Quarter,
                Shape::Rainbow,
                Shape::Rainbow,
                Shape::Half,
                Shape::Triangle,
                Shape::Disc,
                Shape::Leaf,
                Shape::Leaf,
                Shape::Stripes,
                Shape::Hourglass,
                Shape::Plain,
            ]),
            turns: random.below(4) as u8,
            ground: tones[0],
            figure: tones[1],
            accent: tones[2],
            column: column as f32,
            row: row as f32,
            size: 1.0,
        }
    }

    /// The colour at a place in the patch, from 0 to 1 across and down; its side is `unit` long.
    fn colour(&self, frame: &Frame, unit: f32, right: f32, below: f32) -> Lab {
        let (u, v) = match self.turns {
            0 => (right, below),
            1 => (below, 1.0 - right),
            2 => (1.0 - right, 1.0 - below),
            _ => (1.0 - below, right),
        };
        let (figure, accent) = self.shape.insides(u, v);
        self.ground
            .mix(self.figure, frame.coverage(figure * unit))
            .mix(self.accent, frame.coverage(accent * unit))
    }
}

/// Far outside: no part of a patch is covered.
const NOWHERE: f32 = -9.0;

impl Shape {
    /// How far inside the figure and the accent a place lies (negative: outside), in patch sides.
    fn insides(self, u: f32, v: f32) -> (f32, f32) {
        let corner = (u * u + v * v).sqrt();
        let opposite = ((1.0 - u) * (1.0 - u) + (1.0 - v) * (1.0 - v)).sqrt();
        let middle = ((u - 0.5) * (u - 0.5) + (v - 0.5) * (v - 0.5)).sqrt();
        match self {
            Self::Quarter => (1.0 - corner, NOWHERE),
            Self::Rainbow => {
                let ring = (0.7 - corner).min(corner - 0.42);
                ((1.0 - corner).min(corner - 0.14), ring)
            }
            Self::Half => {
                let side = ((u - 0.5) * (u - 0.5) + v * v).sqrt();
                (0.5 - side, 0.2 - side)
            }
            Self::Triangle => ((1.0 - u - v) * std::f32::consts::FRAC_1_SQRT_2, NOWHERE),
            Self::Disc => (0.4 - middle, 0.17 - middle),
            Self::Leaf => ((1.0 - corner).min(1.0 - opposite), NOWHERE),
            Self::Stripes => {
                let place = u * 3.0 - floor(u * 3.0);
                ((0.25 - (place - 0.5).abs()) / 3.0, NOWHERE)
            }
            Self::Hourglass => {
                let aside = (u - 0.5).abs();
                let inside = ((v - 0.5).abs() - aside) * std::f32::consts::FRAC_1_SQRT_2;
                (inside, 0.13 - middle)
            }
            Self::Plain => (NOWHERE, NOWHERE),
        }
    }
}
