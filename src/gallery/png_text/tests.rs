//! Texts go into pictures of every kind and come out, and what is no picture, or a signed one,
//! stays as it is.

use super::*;
use png::{BitDepth, ColorType, Decoder, Encoder};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::json;
use std::io::Cursor;
use time::macros::datetime;

const TEXTS: [(&str, &str); 2] = [("Description", "naïve 猫\n\"100 %\" 🐈"), ("Comment", "{}")];

/// An 8 by 4 picture of any pixels.
fn picture(
    color: ColorType,
    depth: BitDepth,
    change: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Bytes {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 8, 4);
    encoder.set_color(color);
    encoder.set_depth(depth);
    change(&mut encoder);
    let bits = 8 * color.samples() * depth as usize;
    let pixels: Vec<u8> = (0..4 * bits / 8).map(|byte| (byte * 37) as u8).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes.into()
}

fn plain() -> Bytes {
    picture(ColorType::Rgb, BitDepth::Eight, |_| {})
}

fn with_ancillary_chunks() -> Bytes {
    picture(ColorType::Indexed, BitDepth::Four, |encoder| {
        let palette: Vec<u8> = (0..48).collect();
        encoder.set_palette(palette);
        encoder.set_trns(vec![0, 128]);
        encoder.set_source_gamma(png::ScaledFloat::new(0.45));
        encoder
            .add_itxt_chunk("Title".to_owned(), "theirs".to_owned())
            .unwrap();
    })
}

/// Pixels, and keyword and text of each iTXt chunk.
fn read(picture: &[u8]) -> (Vec<u8>, Vec<(String, String)>) {
    let mut reader = Decoder::new(Cursor::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    reader.finish().unwrap();
    let texts = reader.info().utf8_text.iter();
    let texts = texts.map(|chunk| (chunk.keyword.clone(), chunk.get_text().unwrap()));
    (pixels, texts.collect())
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    let checksum = crc32fast::hash(&[kind, data].concat()).to_be_bytes();
    [&length[..], kind, data, &checksum].concat()
}

/// The picture with something behind so many of its bytes.
fn insert(picture: &Bytes, at: usize, inserted: &[u8]) -> Bytes {
    [&picture[..at], inserted, &picture[at..]].concat().into()
}

#[test]
fn texts_come_back_and_pixels_stay_in_pictures_of_every_kind() {
    for (what, picture) in [
        ("8 bit", plain()),
        (
            "16 bit",
            picture(ColorType::Rgba, BitDepth::Sixteen, |_| {}),
        ),
        (
            "1 bit",
            picture(ColorType::Grayscale, BitDepth::One, |_| {}),
        ),
        ("palette", with_ancillary_chunks()),
    ] {
        let (pixels, theirs) = read(&picture);
        let pieces = with_text(&picture, &TEXTS).unwrap();
        let (same_pixels, texts) = read(&pieces.concat());
        assert_eq!(same_pixels, pixels, "{what}");
        let ours = TEXTS.map(|(keyword, text)| (keyword.to_owned(), text.to_owned()));
        assert_eq!(texts, [&ours[..], &theirs].concat(), "{what}");
    }
}

#[test]
fn the_picture_itself_is_not_copied() {
    let picture = plain();
    let pieces = with_text(&picture, &TEXTS).unwrap();
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[0].as_ptr(), picture.as_ptr());
    assert_eq!(pieces[0].len(), 33);
    assert_eq!(pieces[2].as_ptr(), picture[33..].as_ptr());
    assert_eq!(pieces[2].len(), picture.len() - 33);
}

#[test]
fn what_cannot_be_in_a_text_chunk_is_left_out() {
    let longest = "ä".repeat(79);
    let texts = [
        ("Comment", "a\0b\0"),
        (&longest, ""),
        ("", "empty"),
        (&"x".repeat(80), "long"),
        ("\u{a0}", "not printable"),
        ("a\nb", "control"),
        ("猫", "not Latin-1"),
        (" a", "space"),
        ("a  b", "spaces"),
    ];
    let pieces = with_text(&plain(), &texts).unwrap();
    let expected = [("Comment", "ab"), (&longest, "")];
    let expected = expected.map(|(keyword, text)| (keyword.to_owned(), text.to_owned()));
    assert_eq!(read(&pieces.concat()).1, expected);
    let nothing: [(&str, &str); 0] = [];
    assert_eq!(with_text(&plain(), &nothing).unwrap().concat(), plain());
}

#[test]
fn what_does_not_start_as_a_png_stays_as_it_is() {
    let picture = plain();
    for end in 0..HEAD_BYTES {
        let start = picture.slice(..end);
        assert_eq!(with_text(&start, &TEXTS), None, "{end} bytes");
        let mut broken = picture.to_vec();
        broken[end] ^= 1;
        assert_eq!(with_text(&broken.into(), &TEXTS), None, "byte {end}");
    }
    let other_first = [&SIGNATURE[..], &chunk(b"IDAT", &[0; 13])].concat();
    let long_header = [&SIGNATURE[..], &chunk(b"IHDR", &[0; 14])].concat();
    for bytes in [other_first, long_header, b"\xff\xd8\xff\xe0".to_vec()] {
        assert_eq!(with_text(&bytes.into(), &TEXTS), None);
    }
}

