//! Still water: whatever stands above the waterline, mirrored, broken by ripples and darkened.

use super::colour::Lab;
use super::frame::Frame;
use super::noise::gradient;
use super::portable::{lerp, smoothstep};
use super::random::Random;

/// A water surface below a waterline.
pub struct Water {
    frame: Frame,
    waterline: f32,
    tint: Lab,
    glint: Lab,
    seed: u32,
}

impl Water {
    /// Water from `waterline` units down, drawn towards `tint`, its ripples towards `glint`.
    pub fn compose(
        frame: Frame,
        waterline: f32,
        tint: Lab,
        glint: Lab,
        random: &mut Random,
    ) -> Self {
        Self {
            frame,
            waterline,
            tint,
            glint,
            seed: random.noise_seed(),
        }
    }

    /// Paints a row of the whole scene, where `scene` paints what stands above the waterline.
    pub fn paint_row(&self, y: f32, row: &mut [Lab], scene: impl Fn(f32, &mut [Lab])) {
        let depth = y - self.waterline;
        if depth <= 0.0 {
            return scene(y, row);
        }
        // Two mirrored rows a little apart; ripples choose between them from place to place.
        let mirrored = self.waterline - depth;
        let swing = (0.006 + 0.05 * depth).min(0.05);
        let wobble = gradient(self.seed, 0.5, depth * 30.0) * swing * 0.35;
        let mut other = vec![Lab::default(); row.len()];
        scene((mirrored + wobble).max(0.0), row);
        scene(
            (mirrored + wobble + swing).clamp(0.0, self.waterline),
            &mut other,
        );
        self.ripple(depth, row, &other);
    }

    fn ripple(&self, depth: f32, row: &mut [Lab], other: &[Lab]) {
        let far = 1.0 / (depth + 0.06);
        let shade = 0.16 + 0.22 * smoothstep(0.0, 0.5, depth);
        let line = lerp(0.4, 0.0, smoothstep(0.0, 0.008, depth));
        for (column, pixel) in row.iter_mut().enumerate() {
            let x = self.frame.x(column);
            let noise = gradient(self.seed ^ 9, x * (1.5 + 0.5 * far), 9.0 * self.near(depth));
            let choice = smoothstep(-0.35, 0.45, noise);
            let water = pixel.mix(other[column], choice).mix(self.tint, shade);
            let crest = smoothstep(0.5, 0.85, noise) * 0.22;
            *pixel = water.mix(self.glint, crest + line);
        }
    }

    /// Ripples grow towards the viewer: equal steps of this are equal waves.
    fn near(&self, depth: f32) -> f32 {
        4.0 * depth / (depth + 0.25) + depth
    }
}
