//! Procedural pictures: a prompt and a seed choose a scene, a composition and colours, and the same
//! three (prompt, seed, size) give the same bytes on every machine. No model, no network.

mod aurora;
mod circles;
mod city;
mod colour;
mod field;
mod flow;
mod frame;
mod garden;
mod glass;
mod landscape;
mod mood;
mod nebula;
mod night;
mod noise;
mod orbits;
mod palette;
mod planet;
mod portable;
mod quilt;
mod random;
mod ridges;
mod scales;
mod sea;
mod sky;
mod stars;
mod theme;
mod truchet;
mod water;
mod words;

use super::canvas::Canvas;
use colour::{Lab, SrgbTable};
use frame::Frame;
use noise::hash_unit;
use random::Random;
use theme::{SCENES, Scene, Theme};

/// What to paint.
#[derive(Clone, Copy, Debug)]
pub struct PaintRequest<'a> {
    /// The words that choose scene and colours.
    pub prompt: &'a str,
    /// Another seed is another picture of the same prompt.
    pub seed: u64,
    /// The width in pixels; meant for 64 to 4096, any other works.
    pub width: u32,
    /// The height in pixels, as the width.
    pub height: u32,
}

/// A composed picture that can be asked for any of its rows.
trait Motif {
    /// Fills a whole row of pixels whose centres lie `y` units below the top.
    fn paint_row(&self, y: f32, row: &mut [Lab]);
}

/// Paints the picture. Memory: the canvas, and in coarse grids and rows a few megabytes beside it.
pub fn paint(request: &PaintRequest) -> Canvas {
    let frame = Frame::new(request.width, request.height);
    let theme = Theme::read(request.prompt);
    let mut random = Random::new(request.prompt, request.seed);
    let scene = theme.scene.unwrap_or_else(|| random.pick(SCENES));
    let motif = compose(scene, frame, &theme, &mut random);
    develop(frame, motif.as_ref(), random.noise_seed(), request)
}

fn compose(scene: Scene, frame: Frame, theme: &Theme, random: &mut Random) -> Box<dyn Motif> {
    match scene {
        Scene::Landscape => Box::new(landscape::Landscape::compose(frame, theme, random)),
        Scene::Sea => Box::new(sea::Sea::compose(frame, theme, random)),
        Scene::Night => Box::new(night::Night::compose(frame, theme, random)),
        Scene::City => Box::new(city::City::compose(frame, theme, random)),
        Scene::Garden => Box::new(garden::Garden::compose(frame, theme, random)),
        Scene::Flow => Box::new(flow::Flow::compose(frame, theme, random)),
        Scene::Truchet => Box::new(truchet::Truchet::compose(frame, theme, random)),
        Scene::Scales => Box::new(scales::Scales::compose(frame, theme, random)),
        Scene::Orbits => Box::new(orbits::Orbits::compose(frame, theme, random)),
        Scene::Circles => Box::new(circles::Circles::compose(frame, theme, random)),
        Scene::Quilt => Box::new(quilt::Quilt::compose(frame, theme, random)),
        Scene::Glass => Box::new(glass::Glass::compose(frame, theme, random)),
    }
}

/// How much darker the corners are than the middle, in OKLab lightness.
const VIGNETTE: f32 = 0.085;
/// The grain's height in sRGB steps. It hides banding in the gradients; more of it is what a
/// lossless file spends most of its bytes on.
const GRAIN: f32 = 1.9;

/// Has every row painted, darkens the corners, adds grain, and writes the bytes.
fn develop(frame: Frame, motif: &dyn Motif, grain_seed: u32, request: &PaintRequest) -> Canvas {
    let mut canvas = Canvas::new(request.width, request.height);
    let table = SrgbTable::new();
    let mut colours = vec![Lab::default(); frame.columns];
    for (index, bytes) in canvas.rows_mut().enumerate() {
        let y = frame.y(index);
        motif.paint_row(y, &mut colours);
        let down = y / frame.height * 2.0 - 1.0;
        for (column, pixel) in bytes.chunks_exact_mut(3).enumerate() {
            let across = frame.x(column) / frame.width * 2.0 - 1.0;
            let off_centre = (across * across + down * down) * 0.5;
            let colour = colours[column].lighter(-VIGNETTE * off_centre * off_centre);
            let grain = GRAIN * (hash_unit(grain_seed, column as i32, index as i32) - 0.5);
            for (byte, channel) in pixel.iter_mut().zip(table.channels(colour)) {
                // Adding a half and cutting off rounds; the cast keeps within 0 and 255.
                *byte = (channel + grain + 0.5) as u8;
            }
        }
    }
    canvas
}

#[cfg(test)]
mod tests;
