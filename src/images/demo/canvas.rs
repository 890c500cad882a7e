//! The finished picture: one buffer of eight-bit sRGB, row after row, that the painter fills, the
//! mark is drawn on, and the encoders read.

/// A picture of `width` × `height` pixels, three bytes (red, green, blue) each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A black picture of the given size in pixels; a side of zero is taken as one.
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let pixels = vec![0; width as usize * height as usize * 3];
        Self {
            width,
            height,
            pixels,
        }
    }

    /// The width in pixels, at least one.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The height in pixels, at least one.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All bytes, from the top left, row after row without padding.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The rows from top to bottom, each `width` × 3 bytes.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.pixels.chunks_exact_mut(self.width as usize * 3)
    }

    /// The bytes of one pixel, or `None` outside the picture.
    pub fn pixel_mut(&mut self, column: u32, row: u32) -> Option<&mut [u8]> {
        if column >= self.width || row >= self.height {
            return None;
        }
        let start = (row as usize * self.width as usize + column as usize) * 3;
        self.pixels.get_mut(start..start + 3)
    }
}

#[cfg(test)]
mod tests {
    use super::Canvas;

    #[test]
    fn a_pixel_is_found_at_its_place_and_nowhere_outside() {
        let mut canvas = Canvas::new(3, 2);
        canvas
            .pixel_mut(2, 1)
            .expect("the last pixel is inside")
            .copy_from_slice(&[1, 2, 3]);
        assert_eq!(canvas.pixels()[15..], [1, 2, 3]);
        assert!(canvas.pixel_mut(3, 0).is_none());
        assert!(canvas.pixel_mut(0, 2).is_none());
    }
}
