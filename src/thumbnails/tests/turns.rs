//! Pictures that are to be turned before they are shown.

use super::pictures::{Picture, png_of, webp_data, webp_of_chunks};
use super::thumbnail;
use crate::thumbnails::{
    orientation::Orientation,
    shrink::{Size, Small},
};

const RED: [u8; 4] = [220, 20, 20, 255];
const GREEN: [u8; 4] = [20, 200, 20, 255];
const BLUE: [u8; 4] = [20, 20, 220, 255];
const WHITE: [u8; 4] = [250, 250, 250, 255];

/// EXIF data with an orientation alone, either end of the number first.
fn exif(orientation: u16, big_endian: bool) -> Vec<u8> {
    let short = |value: u16| match big_endian {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let long = |value: u32| match big_endian {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let mut bytes = if big_endian { b"MM" } else { b"II" }.to_vec();
    bytes.extend(short(42));
    bytes.extend(long(8));
    bytes.extend(short(1)); // entries
    bytes.extend([short(0x0112), short(3)].concat());
    bytes.extend(long(1)); // values
    bytes.extend([short(orientation), short(0)].concat());
    bytes.extend(long(0)); // no further directory
    bytes
}

/// As stored: red, green / blue, white.
fn corners() -> Picture {
    Picture::drawn(96, 48, |x, y| match (x < 48, y < 24) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => WHITE,
    })
}

#[track_caller]
fn assert_corners(picture: &Picture, expected: [[u8; 4]; 4]) {
    let (right, bottom) = (picture.width - 5, picture.height - 5);
    for ((x, y), color) in [(4, 4), (right, 4), (4, bottom), (right, bottom)]
        .into_iter()
        .zip(expected)
    {
        // Chroma is halved twice on the way: some distance from the pure colour is its price.
        let found = picture.at(x, y);
        let near = found.iter().zip(color).all(|(a, b)| a.abs_diff(b) <= 25);
        assert!(near, "{found:?} at {x},{y}, not {color:?}");
    }
}

#[test]
fn each_orientation_of_a_jpeg_is_turned_to_be_seen() {
    for (orientation, tall, expected) in [
        (0, false, [RED, GREEN, BLUE, WHITE]),
        (1, false, [RED, GREEN, BLUE, WHITE]),
        (2, false, [GREEN, RED, WHITE, BLUE]),
        (3, false, [WHITE, BLUE, GREEN, RED]),
        (4, false, [BLUE, WHITE, RED, GREEN]),
        (5, true, [RED, BLUE, GREEN, WHITE]),
        (6, true, [BLUE, RED, WHITE, GREEN]),
        (7, true, [WHITE, GREEN, BLUE, RED]),
        (8, true, [GREEN, WHITE, RED, BLUE]),
        (9, false, [RED, GREEN, BLUE, WHITE]),
    ] {
        let segment = [b"Exif\0\0", &exif(orientation, orientation % 2 == 0)[..]].concat();
        let file = corners().jpeg(|encoder| {
            encoder.add_app_segment(1, segment).unwrap();
        });
        let shown = thumbnail(&file);
        println!("orientation {orientation}");
        let size = if tall { (32, 64) } else { (64, 32) };
        assert_eq!((shown.width, shown.height), size);
        assert_corners(&shown, expected);
    }
}

#[test]
fn png_and_webp_are_turned_too() {
    let picture = corners();
    let (color, depth) = (png::ColorType::Rgba, png::BitDepth::Eight);
    let png = png_of(96, 48, color, depth, &picture.rgba, |_| {});
    // Behind the header: signature, and 25 bytes of IHDR.
    let (head, rest) = png.split_at(33);
    let chunk = super::pictures::png_of_chunks(&[(b"eXIf", exif(6, true))]);
    let png = [head, &chunk[8..], rest].concat();
    let webp = webp_of_chunks(&[
        (b"VP8X", vec![8, 0, 0, 0, 95, 0, 0, 47, 0, 0]),
        (b"VP8L", webp_data(&picture.lossless_webp())),
        (b"EXIF", exif(6, false)),
    ]);
    for file in [png, webp] {
        assert_corners(&thumbnail(&file), [BLUE, RED, WHITE, GREEN]);
    }
}

#[test]
fn exif_that_cannot_be_read_turns_nothing() {
    let whole = exif(6, true);
    for length in 0..whole.len() - 8 {
        let orientation = Orientation::of_exif(whole.get(..length));
        assert_eq!(orientation, Orientation::default(), "{length}");
    }
    let mut far = whole.clone();
    far[4..8].copy_from_slice(&[0xff; 4]);
    assert_eq!(Orientation::of_exif(Some(&far)), Orientation::default());
    assert_eq!(Orientation::of_exif(None), Orientation::default());
}

#[test]
fn a_turned_picture_has_all_its_pixels_in_their_places() {
    let stored = Small {
        size: Size {
            width: 3,
            height: 2,
        },
        rgba: (1..=6).flat_map(|n| [n; 4]).collect(),
    };
    let turned = Orientation::of_exif(Some(&exif(6, true))).turn(stored);
    let first_channel: Vec<u8> = turned.rgba.chunks(4).map(|pixel| pixel[0]).collect();
    assert_eq!(
        turned.size,
        Size {
            width: 2,
            height: 3
        }
    );
    assert_eq!(first_channel, [4, 1, 5, 2, 6, 3]);
}