#[test]
fn a_picture_that_breaks_off_gets_its_texts_and_stays_as_broken() {
    let picture = plain();
    let mut bad_lengths = Vec::new();
    for length in [0x7fff_ffffu32, u32::MAX, u32::MAX - 11, 1 << 20] {
        bad_lengths.push([&picture[..33], &length.to_be_bytes(), b"IDATx"].concat());
    }
    let cut = (HEAD_BYTES..picture.len()).map(|end| picture[..end].to_vec());
    for broken in cut.chain(bad_lengths) {
        let broken = Bytes::from(broken);
        let pieces = with_text(&broken, &TEXTS).unwrap();
        assert_eq!([&pieces[0][..], &pieces[2]].concat(), broken);
    }
}

#[test]
fn a_picture_with_content_credentials_stays_as_it_was_signed() {
    let signature = chunk(b"caBX", b"manifest");
    for picture in [plain(), with_ancillary_chunks()] {
        let last = picture.len() - FRAME_BYTES; // IEND
        for at in [HEAD_BYTES, last] {
            let signed = insert(&picture, at, &signature);
            assert_eq!(with_text(&signed, &TEXTS), None, "at {at}");
        }
        let broken_off = insert(&picture, last, &signature).slice(..last + 10);
        assert_eq!(with_text(&broken_off, &TEXTS), None);
        let behind_the_end = insert(&picture, picture.len(), &signature);
        assert!(with_text(&behind_the_end, &TEXTS).is_some());
        let only_named = insert(&picture, last, &chunk(b"teXt", &signature));
        assert!(with_text(&only_named, &TEXTS).is_some());
    }
}

#[test]
fn a_picture_of_countless_chunks_stays_as_it_is() {
    let many = chunk(b"teXt", b"").repeat(MOST_CHUNKS);
    assert_eq!(
        with_text(&insert(&plain(), HEAD_BYTES, &many), &TEXTS),
        None
    );
    let fewer = chunk(b"teXt", b"").repeat(MOST_CHUNKS - 10);
    assert!(with_text(&insert(&plain(), HEAD_BYTES, &fewer), &TEXTS).is_some());
}

#[test]
fn the_texts_tell_the_whole_prompt_and_every_fact_that_is_known() {
    let prompt = Prompt::parse(&"長い\n".repeat(10_000)).unwrap();
    let created = datetime!(2026-11-21 10:00:00.007 +2);
    let facts = ImageFacts {
        revised_prompt: Some("a \"cat\"".to_owned()),
        provider: "openai".to_owned(),
        seed: Some(u64::MAX),
        usage: Some(UsageFact {
            counts: r#"{"total_tokens":12}"#.to_owned(),
            images: 2,
        }),
        ..ImageFacts::default()
    };
    let texts = texts_of(&prompt, &facts, created);
    let software = concat!("visionary ", env!("CARGO_PKG_VERSION"));
    assert_eq!(texts[0], ("Description", prompt.as_str().to_owned()));
    assert_eq!(texts[1], ("Software", software.to_owned()));
    let moment = "2026-11-21T08:00:00.007Z";
    assert_eq!(texts[2], ("Creation Time", moment.to_owned()));
    assert_eq!(texts[3].0, "Comment");
    let comment: Value = serde_json::from_str(&texts[3].1).unwrap();
    let expected = json!({
        "revisedPrompt": "a \"cat\"", "provider": "openai", "seed": u64::MAX,
        "usage": {"total_tokens": 12}, "usageImages": 2,
    });
    assert_eq!((comment, texts.len()), (expected, 4));
    let read_back = read(&with_text(&plain(), &texts).unwrap().concat()).1;
    assert_eq!(read_back[0].1, prompt.as_str());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None, // a found case becomes a test with a name of its own
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_the_bytes_they_stay_around_the_chunks(
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        noise in vec(any::<u8>(), 0..200),
        with_head in any::<bool>(),
        keyword in prop_oneof!["[ -~]{0,81}", ".{0,5}"],
        text in ".{0,60}",
    ) {
        let mut bytes = if with_head { with_ancillary_chunks().to_vec() } else { Vec::new() };
        bytes.extend(noise);
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        let bytes = Bytes::from(bytes);
        if let Some(pieces) = with_text(&bytes, &[(&keyword, &text)]) {
            prop_assert_eq!(&[&pieces[0][..], &pieces[2]].concat(), &bytes);
            let data = |latin1: Vec<u8>| {
                [&latin1[..], &[0; 5], text.replace('\0', "").as_bytes()].concat()
            };
            let expected = latin1_keyword(&keyword).map(|keyword| chunk(b"iTXt", &data(keyword)));
            prop_assert_eq!(&pieces[1][..], expected.unwrap_or_default());
        }
    }
}

#[test]
fn a_picture_comes_back_as_its_maker_gave_it() {
    let prompt = Prompt::parse("a cat").unwrap();
    let texts = texts_of(
        &prompt,
        &ImageFacts::default(),
        datetime!(2026-11-21 10:00 UTC),
    );
    for picture in [plain(), with_ancillary_chunks()] {
        let stored = with_text(&picture, &texts).unwrap().concat();
        assert!(stored.len() > picture.len() + 100);
        assert_eq!(without_text(stored.clone().into()), picture);
        // What is not ours, or not whole, stays.
        assert_eq!(without_text(picture.clone()), picture);
        let half = Bytes::from(stored[..HEAD_BYTES + 60].to_vec());
        assert_eq!(without_text(half.clone()), half);
        let other: Bytes = with_text(&picture, &TEXTS).unwrap().concat().into();
        assert_eq!(without_text(other.clone()), other);
    }
}
