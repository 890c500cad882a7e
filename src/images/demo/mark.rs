//! The word "demo" in the bottom right corner, small and translucent: a picture of the demo
//! painter must not pass for a model's.

use super::canvas::Canvas;

/// The letters d, e, m, o: five columns by seven rows each, the leftmost column in the highest bit.
const GLYPHS: [[u8; 7]; 4] = [
    [
        0b00001, 0b00001, 0b01101, 0b10011, 0b10001, 0b10011, 0b01101,
    ],
    [
        0b00000, 0b00000, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110,
    ],
    [
        0b00000, 0b00000, 0b11010, 0b10101, 0b10101, 0b10101, 0b10101,
    ],
    [
        0b00000, 0b00000, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110,
    ],
];
const COLUMNS: u32 = 4 * 6 - 1;
const ROWS: u32 = 7;
/// How much of the mark's own colour a pixel takes, of 256.
const OPACITY: i32 = 150;

/// Draws the mark. Its letters are about a fiftieth of the shorter side, at least one pixel a dot;
/// a picture too small for it is left as it is.
pub fn draw(canvas: &mut Canvas) {
    let dot = (canvas.width().min(canvas.height()) / 400).max(1);
    let margin = 5 * dot;
    let (width, height) = (COLUMNS * dot, ROWS * dot);
    if canvas.width() < width + 2 * margin || canvas.height() < height + 2 * margin {
        return;
    }
    let (left, top) = (
        canvas.width() - margin - width,
        canvas.height() - margin - height,
    );
    let ink = contrasting_ink(canvas, left, top);
    for row in 0..height {
        for column in 0..width {
            if is_set(column / dot, row / dot) {
                blend(canvas, left + column, top + row, ink);
            }
        }
    }
}

fn is_set(column: u32, row: u32) -> bool {
    let (letter, place) = ((column / 6) as usize, column % 6);
    place < 5 && GLYPHS[letter][row as usize] >> (4 - place) & 1 == 1
}

/// White on a dark corner, black on a light one, by the mean of the bytes beneath the mark.
fn contrasting_ink(canvas: &mut Canvas, left: u32, top: u32) -> i32 {
    let (mut sum, mut count) = (0_u64, 0_u64);
    for row in top..canvas.height() {
        for column in left..canvas.width() {
            for byte in canvas.pixel_mut(column, row).into_iter().flatten() {
                sum += u64::from(*byte);
                count += 1;
            }
        }
    }
    if sum > 145 * count { 0 } else { 255 }
}

fn blend(canvas: &mut Canvas, column: u32, row: u32, ink: i32) {
    for byte in canvas.pixel_mut(column, row).into_iter().flatten() {
        let old = i32::from(*byte);
        // Between the old value and the ink, both of which are bytes.
        *byte = (old + (ink - old) * OPACITY / 256) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::{Canvas, draw};

    #[test]
    fn the_mark_changes_the_bottom_right_corner_and_nothing_else() {
        for (width, height) in [(64, 64), (256, 256), (1024, 512), (64, 1000)] {
            let mut canvas = Canvas::new(width, height);
            draw(&mut canvas);
            let changed: Vec<(u32, u32)> = (0..width * height)
                .filter(|index| canvas.pixels()[*index as usize * 3] != 0)
                .map(|index| (index % width, index / width))
                .collect();
            assert!(changed.len() > 30, "{width}x{height}");
            let side = width.min(height);
            for (column, row) in changed {
                assert!(column < width && column + side * 6 / 10 > width);
                assert!(row < height && row + side * 3 / 10 > height);
            }
        }
    }

    #[test]
    fn the_mark_is_dark_on_a_light_picture() {
        let mut canvas = Canvas::new(128, 128);
        canvas.rows_mut().for_each(|row| row.fill(240));
        draw(&mut canvas);
        assert!(canvas.pixels().iter().any(|byte| *byte < 150));
        assert!(canvas.pixels().iter().all(|byte| *byte <= 240));
    }

    #[test]
    fn a_picture_too_small_for_the_mark_is_left_alone() {
        let mut canvas = Canvas::new(16, 16);
        draw(&mut canvas);
        assert_eq!(canvas, Canvas::new(16, 16));
    }
}
