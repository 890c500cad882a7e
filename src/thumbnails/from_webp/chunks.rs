//! The chunks of a WebP file (RFC 9649, section 2): which hold its picture, or the first of an
//! animation, and how large that is by its own header.

use super::super::{NoThumbnail, shrink::Size};

/// The signature, and 32 bits with the sides, an alpha flag and the version.
pub const LOSSLESS_HEADER_BYTES: usize = 5;

/// A chunk's name and length.
const CHUNK_HEADER_BYTES: usize = 8;

/// What an animation's frame says of itself before its chunks: place, size, duration, flags.
const FRAME_HEADER_BYTES: usize = 16;

/// The flag of the extended header that says that there is alpha (section 2.7.1).
const HAS_ALPHA: u8 = 0b0001_0000;

/// The flag in the last byte of the lossless header that says that there is alpha.
const LOSSLESS_ALPHA: u8 = 0b0001_0000;

/// A file taken apart.
pub struct File<'a> {
    pub frame: Frame<'a>,
    pub exif: Option<&'a [u8]>,
}

/// One picture.
pub struct Frame<'a> {
    pub size: Size,
    pub pixels: Pixels<'a>,
    /// What a lossy picture has of transparency, apart from its colours.
    pub alpha: Option<&'a [u8]>,
}

/// A picture's data.
pub enum Pixels<'a> {
    Lossy(&'a [u8]),
    Lossless(&'a [u8]),
}

/// Finds the first picture of a file.
pub fn read(picture: &[u8]) -> Result<File<'_>, NoThumbnail> {
    let (mut alpha, mut exif, mut found) = (None, None, None);
    for (name, data) in Chunks::of(picture.get(12..).unwrap_or_default()) {
        match name {
            b"ALPH" => alpha = alpha.or(Some(data)),
            b"EXIF" => exif = exif.or(Some(data)),
            b"ANMF" if found.is_none() => {
                found = Some(frame_of_animation(data.get(FRAME_HEADER_BYTES..))?);
            }
            _ if found.is_none() => found = frame(name, data, alpha)?,
            _ => {}
        }
    }
    let frame = found.ok_or_else(|| NoThumbnail::broken("it holds no picture, or ends early"))?;
    Ok(File { frame, exif })
}

fn frame_of_animation(chunks: Option<&[u8]>) -> Result<Frame<'_>, NoThumbnail> {
    let mut alpha = None;
    for (name, data) in Chunks::of(chunks.unwrap_or_default()) {
        if name == b"ALPH" {
            alpha = Some(data);
        } else if let Some(frame) = frame(name, data, alpha)? {
            return Ok(frame);
        }
    }
    Err(NoThumbnail::broken("its first frame is missing"))
}

/// A picture, when the chunk holds one.
fn frame<'a>(
    name: &[u8; 4],
    data: &'a [u8],
    alpha: Option<&'a [u8]>,
) -> Result<Option<Frame<'a>>, NoThumbnail> {
    let (size, pixels, alpha) = match name {
        b"VP8 " => (lossy_size(data), Pixels::Lossy(data), alpha),
        b"VP8L" => (lossless_size(data), Pixels::Lossless(data), None),
        _ => return Ok(None),
    };
    let size = size.ok_or_else(|| NoThumbnail::broken("its picture has no header"))?;
    Ok(Some(Frame {
        size,
        pixels,
        alpha,
    }))
}

/// The sides in the header of a key frame (RFC 6386, section 9.1).
fn lossy_size(data: &[u8]) -> Option<Size> {
    let is_key_frame = data.first()? & 1 == 0;
    if !is_key_frame || data.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let side = |at: usize| {
        let bytes = data.get(at..at + 2)?.try_into().ok()?;
        Some(u32::from(u16::from_le_bytes(bytes) & 0x3fff))
    };
    Some(Size {
        width: side(6)?,
        height: side(8)?,
    })
}

/// The sides in the header of a lossless picture (RFC 9649, section 3.4).
fn lossless_size(data: &[u8]) -> Option<Size> {
    let (&signature, header) = data.get(..LOSSLESS_HEADER_BYTES)?.split_first()?;
    let header = u32::from_le_bytes(header.try_into().ok()?);
    (signature == 0x2f).then_some(Size {
        width: (header & 0x3fff) + 1,
        height: (header >> 14 & 0x3fff) + 1,
    })
}

impl Frame<'_> {
    /// Whether the alpha that decoding may give means nothing.
    pub fn is_opaque(&self) -> bool {
        match self.pixels {
            Pixels::Lossy(_) => self.alpha.is_none(),
            Pixels::Lossless(data) => data[LOSSLESS_HEADER_BYTES - 1] & LOSSLESS_ALPHA == 0,
        }
    }

    /// A file of just this picture. A lossless one says that it has alpha: without, the decoder
    /// would hold it twice.
    pub fn into_file(self) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        if let Some(alpha) = self.alpha {
            let mut header = vec![HAS_ALPHA, 0, 0, 0];
            for side in [self.size.width, self.size.height] {
                header.extend(&(side - 1).to_le_bytes()[..3]);
            }
            push_chunk(&mut file, b"VP8X", &header);
            push_chunk(&mut file, b"ALPH", alpha);
        }
        match self.pixels {
            Pixels::Lossy(data) => push_chunk(&mut file, b"VP8 ", data),
            Pixels::Lossless(data) => {
                let start = file.len() + CHUNK_HEADER_BYTES;
                push_chunk(&mut file, b"VP8L", data);
                file[start + LOSSLESS_HEADER_BYTES - 1] |= LOSSLESS_ALPHA;
            }
        }
        let length = u32::try_from(file.len() - CHUNK_HEADER_BYTES).unwrap_or(u32::MAX);
        file[4..8].copy_from_slice(&length.to_le_bytes());
        file
    }
}

fn push_chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.reserve(CHUNK_HEADER_BYTES + data.len() + 1);
    file.extend(name);
    file.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    file.extend(data);
    if data.len() % 2 == 1 {
        file.push(0);
    }
}

/// Chunk after chunk; one that is not there to its end is not given.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let data = rest.get(..length)?;
        self.rest = rest.get(length + length % 2..).unwrap_or_default();
        Some((name, data))
    }
}
