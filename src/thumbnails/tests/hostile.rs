//! Files that want more than they may have, that end early or that are something else: each ends
//! soon with an error, and none with a panic.

use super::pictures::{
    Picture, png_header, png_of, png_of_chunks, riff_chunks, stored, webp_data, webp_of_chunks,
};
use super::{NoThumbnail, SMALL, make_now};
use std::time::{Duration, Instant};

fn png_claiming(width: u32, height: u32, interlaced: bool) -> Vec<u8> {
    png_of_chunks(&[
        (b"IHDR", png_header(width, height, 8, 6, interlaced)),
        (b"IDAT", stored(&[0; 60_000])),
        (b"IEND", vec![]),
    ])
}

/// A lossy picture's data whose header claims another size.
fn lossy_claiming(side: u16) -> Vec<u8> {
    let mut data = webp_data(&Picture::plain(16, 16, [9, 9, 9, 255]).lossy_webp());
    data[6..8].copy_from_slice(&side.to_le_bytes());
    data[8..10].copy_from_slice(&side.to_le_bytes());
    data
}

fn lossless_claiming(side: u32) -> Vec<u8> {
    let header = (side - 1) | (side - 1) << 14;
    [&[0x2f][..], &header.to_le_bytes(), &[0; 100]].concat()
}

fn lossy_and_extended(canvas: u8) -> Vec<(&'static [u8; 4], Vec<u8>)> {
    let header = vec![0, 0, 0, 0, canvas, 0, 0, canvas, 0, 0];
    vec![(b"VP8X", header), (b"VP8 ", lossy_claiming(16_383))]
}

fn animation_claiming(side: u32) -> Vec<u8> {
    let chunk = riff_chunks(&[(b"VP8L", lossless_claiming(side))]);
    webp_of_chunks(&[
        (b"VP8X", vec![2, 0, 0, 0, 15, 0, 0, 15, 0, 0]),
        (b"ANIM", vec![0; 6]),
        (b"ANMF", [&[0; 16][..], &chunk].concat()),
    ])
}

/// A JPEG with something behind its first marker.
fn jpeg_with(segments: &[u8]) -> Vec<u8> {
    let jpeg = Picture::plain(16, 16, [9, 9, 9, 255]).jpeg(|_| {});
    [&jpeg[..2], segments, &jpeg[2..]].concat()
}

/// A progressive JPEG whose last scan comes again and again.
fn jpeg_of_many_scans() -> Vec<u8> {
    let jpeg = Picture::plain(16, 16, [9, 9, 9, 255]).jpeg(|encoder| encoder.set_progressive(true));
    let last = (0..jpeg.len())
        .rev()
        .find(|&at| jpeg[at..].starts_with(&[0xff, 0xda]))
        .unwrap();
    let scan = &jpeg[last..jpeg.len() - 2];
    [&jpeg[..last], &scan.repeat(200), &[0xff, 0xd9]].concat()
}

fn jpeg_claiming(side: u16) -> Vec<u8> {
    let mut jpeg = Picture::plain(16, 16, [9, 9, 9, 255]).jpeg(|_| {});
    let frame = (0..jpeg.len())
        .find(|&at| jpeg[at..].starts_with(&[0xff, 0xc0]))
        .unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
    jpeg
}

/// Bits, the first the lowest of its byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.held.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.held % 8);
            self.held += 1;
        }
    }

    /// A code of one symbol.
    fn push_single(&mut self, symbol: u32) {
        self.push(0b101, 3); // simple, one symbol, of eight bits
        self.push(symbol, 8);
    }

    /// A code of eleven symbols up to ten bits long, which takes a table of 4 KiB.
    fn push_long(&mut self) {
        self.push(0, 1);
        // Codes of four bits for the lengths 1 to 10, and of three for 0 and 11 more: complete.
        self.push(15, 4);
        for length in [
            17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ] {
            self.push(if length < 16 { 4 } else { 0 }, 3);
        }
        self.push(1, 1); // so many lengths follow: eleven
        self.push(1, 3);
        self.push(9, 4);
        for length in (1..=10_u32).chain([10]) {
            self.push(length.reverse_bits() >> 28, 4);
        }
    }
}

