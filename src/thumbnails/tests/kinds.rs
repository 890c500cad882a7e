//! Every kind of PNG, JPEG and WebP that there is has a thumbnail with its colours.

use super::pictures::{
    Picture, jpeg_of, png_header, png_of, png_of_chunks, riff_chunks, stored, webp_data,
    webp_of_chunks,
};
use super::thumbnail;
use jpeg_encoder::{ColorType as JpegColor, SamplingFactor};
use png::{BitDepth, ColorType};

const SIDE: u32 = 96;

/// Rows of one byte sequence, repeated; `bits` per pixel.
fn rows(pixel: &[u8], bits: u32) -> Vec<u8> {
    let row = (SIDE * bits).div_ceil(8) as usize;
    pixel.repeat(row * SIDE as usize / pixel.len())
}

#[test]
fn every_colour_type_and_depth_of_png_is_read() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    let palette = [[250, 0, 0], [0, 250, 0], [10, 20, 200]].concat();
    for (color, depth, pixel, trns, expected) in [
        (Grayscale, One, vec![0xff], None, [255, 255, 255, 255]),
        (Grayscale, Two, vec![0xaa], None, [170, 170, 170, 255]),
        (Grayscale, Four, vec![0x88], None, [136, 136, 136, 255]),
        (Grayscale, Eight, vec![90], None, [90, 90, 90, 255]),
        (Grayscale, Sixteen, vec![90, 7], None, [90, 90, 90, 255]),
        (Grayscale, Eight, vec![90], Some(vec![0, 90]), [0, 0, 0, 0]),
        (
            GrayscaleAlpha,
            Eight,
            vec![90, 128],
            None,
            [90, 90, 90, 128],
        ),
        (
            GrayscaleAlpha,
            Sixteen,
            vec![90, 1, 128, 1],
            None,
            [90, 90, 90, 128],
        ),
        (Rgb, Eight, vec![200, 30, 60], None, [200, 30, 60, 255]),
        (
            Rgb,
            Sixteen,
            vec![200, 0, 30, 0, 60, 0],
            None,
            [200, 30, 60, 255],
        ),
        (
            Rgb,
            Eight,
            vec![1, 2, 3],
            Some(vec![0, 1, 0, 2, 0, 3]),
            [0, 0, 0, 0],
        ),
        (
            Rgba,
            Eight,
            vec![200, 30, 60, 128],
            None,
            [200, 30, 60, 128],
        ),
        (
            Rgba,
            Sixteen,
            vec![200, 0, 30, 0, 60, 0, 128, 0],
            None,
            [200, 30, 60, 128],
        ),
        (Indexed, One, vec![0xff], None, [0, 250, 0, 255]),
        (Indexed, Two, vec![0xaa], None, [10, 20, 200, 255]),
        (Indexed, Four, vec![0x22], None, [10, 20, 200, 255]),
        (Indexed, Eight, vec![2], None, [10, 20, 200, 255]),
        (Indexed, Eight, vec![0], Some(vec![128]), [250, 0, 0, 128]),
    ] {
        let bits = color.samples() as u32 * depth as u32;
        let file = png_of(SIDE, SIDE, color, depth, &rows(&pixel, bits), |encoder| {
            if color == Indexed {
                encoder.set_palette(palette.clone());
            }
            if let Some(trns) = &trns {
                encoder.set_trns(trns.clone());
            }
        });
        println!("{color:?} {depth:?} {trns:?}");
        thumbnail(&file).assert_near(30, 30, expected);
    }
}

