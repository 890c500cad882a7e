//! Pictures for answers: true PNG files, one small, one of any size in bytes.

use bytes::Bytes;
use png::{BitDepth, ColorType, Encoder, chunk::ChunkType};

/// An ancillary, private, safe-to-copy chunk: every decoder skips it.
const PADDING_CHUNK: ChunkType = ChunkType(*b"viSn");

/// The bytes that a chunk has beside its data: length, type, checksum.
const CHUNK_OVERHEAD_BYTES: usize = 12;

/// A PNG of 16 by 16 pixels, below 1 KB.
pub fn small_png() -> Bytes {
    encode(16, 16, None)
}

/// A PNG of these dimensions in pixels: a colour gradient.
pub fn png(width: u32, height: u32) -> Bytes {
    encode(width, height, None)
}

/// A PNG of these dimensions that has exactly `size_bytes`: the gradient, and before it a private
/// chunk of noise that no compression makes smaller. Never less than the gradient needs.
pub fn padded_png(width: u32, height: u32, size_bytes: usize) -> Bytes {
    let picture = encode(width, height, None);
    match size_bytes.checked_sub(picture.len() + CHUNK_OVERHEAD_BYTES) {
        Some(padding_bytes) => encode(width, height, Some(noise(padding_bytes))),
        None => picture,
    }
}

/// A stored picture as its maker gave it: without the texts that the gallery puts behind a PNG's
/// header. All other bytes stay.
pub fn without_texts(stored: &[u8]) -> Bytes {
    const HEADER_END: usize = 33; // signature and IHDR
    if content_type(stored) != "image/png" || stored.len() < HEADER_END {
        return Bytes::copy_from_slice(stored);
    }
    let (header, mut rest) = stored.split_at(HEADER_END);
    while rest.get(4..8) == Some(b"iTXt") {
        let data_bytes = u32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[CHUNK_OVERHEAD_BYTES + data_bytes as usize..];
    }
    [header, rest].concat().into()
}

/// The content type that the first bytes stand for; `application/octet-stream` for others.
pub fn content_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "image/webp",
        _ => "application/octet-stream",
    }
}

/// Width and height in pixels, when the bytes begin like a PNG.
pub fn png_dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    if content_type(bytes) != "image/png" {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

fn encode(width: u32, height: u32, padding: Option<Vec<u8>>) -> Bytes {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    if let Some(padding) = padding {
        writer.write_chunk(PADDING_CHUNK, &padding).unwrap();
    }
    writer.write_image_data(&gradient(width, height)).unwrap();
    writer.finish().unwrap();
    file.into()
}

fn gradient(width: u32, height: u32) -> Vec<u8> {
    let shade = |at: u32, of: u32| u8::try_from(at * 255 / of.max(1)).unwrap_or(u8::MAX);
    let rows = (0..height).map(|y| shade(y, height));
    rows.flat_map(|down| (0..width).flat_map(move |x| [shade(x, width), down, 128]))
        .collect()
}

/// Marsaglia's xorshift: the same bytes in every run, and nothing that a compressor can use.
fn noise(size_bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(size_bytes + 8);
    while bytes.len() < size_bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size_bytes);
    bytes
}
