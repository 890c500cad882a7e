//! The beginning of a lossless WebP picture (RFC 9649, section 3), read only as far as it takes to
//! know how large the tables are that a decoder will build for it.

mod bits;
mod code;

use super::super::shrink::Size;
use bits::Bits;
use code::Code;

/// The symbols of green and lengths; red; blue; alpha; distances (section 3.7.2.1).
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];

/// Distances that mean a pixel nearby (section 3.6.2.2): how far to the left, and how far up.
#[rustfmt::skip]
const NEAR: [(i32, i32); 120] = [
    (0, 1),  (1, 0),  (1, 1),  (-1, 1), (0, 2),  (2, 0),  (1, 2),  (-1, 2),
    (2, 1),  (-2, 1), (2, 2),  (-2, 2), (0, 3),  (3, 0),  (1, 3),  (-1, 3),
    (3, 1),  (-3, 1), (2, 3),  (-2, 3), (3, 2),  (-3, 2), (0, 4),  (4, 0),
    (1, 4),  (-1, 4), (4, 1),  (-4, 1), (3, 3),  (-3, 3), (2, 4),  (-2, 4),
    (4, 2),  (-4, 2), (0, 5),  (3, 4),  (-3, 4), (4, 3),  (-4, 3), (5, 0),
    (1, 5),  (-1, 5), (5, 1),  (-5, 1), (2, 5),  (-2, 5), (5, 2),  (-5, 2),
    (4, 4),  (-4, 4), (3, 5),  (-3, 5), (5, 3),  (-5, 3), (0, 6),  (6, 0),
    (1, 6),  (-1, 6), (6, 1),  (-6, 1), (2, 6),  (-2, 6), (6, 2),  (-6, 2),
    (4, 5),  (-4, 5), (5, 4),  (-5, 4), (3, 6),  (-3, 6), (6, 3),  (-6, 3),
    (0, 7),  (7, 0),  (1, 7),  (-1, 7), (5, 5),  (-5, 5), (7, 1),  (-7, 1),
    (4, 6),  (-4, 6), (6, 4),  (-6, 4), (2, 7),  (-2, 7), (7, 2),  (-7, 2),
    (3, 7),  (-3, 7), (7, 3),  (-7, 3), (5, 6),  (-5, 6), (6, 5),  (-6, 5),
    (8, 0),  (4, 7),  (-4, 7), (7, 4),  (-7, 4), (8, 1),  (8, 2),  (6, 6),
    (-6, 6), (8, 3),  (5, 7),  (-5, 7), (7, 5),  (-7, 5), (8, 4),  (6, 7),
    (-6, 7), (7, 6),  (-7, 6), (8, 5),  (7, 7),  (-7, 7), (8, 6),  (8, 7),
];

/// The bytes of the tables that a decoder builds for a picture, given without its header; `None`
/// when it is broken before its pixels begin.
pub fn table_bytes(data: &[u8], size: Size) -> Option<usize> {
    let mut bits = Bits::new(data);
    let mut width = size.width;
    // Each kind of transform may come once.
    for _ in 0..5 {
        if bits.read(1)? == 0 {
            return tables_of_pixels(&mut bits, width, size.height);
        }
        width = skip_transform(&mut bits, width, size.height)?;
    }
    None
}

/// Reads over a transform; gives the width of what is coded below it.
fn skip_transform(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    match bits.read(2)? {
        // Predictors, or how colours depend on one another, for each block.
        0 | 1 => {
            let block_bits = bits.read(3)? + 2;
            pixels(bits, blocks(width, block_bits), blocks(height, block_bits))?;
            Some(width)
        }
        // Green taken from red and blue.
        2 => Some(width),
        // A palette; pixels of few colours are packed.
        _ => {
            let colors = bits.read(8)? + 1;
            pixels(bits, colors, 1)?;
            Some(blocks(
                width,
                match colors {
                    0..=2 => 3,
                    3..=4 => 2,
                    5..=16 => 1,
                    _ => 0,
                },
            ))
        }
    }
}