/// Where each pass of an interlaced PNG begins, and its steps: Adam7.
const PASSES: [(usize, usize, usize, usize); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

#[test]
fn an_interlaced_png_is_put_together() {
    let picture = Picture::drawn(100, 50, |x, y| [x as u8 * 2, y as u8 * 5, 99, 255]);
    let mut data = Vec::new();
    for (left, top, across, down) in PASSES {
        for y in (top..50).step_by(down) {
            data.push(0); // no filter
            for x in (left..100).step_by(across) {
                data.extend(&picture.at(x as u32, y as u32)[..3]);
            }
        }
    }
    let file = png_of_chunks(&[
        (b"IHDR", png_header(100, 50, 8, 2, true)),
        (b"IDAT", stored(&data)),
        (b"IEND", vec![]),
    ]);
    let (straight, interlaced) = (thumbnail(&picture.png()), thumbnail(&file));
    assert_eq!((interlaced.width, interlaced.height), (64, 32));
    assert_eq!(interlaced, straight);
}

#[test]
fn every_colour_space_and_coding_of_jpeg_is_read() {
    let picture = Picture::plain(SIDE, SIDE, [200, 40, 90, 255]);
    for (sampling, progressive, own_tables) in [
        (SamplingFactor::F_1_1, false, false),
        (SamplingFactor::F_2_2, false, false),
        (SamplingFactor::F_2_1, false, true),
        (SamplingFactor::F_1_1, true, false),
        (SamplingFactor::F_2_2, true, false),
    ] {
        let file = picture.jpeg(|encoder| {
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.set_optimized_huffman_tables(own_tables);
        });
        println!("{sampling:?} {progressive} {own_tables}");
        thumbnail(&file).assert_near(30, 30, [200, 40, 90, 255]);
    }
    let side = SIDE as u16;
    for (color, sample, expected) in [
        (JpegColor::Luma, vec![120], [120, 120, 120, 255]),
        (JpegColor::Cmyk, vec![0, 255, 255, 0], [255, 0, 0, 255]),
        (
            JpegColor::CmykAsYcck,
            vec![255, 0, 255, 0],
            [0, 255, 0, 255],
        ),
        (
            JpegColor::CmykAsYcck,
            vec![0, 0, 0, 128],
            [127, 127, 127, 255],
        ),
    ] {
        let samples = sample.repeat(usize::from(side) * usize::from(side));
        let file = jpeg_of(side, side, color, &samples, |_| {});
        println!("{color:?} {sample:?}");
        thumbnail(&file).assert_near(30, 30, expected);
    }
}

#[test]
fn lossy_and_lossless_webp_is_read_with_and_without_alpha() {
    let half = Picture::plain(SIDE, SIDE, [200, 40, 90, 128]);
    let full = Picture::plain(SIDE, SIDE, [200, 40, 90, 255]);
    for (picture, alpha) in [(half, 128), (full, 255)] {
        for file in [picture.lossy_webp(), picture.lossless_webp()] {
            thumbnail(&file).assert_near(30, 30, [200, 40, 90, alpha]);
        }
    }
    // Our own encoder for demo pictures, and many codes in one picture.
    let photo = Picture::photo(300, 200);
    let mut file = Vec::new();
    image_webp::WebPEncoder::new(&mut file)
        .encode(&photo.rgb(), 300, 200, image_webp::ColorType::Rgb8)
        .unwrap();
    let expected = thumbnail(&photo.png());
    assert_eq!(thumbnail(&file), expected);
    assert_eq!(thumbnail(&photo.lossless_webp()), expected);
}

#[test]
fn of_an_animation_the_first_frame_is_shown() {
    let frame = |color: [u8; 4]| {
        let picture = Picture::plain(SIDE, SIDE, color).lossless_webp();
        let chunk = riff_chunks(&[(b"VP8L", webp_data(&picture))]);
        [&[0; 6][..], &[95, 0, 0, 95, 0, 0], &[100, 0, 0, 0], &chunk].concat()
    };
    let file = webp_of_chunks(&[
        (b"VP8X", vec![2, 0, 0, 0, 95, 0, 0, 95, 0, 0]),
        (b"ANIM", vec![0; 6]),
        (b"ANMF", frame([200, 0, 0, 255])),
        (b"ANMF", frame([0, 200, 0, 255])),
    ]);
    thumbnail(&file).assert_near(30, 30, [200, 0, 0, 255]);
}
