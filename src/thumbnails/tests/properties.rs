//! Whatever bytes come, an answer comes, and soon: pictures with something behind them, cut off,
//! changed, and bytes that were never one.

use super::pictures::{Picture, jpeg_of, png_of};
use super::{SMALL, make_now};
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A picture in every coding that has a decoder's path of its own.
fn kinds(picture: &Picture) -> Vec<Vec<u8>> {
    let (color, depth) = (png::ColorType::Rgb, png::BitDepth::Eight);
    let mut clear = picture.clone();
    clear
        .rgba
        .iter_mut()
        .step_by(4)
        .skip(1)
        .for_each(|channel| *channel /= 2);
    clear
        .rgba
        .chunks_mut(4)
        .for_each(|pixel| pixel[3] = pixel[0]);
    let gray: Vec<u8> = picture.rgba.iter().copied().step_by(4).collect();
    let (width, height) = (picture.width as u16, picture.height as u16);
    vec![
        picture.png(),
        png_of(
            picture.width,
            picture.height,
            color,
            depth,
            &picture.rgb(),
            |_| {},
        ),
        picture.jpeg(|_| {}),
        picture.jpeg(|encoder| encoder.set_progressive(true)),
        picture.jpeg(|encoder| encoder.set_restart_interval(3)),
        jpeg_of(width, height, jpeg_encoder::ColorType::Luma, &gray, |_| {}),
        picture.lossy_webp(),
        picture.lossless_webp(),
        clear.lossy_webp(),
        clear.lossless_webp(),
    ]
}

static KINDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kinds(&Picture::photo(50, 40)));

/// Whatever a file is, an answer comes, and soon.
fn ends_soon(file: &[u8]) -> Result<Option<bytes::Bytes>, TestCaseError> {
    let begun = Instant::now();
    let made = make_now(file, &SMALL);
    prop_assert!(begun.elapsed() < Duration::from_secs(5));
    Ok(made.ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn arbitrary_bytes_behind_each_signature_end_soon(
        signature in prop::sample::select(vec![
            &b"\x89PNG\r\n\x1a\n"[..],
            b"\xff\xd8\xff",
            b"RIFF\xff\0\0\0WEBPVP8 \xff\0\0\0",
            b"RIFF\xff\0\0\0WEBPVP8L\xff\0\0\0\x2f",
            b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0",
            b"",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        ends_soon(&[signature, &bytes].concat())?;
    }

    #[test]
    fn pictures_with_changed_bytes_end_soon(
        kind in 0..10_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header in any::<bool>(),
    ) {
        let mut file = KINDS[kind].clone();
        for (at, byte) in changes {
            let reach = if in_header { 100 } else { file.len() };
            file[at.index(reach)] = byte;
        }
        ends_soon(&file)?;
    }

    #[test]
    fn a_picture_that_ends_early_has_no_thumbnail_or_is_whole(
        kind in 0..10_usize,
        length in any::<prop::sample::Index>(),
    ) {
        let file = &KINDS[kind];
        let whole = make_now(file, &SMALL).unwrap();
        if let Some(made) = ends_soon(&file[..length.index(file.len())])? {
            prop_assert_eq!(made, whole);
        }
    }
}

#[test]
fn garbage_behind_a_picture_does_not_matter() {
    let picture = Picture::photo(70, 50);
    for file in kinds(&picture) {
        let alone = make_now(&file, &SMALL).unwrap();
        let followed = [&file[..], &b"\xff\xd8\xff\xda trailing".repeat(100)].concat();
        assert_eq!(make_now(&followed, &SMALL).unwrap(), alone);
    }
}
