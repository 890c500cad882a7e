//! PNG, read row by row: what is held does not grow with the picture. Only an interlaced one is
//! held as a whole.

use super::{
    NoThumbnail, ThumbnailSettings, begin,
    orientation::Orientation,
    pixel_buffer,
    shrink::{Layout, Shrink, Size, Small},
};
use png::{ColorType, Decoder, Limits, Reader, Transformations};
use std::io::Cursor;

/// What the decoder may keep of chunks that are not pixels. A palette has 768 bytes; texts and
/// profiles, which may be compressed a thousandfold, are passed over.
const MOST_CHUNK_BYTES: usize = 1 << 20;

type PngReader<'a> = Reader<Cursor<&'a [u8]>>;

/// Shrinks a PNG; of an animated one the picture that others than browsers show.
pub fn shrink(
    picture: &[u8],
    settings: &ThumbnailSettings,
) -> Result<(Small, Orientation), NoThumbnail> {
    let limits = Limits {
        bytes: MOST_CHUNK_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(picture), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and few bits become eight bits a channel, sixteen lose half, tRNS becomes alpha.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(NoThumbnail::broken)?;
    let interlaced = header.interlaced;
    let size = Size {
        width: header.width,
        height: header.height,
    };
    // Held whole it has a byte for each channel; a palette has up to four.
    let held_per_pixel = match (interlaced, header.color_type) {
        (false, _) => 0,
        (true, ColorType::Grayscale | ColorType::GrayscaleAlpha) => 2,
        (true, _) => 4,
    };
    let shrink = begin(size, held_per_pixel, settings)?;
    let reader = decoder.read_info().map_err(NoThumbnail::broken)?;
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = Orientation::of_exif(exif);
    let small = match interlaced {
        true => shrink_whole(reader, shrink),
        false => shrink_rows(reader, shrink),
    };
    Ok((small?, orientation))
}

fn shrink_rows(mut reader: PngReader<'_>, mut shrink: Shrink) -> Result<Small, NoThumbnail> {
    let layout = layout(&reader)?;
    while let Some(row) = reader.next_row().map_err(NoThumbnail::broken)? {
        if !shrink.push_row(layout, row.data()) {
            return Err(NoThumbnail::broken("its rows have another length"));
        }
    }
    shrink.finish().ok_or_else(too_few_rows)
}

fn shrink_whole(mut reader: PngReader<'_>, mut shrink: Shrink) -> Result<Small, NoThumbnail> {
    let layout = layout(&reader)?;
    let size = shrink.source();
    let length = size.width as usize * size.height as usize * layout.channels();
    if reader.output_buffer_size() != Some(length) {
        return Err(NoThumbnail::broken("its frame has another size"));
    }
    let mut pixels = pixel_buffer(length);
    reader
        .next_frame(&mut pixels)
        .map_err(NoThumbnail::broken)?;
    let all = shrink.push_rows(layout, &pixels);
    all.then(|| shrink.finish())
        .flatten()
        .ok_or_else(too_few_rows)
}

fn too_few_rows() -> NoThumbnail {
    NoThumbnail::broken("it has too few rows")
}

fn layout(reader: &PngReader<'_>) -> Result<Layout, NoThumbnail> {
    match reader.output_color_type().0 {
        ColorType::Grayscale => Ok(Layout::Gray),
        ColorType::GrayscaleAlpha => Ok(Layout::GrayAlpha),
        ColorType::Rgb => Ok(Layout::Rgb),
        ColorType::Rgba => Ok(Layout::Rgba),
        ColorType::Indexed => Err(NoThumbnail::broken("its palette was not applied")),
    }
}
