//! JPEG. Its decoder holds the whole picture, and the coefficients of one that comes in several
//! scans; what that takes is known from the headers, which are walked through first.

mod segments;

use super::{
    NoThumbnail, ThumbnailSettings, begin,
    orientation::Orientation,
    pixel_buffer,
    shrink::{Layout, Small},
};
use segments::Outline;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// Shrinks a JPEG: baseline and progressive, in grey, YCbCr, RGB, CMYK or YCCK.
pub fn shrink(
    picture: &[u8],
    settings: &ThumbnailSettings,
) -> Result<(Small, Orientation), NoThumbnail> {
    let outline = segments::outline(picture)?;
    let mut shrink = begin(outline.size, held_per_pixel(&outline), settings)?;
    // Strict: a decoder that makes the best of what is missing makes it grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(segments::MOST_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    decoder.decode_headers().map_err(NoThumbnail::broken)?;
    let bytes = decoder.output_buffer_size().unwrap_or_default();
    let mut pixels = pixel_buffer(bytes);
    decoder
        .decode_into(&mut pixels)
        .map_err(NoThumbnail::broken)?;
    let all = shrink.push_rows(Layout::Rgb, &pixels);
    let small = all.then(|| shrink.finish()).flatten();
    let small = small.ok_or_else(|| NoThumbnail::broken("its rows are not those it promises"))?;
    let exif = decoder.exif().map(Vec::as_slice);
    Ok((small, Orientation::of_exif(exif)))
}

/// Three bytes of colour, and the coefficients of a picture that comes in several scans.
fn held_per_pixel(outline: &Outline) -> u64 {
    3 + match outline.in_one_scan {
        true => 0,
        false => outline.coefficient_bytes_per_pixel,
    }
}
