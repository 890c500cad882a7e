//! The painter's coordinates: the shorter side of the picture is one unit, so that a composition
//! is the same at every size, and one pixel is a known part of a unit.

/// A picture's size, in pixels and in units of its shorter side.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The number of pixels in a row.
    pub columns: usize,
    /// The width in units, at least one.
    pub width: f32,
    /// The height in units, at least one.
    pub height: f32,
    /// The side of a pixel in units.
    pub pixel: f32,
}

impl Frame {
    /// The frame of a picture of `width` × `height` pixels; a side of zero is taken as one.
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let pixel = 1.0 / width.min(height) as f32;
        Self {
            columns: width as usize,
            width: width as f32 * pixel,
            height: height as f32 * pixel,
            pixel,
        }
    }

    /// The horizontal place of a column's centre, in units.
    pub fn x(&self, column: usize) -> f32 {
        (column as f32 + 0.5) * self.pixel
    }

    /// The vertical place of a row's centre, in units, downwards.
    pub fn y(&self, row: usize) -> f32 {
        (row as f32 + 0.5) * self.pixel
    }

    /// How much of a pixel lies inside an edge that is `inside` units away (negative: outside):
    /// the soft edge of every shape.
    pub fn coverage(&self, inside: f32) -> f32 {
        (inside / self.pixel + 0.5).clamp(0.0, 1.0)
    }

    /// The columns that touch the stretch from `left` to `right` units.
    pub fn columns_between(&self, left: f32, right: f32) -> std::ops::Range<usize> {
        let first = (left / self.pixel - 1.0).clamp(0.0, self.columns as f32) as usize;
        let last = (right / self.pixel + 2.0).clamp(0.0, self.columns as f32) as usize;
        first..last.max(first)
    }

    /// The picture's area in square units, at most `limit`: how many things a picture holds must
    /// not grow without end in a very long one.
    pub fn area_up_to(&self, limit: f32) -> f32 {
        (self.width * self.height).min(limit)
    }
}
