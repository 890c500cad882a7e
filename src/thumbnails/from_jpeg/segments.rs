//! A walk along a JPEG's markers (ITU T.81, annex B) without decoding it: how large it is, how it
//! is coded, and whether it ends.

use super::super::{NoThumbnail, shrink::Size};

/// Each scan goes over the whole picture and may be a few bytes long, so that a short file could
/// keep a core busy for hours; encoders make some ten, and those that try out orders some fifty.
pub const MOST_SCANS: usize = 100;

/// Segments, and bytes in those that hold no picture: the decoder keeps copies of them, and sorts
/// some of them each time one comes. A profile, a preview and a depth map fit.
const MOST_SEGMENTS: usize = 2048;
const MOST_APPLICATION_BYTES: usize = 8 << 20;

const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// What a JPEG says of itself.
#[derive(Debug)]
pub struct Outline {
    pub size: Size,
    /// What the coefficients of all components take for each pixel, two bytes each and fewer of
    /// them where colour is subsampled.
    pub coefficient_bytes_per_pixel: u64,
    /// Whether one scan brings all components, so that rows are finished one after the other.
    pub in_one_scan: bool,
}

/// A frame header.
struct Frame {
    size: Size,
    components: u8,
    coefficient_bytes_per_pixel: u64,
    progressive: bool,
}

/// Reads a JPEG's outline.
pub fn outline(picture: &[u8]) -> Result<Outline, NoThumbnail> {
    let mut walk = Walk {
        rest: picture.get(2..).unwrap_or_default(),
    };
    let (mut frame, mut scans, mut application_bytes) = (None, 0, 0);
    let mut first_scan_components = 0;
    for _ in 0..MOST_SEGMENTS {
        let marker = walk.marker().ok_or_else(ends_early)?;
        if marker == END_OF_IMAGE {
            let frame: Frame = frame.ok_or_else(|| NoThumbnail::broken("it has no frame"))?;
            return Ok(Outline {
                size: frame.size,
                coefficient_bytes_per_pixel: frame.coefficient_bytes_per_pixel,
                in_one_scan: !frame.progressive && first_scan_components >= frame.components,
            });
        }
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue; // these have no length
        }
        let segment = walk.segment().ok_or_else(ends_early)?;
        match marker {
            0xc4 | 0xc8 | 0xcc => {} // tables among the frame headers' numbers
            0xc0..=0xcf if frame.is_some() => return Err(NoThumbnail::broken("it has two frames")),
            0xc0..=0xcf => frame = Some(frame_header(marker, segment).ok_or_else(ends_early)?),
            0xe0..=0xef | 0xfe => application_bytes += segment.len(),
            START_OF_SCAN => {
                if scans == 0 {
                    first_scan_components = segment.first().copied().unwrap_or_default();
                }
                scans += 1;
            }
            _ => {}
        }
        if scans > MOST_SCANS {
            return Err(NoThumbnail::TooMuch { of: "scans" });
        }
        if application_bytes > MOST_APPLICATION_BYTES {
            return Err(NoThumbnail::TooMuch { of: "metadata" });
        }
    }
    Err(NoThumbnail::TooMuch { of: "segments" })
}

fn ends_early() -> NoThumbnail {
    NoThumbnail::broken("it ends early")
}

fn frame_header(marker: u8, segment: &[u8]) -> Option<Frame> {
    let side = |at: usize| {
        Some(u16::from_be_bytes(
            segment.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let components = *segment.get(5)?;
    let factors = segment.get(6..6 + 3 * usize::from(components))?;
    let factors = factors.chunks_exact(3).map(|component| {
        let (across, down) = (component[1] >> 4, component[1] & 15);
        u64::from(across) * u64::from(down)
    });
    let (all, most) = factors.fold((0, 1), |(all, most), n| (all + n, n.max(most)));
    Some(Frame {
        size: Size {
            width: side(3)?.into(),
            height: side(1)?.into(),
        },
        components,
        coefficient_bytes_per_pixel: (2 * all).div_ceil(most),
        progressive: marker == 0xc2,
    })
}

/// What is still to be walked.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// The next marker. In coded data 0xff is followed by 0 or is a restart; before a marker it
    /// may be repeated.
    fn marker(&mut self) -> Option<u8> {
        loop {
            let at = memchr::memchr(0xff, self.rest)?;
            let after = *self.rest.get(at + 1)?;
            match after {
                0x00 | 0xd0..=0xd7 => self.rest = &self.rest[at + 2..],
                0xff => self.rest = &self.rest[at + 1..],
                marker => {
                    self.rest = &self.rest[at + 2..];
                    return Some(marker);
                }
            }
        }
    }

    /// What follows a marker, behind its length.
    fn segment(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.rest.get(..2)?.try_into().ok()?);
        let segment = self.rest.get(2..usize::from(length))?;
        self.rest = &self.rest[usize::from(length)..];
        Some(segment)
    }
}
