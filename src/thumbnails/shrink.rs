//! A picture made smaller row by row with Lanczos' filter, so that of the big one a row is held
//! at a time and of the small one little more than itself.

use std::collections::VecDeque;

/// Lanczos' window: three lobes, the usual choice for photographs.
const LOBES: f32 = 3.0;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    /// The size with the same aspect ratio whose longer side is `long_edge`; never larger than
    /// itself, and a pixel at least.
    pub fn within(self, long_edge: u32) -> Self {
        let longer = u64::from(self.width.max(self.height).max(1));
        let kept = longer.min(u64::from(long_edge.max(1)));
        let scaled = |side: u32| (u64::from(side) * kept * 2 + longer) / (longer * 2);
        let side = |side: u32| u32::try_from(scaled(side)).unwrap_or(u32::MAX).max(1);
        Self {
            width: side(self.width),
            height: side(self.height),
        }
    }
}

/// What the bytes of a row are; each channel has eight bits, alpha is not multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    /// The bytes of a pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A finished small picture: red, green, blue and alpha, not multiplied, from the top left.
#[derive(Debug)]
pub struct Small {
    pub size: Size,
    pub rgba: Vec<u8>,
}

/// Red, green and blue multiplied by alpha, and alpha. Without the multiplication the colours of
/// transparent pixels, which nobody sees, would shine through at every edge.
type Pixel = [f32; 4];

/// The sources of one target and what each of them adds; the weights' sum is one.
struct Window {
    first: usize,
    weights: Vec<f32>,
}

impl Window {
    fn end(&self) -> usize {
        self.first + self.weights.len()
    }
}

/// A picture being shrunk.
pub struct Shrink {
    source: Size,
    target: Size,
    columns: Vec<Window>,
    rows: Vec<Window>,
    /// The rows of the small picture that are under way, from `finished` on.
    open: VecDeque<Vec<Pixel>>,
    finished: usize,
    /// Rows of the big picture that have come.
    taken: usize,
    row: Vec<Pixel>,
    rgba: Vec<u8>,
}

impl Shrink {
    /// Begins with pictures of the size `source`, for one of the size `target`, which is no
    /// larger. Neither has a side of no pixels.
    pub fn new(source: Size, target: Size) -> Self {
        Self {
            source,
            target,
            columns: windows(source.width, target.width),
            rows: windows(source.height, target.height),
            open: VecDeque::new(),
            finished: 0,
            taken: 0,
            row: Vec::with_capacity(source.width as usize),
            rgba: Vec::with_capacity(4 * target.width as usize * target.height as usize),
        }
    }

    /// The size of the big picture.
    pub fn source(&self) -> Size {
        self.source
    }

    /// Takes the next row of the big picture; `false` when it has another length, or when all
    /// rows have come.
    #[must_use]
    pub fn push_row(&mut self, layout: Layout, bytes: &[u8]) -> bool {
        let expected = self.source.width as usize * layout.channels();
        if bytes.len() != expected || self.taken == self.source.height as usize {
            return false;
        }
        self.row.clear();
        let pixels = bytes.chunks_exact(layout.channels());
        self.row
            .extend(pixels.map(|pixel| multiplied(layout, pixel)));
        self.add_row();
        self.taken += 1;
        self.finish_rows();
        true
    }

    /// Takes all rows of a decoded picture.
    #[must_use]
    pub fn push_rows(&mut self, layout: Layout, bytes: &[u8]) -> bool {
        let length = self.source.width as usize * layout.channels();
        bytes.chunks(length).all(|row| self.push_row(layout, row))
    }

