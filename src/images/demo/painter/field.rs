//! A smooth function sampled on a coarse grid and read back through quadratic B-splines: costly
//! noise is computed a few ten thousand times, not once a pixel.

use super::frame::Frame;
use super::portable::floor;

/// Samples for each unit; noise finer than a sixtieth of a unit is lost.
const SAMPLES_A_UNIT: f32 = 224.0;

/// A function over the picture, smooth together with its first derivatives.
pub struct Field {
    cell: f32,
    columns: usize,
    samples: Vec<f32>,
}

/// A field along one line across the picture.
pub struct FieldLine {
    cell: f32,
    samples: Vec<f32>,
    slopes: Vec<f32>,
}

/// A field's value at one place and its change for each unit, across and down.
#[derive(Clone, Copy)]
pub struct FieldPoint {
    /// The value.
    pub value: f32,
    /// The length of the gradient, a unit.
    pub steepness: f32,
}

impl Field {
    /// Samples `function` of x and y, in units, over the frame.
    pub fn new(frame: &Frame, function: impl Fn(f32, f32) -> f32) -> Self {
        // Never finer than two pixels: a long, thin picture has few pixels and many units.
        let cell = (1.0 / SAMPLES_A_UNIT).max(2.0 * frame.pixel);
        let columns = (frame.width / cell) as usize + 4;
        let rows = (frame.height / cell) as usize + 4;
        let samples = (0..rows * columns)
            .map(|index| {
                let (row, column) = (index / columns, index % columns);
                function((column as f32 - 1.0) * cell, (row as f32 - 1.0) * cell)
            })
            .collect();
        Self {
            cell,
            columns,
            samples,
        }
    }

    /// The field along the height `y`, in units; outside the frame the border's values go on.
    pub fn line(&self, y: f32) -> FieldLine {
        let rows = self.samples.len() / self.columns;
        let (middle, weights, changes) = spline(y / self.cell + 1.0, rows);
        let blend = |weights: [f32; 3]| {
            let start = (middle - 1) * self.columns;
            let (first, rest) = self.samples[start..].split_at(self.columns);
            let (second, third) = rest.split_at(self.columns);
            let sums = first.iter().zip(second).zip(third);
            sums.map(|((a, b), c)| a * weights[0] + b * weights[1] + c * weights[2])
                .collect::<Vec<f32>>()
        };
        FieldLine {
            cell: self.cell,
            samples: blend(weights),
            slopes: blend(changes.map(|change| change / self.cell)),
        }
    }
}

impl FieldLine {
    /// The value at `x` units.
    pub fn value(&self, x: f32) -> f32 {
        let (middle, weights, _) = spline(x / self.cell + 1.0, self.samples.len());
        dot(&self.samples, middle, weights)
    }

    /// The value and the steepness at `x` units.
    pub fn point(&self, x: f32) -> FieldPoint {
        let (middle, weights, changes) = spline(x / self.cell + 1.0, self.samples.len());
        let across = dot(&self.samples, middle, changes) / self.cell;
        let down = dot(&self.slopes, middle, weights);
        FieldPoint {
            value: dot(&self.samples, middle, weights),
            steepness: (across * across + down * down).sqrt(),
        }
    }
}

/// The middle one of the three samples around a place, their weights, and the weights' derivatives.
fn spline(place: f32, count: usize) -> (usize, [f32; 3], [f32; 3]) {
    let place = place.clamp(1.0, count as f32 - 2.0);
    let middle = floor(place + 0.5);
    let offset = place - middle;
    let (before, after) = (0.5 - offset, 0.5 + offset);
    (
        (middle as usize).clamp(1, count - 2),
        [
            0.5 * before * before,
            0.75 - offset * offset,
            0.5 * after * after,
        ],
        [-before, -2.0 * offset, after],
    )
}

fn dot(samples: &[f32], middle: usize, weights: [f32; 3]) -> f32 {
    samples[middle - 1] * weights[0]
        + samples[middle] * weights[1]
        + samples[middle + 1] * weights[2]
}

#[cfg(test)]
mod tests {
    use super::{Field, Frame};

    #[test]
    fn a_plane_is_read_back_exactly_with_its_slope() {
        for (width, height) in [(256, 256), (64, 1024), (300, 200)] {
            let frame = Frame::new(width, height);
            let field = Field::new(&frame, |x, y| 3.0 * x + 4.0 * y + 1.0);
            for row in (2..height as usize - 2).step_by(7) {
                let y = frame.y(row);
                let line = field.line(y);
                for column in (2..frame.columns - 2).step_by(5) {
                    let x = frame.x(column);
                    let point = line.point(x);
                    assert!((point.value - (3.0 * x + 4.0 * y + 1.0)).abs() < 1e-2);
                    assert!((point.steepness - 5.0).abs() < 5e-2);
                    assert_eq!(point.value, line.value(x));
                }
            }
        }
    }
}
