//! The finished picture as a file: PNG, JPEG or lossless WebP, in memory.

use super::canvas::Canvas;
use jpeg_encoder::ColorType as JpegColour;
use png::{BitDepth, ColorType as PngColour, Compression};

/// The format of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeAs {
    /// Lossless, quickly compressed.
    Png,
    /// Baseline JPEG.
    Jpeg {
        /// 0 (smallest) to 100 (best); what is beyond is taken as the nearest.
        quality: u8,
    },
    /// Lossless WebP.
    Webp,
}

/// Why a picture could not be encoded; only a picture too large for the format is a cause.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The PNG encoder refused.
    #[error("encode the picture as PNG")]
    Png(#[from] png::EncodingError),
    /// The JPEG encoder refused.
    #[error("encode the picture as JPEG")]
    Jpeg(#[from] jpeg_encoder::EncodingError),
    /// The WebP encoder refused.
    #[error("encode the picture as WebP")]
    Webp(#[from] image_webp::EncodingError),
    /// JPEG's sides are 16-bit numbers.
    #[error("a JPEG cannot be {width} by {height} pixels")]
    TooLarge {
        /// The width in pixels.
        width: u32,
        /// The height in pixels.
        height: u32,
    },
}

/// The bytes of a file that holds the picture.
pub fn encode(canvas: &Canvas, format: EncodeAs) -> Result<Vec<u8>, EncodeError> {
    match format {
        EncodeAs::Png => encode_png(canvas),
        EncodeAs::Jpeg { quality } => encode_jpeg(canvas, quality),
        EncodeAs::Webp => encode_webp(canvas),
    }
}

fn encode_png(canvas: &Canvas) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::with_capacity(canvas.pixels().len() / 2);
    let mut encoder = png::Encoder::new(&mut file, canvas.width(), canvas.height());
    encoder.set_color(PngColour::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(canvas.pixels())?;
    writer.finish()?;
    Ok(file)
}

fn encode_jpeg(canvas: &Canvas, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = (canvas.width(), canvas.height());
    let (Ok(columns), Ok(rows)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(EncodeError::TooLarge { width, height });
    };
    let mut file = Vec::with_capacity(canvas.pixels().len() / 8);
    // The encoder's own scale starts at 1.
    let encoder = jpeg_encoder::Encoder::new(&mut file, quality.clamp(1, 100));
    encoder.encode(canvas.pixels(), columns, rows, JpegColour::Rgb)?;
    Ok(file)
}

fn encode_webp(canvas: &Canvas) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::with_capacity(canvas.pixels().len() / 2);
    let encoder = image_webp::WebPEncoder::new(&mut file);
    let colour = image_webp::ColorType::Rgb8;
    encoder.encode(canvas.pixels(), canvas.width(), canvas.height(), colour)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{Canvas, EncodeAs, EncodeError, encode};
    use std::io::Cursor;

    fn sample(width: u32, height: u32) -> Canvas {
        let mut canvas = Canvas::new(width, height);
        for (row, bytes) in canvas.rows_mut().enumerate() {
            for (column, byte) in bytes.iter_mut().enumerate() {
                *byte = (row * 7 + column * 3) as u8;
            }
        }
        canvas
    }

    #[test]
    fn a_png_decodes_to_the_same_pixels() {
        let canvas = sample(97, 31);
        let file = encode(&canvas, EncodeAs::Png).expect("a small picture");
        let mut reader = png::Decoder::new(Cursor::new(file))
            .read_info()
            .expect("a PNG header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small size")];
        let info = reader.next_frame(&mut pixels).expect("PNG data");
        assert_eq!((info.width, info.height), (97, 31));
        assert_eq!(pixels, canvas.pixels());
    }

    #[test]
    fn a_webp_decodes_to_the_same_pixels() {
        let canvas = sample(97, 31);
        let file = encode(&canvas, EncodeAs::Webp).expect("a small picture");
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).expect("a WebP header");
        assert_eq!(decoder.dimensions(), (97, 31));
        let mut pixels = vec![0; decoder.output_buffer_size().expect("a small size")];
        decoder.read_image(&mut pixels).expect("WebP data");
        assert_eq!(pixels, canvas.pixels());
    }

    #[test]
    fn a_jpeg_names_its_size_and_grows_with_its_quality() {
        let canvas = sample(97, 31);
        let mut sizes = Vec::new();
        for quality in [0, 50, 100, 255] {
            let file = encode(&canvas, EncodeAs::Jpeg { quality }).expect("a small picture");
            assert_eq!(file[..3], [0xff, 0xd8, 0xff]);
            assert_eq!(file[file.len() - 2..], [0xff, 0xd9]);
            assert_eq!(start_of_frame(&file), Some((97, 31)));
            sizes.push(file.len());
        }
        assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2]);
        assert_eq!(sizes[2], sizes[3]);
    }

    #[test]
    fn a_picture_too_long_for_jpeg_is_an_error() {
        let canvas = Canvas::new(70_000, 1);
        let refused = encode(&canvas, EncodeAs::Jpeg { quality: 80 });
        assert!(matches!(refused, Err(EncodeError::TooLarge { .. })));
    }

    /// The width and height in a baseline JPEG's SOF0 segment.
    fn start_of_frame(file: &[u8]) -> Option<(u16, u16)> {
        let mut place = 2;
        loop {
            let segment = file.get(place..place + 9)?;
            if segment[1] == 0xc0 {
                let number = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
                return Some((number(7), number(5)));
            }
            place += 2 + usize::from(u16::from_be_bytes([segment[2], segment[3]]));
        }
    }
}
