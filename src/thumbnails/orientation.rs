//! How a picture is to be turned before it is shown: the orientation tag of EXIF (2.32, 4.6.4 A,
//! tag 0x0112), which phones write instead of turning the picture.

use super::{Size, shrink::Small};

const ORIENTATION_TAG: u16 = 0x0112;
const SHORT: u16 = 3; // the TIFF type of 16-bit numbers

/// What turns the stored picture into the seen one: first across the diagonal from the top left
/// to the bottom right, then left and right, then top and bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    transposed: bool,
    mirrored: bool,
    upside_down: bool,
}

impl Orientation {
    /// Reads it from EXIF data, which begins with a TIFF header; what cannot be read is upright.
    pub fn of_exif(exif: Option<&[u8]>) -> Self {
        exif.and_then(tag_value)
            .map_or(Self::default(), Self::of_tag)
    }

    fn of_tag(value: u16) -> Self {
        let (transposed, mirrored, upside_down) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self {
            transposed,
            mirrored,
            upside_down,
        }
    }

    /// The picture as it is to be seen.
    pub fn turn(self, picture: Small) -> Small {
        if self == Self::default() {
            return picture;
        }
        let Size { width, height } = picture.size;
        let size = match self.transposed {
            true => Size {
                width: height,
                height: width,
            },
            false => picture.size,
        };
        let pixels = picture.rgba.as_chunks::<4>().0;
        let mut rgba = Vec::with_capacity(picture.rgba.len());
        for y in 0..size.height {
            for x in 0..size.width {
                let x = if self.mirrored { size.width - 1 - x } else { x };
                let y = if self.upside_down {
                    size.height - 1 - y
                } else {
                    y
                };
                let (x, y) = if self.transposed { (y, x) } else { (x, y) };
                rgba.extend(pixels[y as usize * width as usize + x as usize]);
            }
        }
        Small { size, rgba }
    }
}

/// The tag's value in the first directory of a TIFF.
fn tag_value(tiff: &[u8]) -> Option<u16> {
    let big_endian = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match big_endian {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    };
    let long = |at: usize| {
        let (first, second) = (usize::from(short(at)?), usize::from(short(at + 2)?));
        Some(match big_endian {
            true => first << 16 | second,
            false => second << 16 | first,
        })
    };
    let directory = long(4)?;
    (0..usize::from(short(directory)?))
        .map(|index| directory + 2 + 12 * index)
        .find(|&entry| short(entry) == Some(ORIENTATION_TAG))
        .filter(|&entry| short(entry + 2) == Some(SHORT))
        .and_then(|entry| short(entry + 8))
}
