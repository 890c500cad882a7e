//! Gradient noise from an integer hash: smooth, endless and the same everywhere.

use super::portable::floor;

/// Sixteen directions of about unit length; integer ratios, so that no sine is needed.
const GRADIENTS: [(f32, f32); 16] = [
    (1.0, 0.0),
    (0.92, 0.38),
    (0.71, 0.71),
    (0.38, 0.92),
    (0.0, 1.0),
    (-0.38, 0.92),
    (-0.71, 0.71),
    (-0.92, 0.38),
    (-1.0, 0.0),
    (-0.92, -0.38),
    (-0.71, -0.71),
    (-0.38, -0.92),
    (0.0, -1.0),
    (0.38, -0.92),
    (0.71, -0.71),
    (0.92, -0.38),
];

/// A well-mixed number for one place of the integer lattice.
pub fn hash(seed: u32, column: i32, row: i32) -> u32 {
    let mut mixed = seed
        ^ (column as u32).wrapping_mul(0x9E37_79B1)
        ^ (row as u32).wrapping_mul(0x85EB_CA77).rotate_left(13);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D);
    mixed = (mixed ^ (mixed >> 12)).wrapping_mul(0x297A_2D39);
    mixed ^ (mixed >> 15)
}

/// A number from 0 up to 1 for one place of the integer lattice.
pub fn hash_unit(seed: u32, column: i32, row: i32) -> f32 {
    (hash(seed, column, row) >> 8) as f32 / 16_777_216.0
}

/// Perlin's gradient noise, about -1 to 1, zero at the lattice points.
pub fn gradient(seed: u32, x: f32, y: f32) -> f32 {
    let (left, top) = (floor(x), floor(y));
    let (across, down) = (x - left, y - top);
    let (column, row) = (left as i32, top as i32);
    let corner = |right: i32, below: i32| {
        let hashed = hash(seed, column.wrapping_add(right), row.wrapping_add(below));
        let (slope_x, slope_y) = GRADIENTS[(hashed >> 28) as usize];
        slope_x * (across - right as f32) + slope_y * (down - below as f32)
    };
    let (blend_x, blend_y) = (fade(across), fade(down));
    let above = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * blend_x;
    let below = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * blend_x;
    (above + (below - above) * blend_y) * 1.4
}

/// Perlin's quintic, whose first and second derivatives vanish at both ends.
fn fade(amount: f32) -> f32 {
    amount * amount * amount * (amount * (amount * 6.0 - 15.0) + 10.0)
}

/// Octaves of gradient noise, each twice as fine and half as strong, about -1 to 1.
pub fn fractal(seed: u32, x: f32, y: f32, octaves: u32) -> f32 {
    let (mut total, mut strength, mut scale) = (0.0, 0.5, 1.0);
    for octave in 0..octaves {
        total += strength * gradient(seed.wrapping_add(octave * 7919), x * scale, y * scale);
        strength *= 0.5;
        scale *= 2.03;
    }
    total
}

/// Octaves of folded noise: sharp crests and round valleys, about 0 to 1.
pub fn ridged(seed: u32, x: f32, y: f32, octaves: u32) -> f32 {
    let (mut total, mut strength, mut scale, mut weight) = (0.0, 0.5, 1.0, 1.0_f32);
    for octave in 0..octaves {
        let folded = 1.0 - gradient(seed.wrapping_add(octave * 7919), x * scale, y * scale).abs();
        let signal = folded * folded * weight;
        total += strength * signal;
        // Detail gathers on the crests, as erosion leaves it.
        weight = (signal * 1.8).clamp(0.0, 1.0);
        strength *= 0.5;
        scale *= 2.1;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{fractal, gradient, ridged};

    #[test]
    fn noise_is_smooth_bounded_and_chosen_by_its_seed() {
        let mut differing = 0;
        for step in 0..2000 {
            let (x, y) = (step as f32 * 0.137 - 130.0, step as f32 * 0.071 - 60.0);
            let here = gradient(7, x, y);
            assert!(here.abs() <= 1.5);
            assert!((gradient(7, x + 1e-3, y) - here).abs() < 0.02);
            assert!(fractal(7, x, y, 5).abs() <= 1.5);
            assert!((0.0..=1.2).contains(&ridged(7, x, y, 5)));
            differing += usize::from(gradient(8, x, y) != here);
        }
        assert!(differing > 1900);
    }
}