    /// Adds the row, narrowed, to each row of the small picture that it is part of.
    fn add_row(&mut self) {
        let narrow: Vec<Pixel> = self
            .columns
            .iter()
            .map(|window| sum(&self.row[window.first..window.end()], &window.weights))
            .collect();
        while let Some(window) = self.rows.get(self.finished + self.open.len()) {
            if window.first > self.taken {
                break;
            }
            self.open.push_back(vec![[0.0; 4]; narrow.len()]);
        }
        for (open, window) in self.open.iter_mut().zip(&self.rows[self.finished..]) {
            let Some(weight) = self
                .taken
                .checked_sub(window.first)
                .and_then(|at| window.weights.get(at))
            else {
                continue;
            };
            for (into, pixel) in open.iter_mut().zip(&narrow) {
                for channel in 0..4 {
                    into[channel] += pixel[channel] * weight;
                }
            }
        }
    }

    fn finish_rows(&mut self) {
        while let Some(window) = self.rows.get(self.finished) {
            if window.end() > self.taken {
                return;
            }
            let Some(row) = self.open.pop_front() else {
                return;
            };
            self.rgba.extend(row.into_iter().flat_map(divided));
            self.finished += 1;
        }
    }

    /// The small picture; `None` when rows are missing.
    pub fn finish(self) -> Option<Small> {
        let complete = self.finished == self.rows.len();
        complete.then_some(Small {
            size: self.target,
            rgba: self.rgba,
        })
    }
}

fn sum(pixels: &[Pixel], weights: &[f32]) -> Pixel {
    let mut sum = [0.0; 4];
    for (pixel, weight) in pixels.iter().zip(weights) {
        for channel in 0..4 {
            sum[channel] += pixel[channel] * weight;
        }
    }
    sum
}

fn multiplied(layout: Layout, pixel: &[u8]) -> Pixel {
    let (red, green, blue, alpha) = match (layout, pixel) {
        (Layout::Gray, &[gray]) => (gray, gray, gray, u8::MAX),
        (Layout::GrayAlpha, &[gray, alpha]) => (gray, gray, gray, alpha),
        (Layout::Rgb, &[red, green, blue]) => (red, green, blue, u8::MAX),
        (_, &[red, green, blue, alpha]) => (red, green, blue, alpha),
        _ => (0, 0, 0, 0),
    };
    let alpha = f32::from(alpha);
    let multiplied = |channel: u8| f32::from(channel) * alpha / 255.0;
    [multiplied(red), multiplied(green), multiplied(blue), alpha]
}

/// Back to eight bits; what the filter's negative lobes brought beyond them is cut off.
fn divided([red, green, blue, alpha]: Pixel) -> [u8; 4] {
    // `as` cuts off at both ends, and nothing here is not a number.
    let eight_bits = |value: f32| (value + 0.5) as u8;
    let alpha = alpha.clamp(0.0, 255.0);
    if alpha < 0.5 {
        return [0; 4];
    }
    let whole = 255.0 / alpha;
    [
        eight_bits(red * whole),
        eight_bits(green * whole),
        eight_bits(blue * whole),
        eight_bits(alpha),
    ]
}

/// For each target along one side, which sources it is made of.
fn windows(source: u32, target: u32) -> Vec<Window> {
    let ratio = source as f32 / target as f32;
    (0..target)
        .map(|index| window(index, ratio, source))
        .collect()
}

fn window(index: u32, ratio: f32, source: u32) -> Window {
    let center = (index as f32 + 0.5) * ratio;
    let reach = LOBES * ratio;
    let first = (center - reach).floor().max(0.0) as u32;
    let end = ((center + reach).ceil() as u32).clamp(first + 1, source.max(first + 1));
    let weight = |at: u32| lanczos((at as f32 + 0.5 - center) / ratio);
    let weights: Vec<f32> = (first..end).map(weight).collect();
    let total: f32 = weights.iter().sum();
    Window {
        first: first as usize,
        weights: weights.into_iter().map(|weight| weight / total).collect(),
    }
}

fn lanczos(x: f32) -> f32 {
    let sinc = |x: f32| {
        let x = x * std::f32::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    match x.abs() < LOBES {
        true => sinc(x) * sinc(x / LOBES),
        false => 0.0,
    }
}
