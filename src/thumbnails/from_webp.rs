//! WebP. Its decoder holds the whole picture and believes what a file says of itself, so that it
//! gets a file of ours that holds just the one picture whose size was checked.

mod chunks;
mod lossless;

use super::{
    MOST_HELD_BYTES, NoThumbnail, ThumbnailSettings, begin,
    orientation::Orientation,
    pixel_buffer,
    shrink::{Layout, Small},
};
use chunks::{Frame, Pixels};
use image_webp::WebPDecoder;
use std::io::Cursor;

/// What the tables of a lossless picture may take. Encoders make a few hundred of some kilobytes;
/// a file of some megabytes can ask for more than a gigabyte of them.
const MOST_TABLE_BYTES: usize = 16 << 20;

/// Shrinks a WebP, lossy or lossless; of an animation the first frame, without what it leaves of
/// the canvas around it.
pub fn shrink(
    picture: &[u8],
    settings: &ThumbnailSettings,
) -> Result<(Small, Orientation), NoThumbnail> {
    let file = chunks::read(picture)?;
    let mut shrink = begin(file.frame.size, held_per_pixel(&file.frame), settings)?;
    check_bytes(&file.frame)?;
    check_tables(&file.frame)?;
    let (layout, pixels) = decode(file.frame)?;
    let all = shrink.push_rows(layout, &pixels);
    let small = all.then(|| shrink.finish()).flatten();
    let small = small.ok_or_else(|| NoThumbnail::broken("its rows are not those it promises"))?;
    Ok((small, Orientation::of_exif(file.exif)))
}

/// What the decoder takes at once. Lossy: luma, a quarter of each chroma, and the colours; with
/// alpha, four bytes and one to read it. Lossless: four bytes, and up to half as much for what the
/// transforms and the choice of codes know of each block.
fn held_per_pixel(frame: &Frame<'_>) -> u64 {
    match (&frame.pixels, frame.alpha) {
        (Pixels::Lossy(_), None) => 5,
        (Pixels::Lossy(_), Some(_)) => 11,
        (Pixels::Lossless(_), _) => 6,
    }
}

/// The decoder copies lossy data three times; that of an honest picture is far smaller than it.
fn check_bytes(frame: &Frame<'_>) -> Result<(), NoThumbnail> {
    let Pixels::Lossy(data) = frame.pixels else {
        return Ok(());
    };
    let pixels = u64::from(frame.size.width) * u64::from(frame.size.height);
    let held = pixels * held_per_pixel(frame) + 3 * data.len() as u64;
    match held > MOST_HELD_BYTES {
        true => Err(NoThumbnail::TooMuch { of: "lossy data" }),
        false => Ok(()),
    }
}

/// The one thing whose size no header tells: how many codes a lossless picture, or the alpha of a
/// lossy one, is coded with.
fn check_tables(frame: &Frame<'_>) -> Result<(), NoThumbnail> {
    let bytes = match (&frame.pixels, frame.alpha) {
        (Pixels::Lossless(data), _) => {
            let header = chunks::LOSSLESS_HEADER_BYTES;
            lossless::table_bytes(data.get(header..).unwrap_or_default(), frame.size)
        }
        // Its lowest two bits say whether it is coded or plain.
        (Pixels::Lossy(_), Some([first, coded @ ..])) if first & 3 == 1 => {
            lossless::table_bytes(coded, frame.size)
        }
        (Pixels::Lossy(_), _) => Some(0),
    };
    match bytes {
        None => Err(NoThumbnail::broken("its codes cannot be read")),
        Some(bytes) if bytes > MOST_TABLE_BYTES => Err(NoThumbnail::TooMuch { of: "codes" }),
        Some(_) => Ok(()),
    }
}

fn decode(frame: Frame<'_>) -> Result<(Layout, Vec<u8>), NoThumbnail> {
    let (size, opaque) = (frame.size, frame.is_opaque());
    let file = frame.into_file();
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(NoThumbnail::broken)?;
    let layout = match decoder.has_alpha() {
        true => Layout::Rgba,
        false => Layout::Rgb,
    };
    let length = size.width as usize * size.height as usize * layout.channels();
    if decoder.output_buffer_size() != Some(length) {
        return Err(NoThumbnail::broken("its headers do not agree"));
    }
    let mut pixels = pixel_buffer(length);
    decoder
        .read_image(&mut pixels)
        .map_err(NoThumbnail::broken)?;
    if layout == Layout::Rgba && opaque {
        let pixels = pixels.as_chunks_mut::<4>().0;
        pixels.iter_mut().for_each(|pixel| pixel[3] = u8::MAX);
    }
    Ok((layout, pixels))
}
