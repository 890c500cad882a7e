//! Small pictures as WebP. Lossy, for a lossless one of a photo is ten times as long; libwebp,
//! since the encoders in Rust are lossless only, new, or under a licence that would bind us.

use super::{NoThumbnail, Size, shrink::Small};
use bytes::Bytes;

/// Of a hundred: at this quality a thumbnail shows no blocks and has some 5 to 60 KB.
const QUALITY: f32 = 78.0;

/// The side of the placeholder, that of a thumbnail.
const PLACEHOLDER_SIDE: u32 = 512;

/// Light grey, easy on both dark and light pages.
const PLACEHOLDER_PIXEL: [u8; 4] = [0xc4, 0xc6, 0xca, 0xff];

/// Encodes a picture; its alpha is kept without loss, and left out where there is none.
pub fn webp(picture: &Small) -> Result<Bytes, NoThumbnail> {
    let Size { width, height } = picture.size;
    let encoder = webp::Encoder::from_rgba(&picture.rgba, width, height);
    let encoded = encoder
        .encode_simple(false, QUALITY)
        .map_err(|error| NoThumbnail::Broken(format!("the encoder says {error:?}")))?;
    Ok(Bytes::copy_from_slice(&encoded))
}

/// A plain picture.
pub fn placeholder() -> Bytes {
    let size = Size {
        width: PLACEHOLDER_SIDE,
        height: PLACEHOLDER_SIDE,
    };
    let pixels = PLACEHOLDER_SIDE as usize * PLACEHOLDER_SIDE as usize;
    let plain = webp(&Small {
        size,
        rgba: PLACEHOLDER_PIXEL.repeat(pixels),
    });
    #[allow(
        clippy::expect_used,
        reason = "the same picture each time, and a test makes it"
    )]
    plain.expect("a plain picture can be encoded")
}