/// A lossless picture of 4x4 pixels that wants 65,536 groups of codes, each of 20 KiB.
fn lossless_of_many_codes(groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0, 2); // no transform, no cache
    bits.push(1, 1); // blocks choose their codes
    bits.push(0, 3); // blocks of four pixels
    bits.push(0, 1); // no cache for what they choose
    let chosen = groups - 1;
    for symbol in [chosen & 0xff, chosen >> 8, 0, 0, 0] {
        bits.push_single(symbol);
    }
    for _ in 0..groups {
        (0..5).for_each(|_| bits.push_long());
    }
    let header = 3_u32 | 3 << 14;
    [&[0x2f][..], &header.to_le_bytes(), &bits.bytes, &[0; 64]].concat()
}

const MOST_BYTES: usize = SMALL.most_encoded_bytes;

#[test]
fn hostile_files_end_soon_with_an_error() {
    let too_many = |side| NoThumbnail::TooManyPixels {
        width: side,
        height: side,
        most: SMALL.most_pixels,
    };
    let broken = NoThumbnail::Broken(String::new());
    let too_much = |of| NoThumbnail::TooMuch { of };
    let plain = Picture::plain(40, 40, [9, 9, 9, 255]);
    let scattered: Vec<u8> = [0xff, 0xe5, 0, 2].repeat(3000);
    let application = [&[0xff, 0xe5, 0xff, 0xff][..], &[0; 65_533]].concat();
    let webp = |data| webp_of_chunks(&[(b"VP8L", data)]);
    for (reason, file, expected) in [
        ("empty", vec![], NoThumbnail::NotAPicture),
        ("text", b"Dear all,".to_vec(), NoThumbnail::NotAPicture),
        (
            "an SVG",
            b"<svg xmlns='x'></svg>".to_vec(),
            NoThumbnail::NotAPicture,
        ),
        (
            "a page",
            b"<!doctype html>".to_vec(),
            NoThumbnail::NotAPicture,
        ),
        (
            "a GIF",
            b"GIF89a\x01\0\x01\0".to_vec(),
            NoThumbnail::NotAPicture,
        ),
        (
            "a sound in the same container",
            b"RIFF\x04\0\0\0WAVE".to_vec(),
            NoThumbnail::NotAPicture,
        ),
        (
            "a PNG's signature",
            b"\x89PNG\r\n\x1a\n".to_vec(),
            broken.clone(),
        ),
        (
            "a JPEG's signature",
            b"\xff\xd8\xff".to_vec(),
            broken.clone(),
        ),
        (
            "a WebP's signature",
            b"RIFF\x04\0\0\0WEBP".to_vec(),
            broken.clone(),
        ),
        (
            "more bytes than are read",
            vec![0; MOST_BYTES + 1],
            NoThumbnail::TooManyBytes {
                bytes: MOST_BYTES + 1,
                most: MOST_BYTES,
            },
        ),
        (
            "a PNG of 3.6 gigapixels",
            png_claiming(60_000, 60_000, false),
            too_many(60_000),
        ),
        (
            "the same interlaced",
            png_claiming(60_000, 60_000, true),
            too_many(60_000),
        ),
        (
            "a PNG as wide as can be",
            png_claiming(0x7fff_ffff, 1, false),
            NoThumbnail::TooLong {
                width: 0x7fff_ffff,
                height: 1,
            },
        ),
        (
            "a PNG that has less than it claims",
            png_claiming(900, 900, false),
            broken.clone(),
        ),
        (
            "the same interlaced",
            png_claiming(900, 900, true),
            broken.clone(),
        ),
        (
            "a PNG without width",
            png_claiming(0, 900, false),
            broken.clone(),
        ),
        (
            "a JPEG of 4 gigapixels",
            jpeg_claiming(65_535),
            too_many(65_535),
        ),
        (
            "a JPEG of two frames",
            jpeg_with(&[0xff, 0xc0, 0, 11, 8, 0, 9, 0, 9, 1, 1, 0x11, 0]),
            broken.clone(),
        ),
        (
            "a JPEG of many scans",
            jpeg_of_many_scans(),
            too_much("scans"),
        ),
        (
            "a JPEG of many segments",
            jpeg_with(&scattered),
            too_much("segments"),
        ),
        (
            "a JPEG with much beside",
            jpeg_with(&application.repeat(130)),
            too_much("metadata"),
        ),
        (
            "a JPEG that ends in its header",
            jpeg_with(&[0xff, 0xe5, 0xff, 0xff]),
            broken.clone(),
        ),
        (
            "a lossy WebP as large as can be",
            webp_of_chunks(&[(b"VP8 ", lossy_claiming(16_383))]),
            too_many(16_383),
        ),
        (
            "the same on a small canvas",
            webp_of_chunks(&lossy_and_extended(15)),
            too_many(16_383),
        ),
        (
            "a lossy WebP that has less than it claims",
            webp_of_chunks(&[(b"VP8 ", lossy_claiming(900))]),
            broken.clone(),
        ),
        (
            "a lossless WebP as large as can be",
            webp(lossless_claiming(16_383)),
            too_many(16_383),
        ),
        (
            "a lossless WebP that is made of zeros",
            webp(lossless_claiming(900)),
            broken.clone(),
        ),
        (
            "an animation with a large frame",
            animation_claiming(16_383),
            too_many(16_383),
        ),
        (
            "a WebP with many codes",
            webp(lossless_of_many_codes(2000)),
            too_much("codes"),
        ),
        (
            "a WebP chunk longer than the file",
            webp_of_chunks(&[(b"VP8L", vec![0; 9])])[..24].to_vec(),
            broken.clone(),
        ),
        (
            "one format within another",
            [plain.png(), plain.jpeg(|_| {})].concat()[..60].to_vec(),
            broken,
        ),
    ] {
        let begun = Instant::now();
        let found = make_now(&file, &SMALL).map(|made| made.len());
        let found = match found {
            Err(NoThumbnail::Broken(_)) => Err(NoThumbnail::Broken(String::new())),
            other => other,
        };
        assert_eq!(found, Err(expected), "{reason}");
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{reason}: {:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn the_codes_of_a_picture_are_counted_as_they_are_decoded() {
    // The same file with few codes is a picture: what is refused is their number alone.
    let file = webp_of_chunks(&[(b"VP8L", lossless_of_many_codes(700))]);
    let thumbnail = super::thumbnail(&file);
    assert_eq!((thumbnail.width, thumbnail.height), (4, 4));
}

#[test]
fn chunks_that_unpack_to_more_than_they_are_do_no_harm() {
    let bomb = "a".repeat(8 << 20);
    let (color, depth) = (png::ColorType::Grayscale, png::BitDepth::Eight);
    let file = png_of(4, 4, color, depth, &[50; 16], |encoder| {
        for _ in 0..2 {
            encoder
                .add_ztxt_chunk("Comment".to_owned(), bomb.clone())
                .unwrap();
        }
    });
    assert!(file.len() < 1 << 20);
    super::thumbnail(&file).assert_near(1, 1, [50, 50, 50, 255]);
    let icc = fdeflated(&file);
    super::thumbnail(&icc).assert_near(1, 1, [50, 50, 50, 255]);
}

/// The first compressed text of a PNG as its profile.
fn fdeflated(file: &[u8]) -> Vec<u8> {
    let at = file.windows(4).position(|name| name == b"zTXt").unwrap();
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    let chunk = png_of_chunks(&[(b"iCCP", file[at + 4..at + 4 + length].to_vec())]);
    [&file[..33], &chunk[8..], &file[at + 8 + length..]].concat()
}

#[test]
fn a_jpeg_that_has_its_end_too_early_is_shown_as_far_as_it_goes() {
    // Its decoder takes it so, as browsers do; one that was cut off has no end, and no thumbnail.
    let thumbnail = super::thumbnail(&jpeg_claiming(900));
    assert_eq!((thumbnail.width, thumbnail.height), (64, 64));
}