fn blocks(side: u32, block_bits: u32) -> u32 {
    side.div_ceil(1 << block_bits)
}

/// The tables of the picture itself, whose blocks may have codes of their own.
fn tables_of_pixels(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<usize> {
    let cache = cache_bits(bits)?;
    let groups = match bits.read(1)? {
        0 => 1,
        _ => {
            let block_bits = bits.read(3)? + 2;
            let chosen = pixels(bits, blocks(width, block_bits), blocks(height, block_bits))?;
            let group = |pixel: &u32| (pixel >> 8 & 0xffff) as usize + 1;
            chosen.iter().map(group).max()?
        }
    };
    let mut bytes = 0;
    for _ in 0..groups {
        let group = Group::read(bits, cache)?;
        bytes += group.table_bytes();
        if bytes > super::MOST_TABLE_BYTES {
            break;
        }
    }
    Some(bytes)
}

/// The size of the colour cache in bits; zero for none.
fn cache_bits(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(1)? {
        0 => Some(0),
        _ => bits.read(4).filter(|cache| (1..=11).contains(cache)),
    }
}

/// The five codes that pixels are written with.
struct Group([Code; 5]);

impl Group {
    fn read(bits: &mut Bits<'_>, cache: u32) -> Option<Self> {
        let cached = match cache {
            0 => 0,
            bits => 1 << bits,
        };
        let [green, red, blue, alpha, distance] = ALPHABETS;
        Some(Self([
            Code::read(bits, green + cached)?,
            Code::read(bits, red)?,
            Code::read(bits, blue)?,
            Code::read(bits, alpha)?,
            Code::read(bits, distance)?,
        ]))
    }

    fn table_bytes(&self) -> usize {
        self.0.iter().map(Code::table_bytes).sum()
    }
}

/// A picture within the picture, as 0xAARRGGBB: what transforms and the choice of codes are kept
/// in. It has at most a sixteenth of the picture's pixels.
fn pixels(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<Vec<u32>> {
    let cache_bits = cache_bits(bits)?;
    let Group([green, red, blue, alpha, distance]) = Group::read(bits, cache_bits)?;
    let mut cache = vec![0; 1 << cache_bits];
    let length = width as usize * height as usize;
    let mut pixels: Vec<u32> = Vec::with_capacity(length);
    while pixels.len() < length {
        let symbol = green.symbol(bits)?;
        let start = pixels.len();
        if symbol < 256 {
            let (red, blue) = (red.symbol(bits)?, blue.symbol(bits)?);
            pixels.push(alpha.symbol(bits)? << 24 | red << 16 | symbol << 8 | blue);
        } else if symbol < 256 + 24 {
            let count = prefixed(bits, symbol - 256)? as usize;
            let code = distance.symbol(bits)?;
            let back = distance_of(prefixed(bits, code)?, width);
            let from = start.checked_sub(back)?;
            let end = start.checked_add(count).filter(|&end| end <= length)?;
            (from..end - back).for_each(|at| pixels.push(pixels[at]));
        } else {
            pixels.push(*cache.get(symbol as usize - 256 - 24)?);
        }
        if cache_bits > 0 {
            for &pixel in &pixels[start..] {
                cache[(pixel.wrapping_mul(0x1e35_a7bd) >> (32 - cache_bits)) as usize] = pixel;
            }
        }
    }
    Some(pixels)
}

/// A length or a distance: a prefix, and bits that it asks for.
fn prefixed(bits: &mut Bits<'_>, prefix: u32) -> Option<u32> {
    if prefix < 4 {
        return Some(prefix + 1);
    }
    let extra = (prefix - 2) >> 1;
    let offset = (2 + (prefix & 1)) << extra;
    Some(offset + bits.read(extra)? + 1)
}

/// How many pixels a distance goes back in a picture of this width.
fn distance_of(code: u32, width: u32) -> usize {
    match NEAR.get(code as usize - 1) {
        None => code as usize - NEAR.len(),
        Some(&(left, up)) => (left + up * width as i32).max(1) as usize,
    }
}
