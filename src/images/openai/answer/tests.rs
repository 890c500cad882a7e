//! Answers of every kind, cut anywhere.

/// What the fuzz target checks, too.
#[path = "../../../../fuzz/properties/images_answer.rs"]
mod properties;

use super::*;
use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;

fn read(pieces: &[&[u8]]) -> Result<Answer, UpstreamError> {
    let mut reader = AnswerReader::new(0);
    for piece in pieces {
        reader.push(piece)?;
    }
    reader.finish()
}

type Shown = Vec<(Option<Vec<u8>>, Option<String>)>;

fn show(answer: Answer) -> Shown {
    let items = answer.items.into_iter();
    let items = items.map(|item| match item.picture {
        Picture::Inline(bytes) => (Some(bytes), item.revised_prompt),
        Picture::At(url) => (Some(url.into_bytes()), item.revised_prompt),
        Picture::Unusable(_) => (None, item.revised_prompt),
    });
    items.collect()
}

fn pictures(body: &str) -> Shown {
    show(read(&[body.as_bytes()]).unwrap())
}

#[test]
fn pictures_come_inline_or_by_address() {
    let body = r#"{"created":1,"new":{},"data":[{"b64_json":"aGk="},{"b64_json":"aGk","revised_prompt":"r"},
        {"b64_json":"data:image/png;base64,aGk="},{"url":"https://x/y"},{"b64_json":"","url":"https://x/z"}],
        "revised_prompt":"top"}"#;
    let (hi, top) = (Some(b"hi".to_vec()), Some("top".to_owned()));
    assert_eq!(
        pictures(body),
        [
            (hi.clone(), top.clone()),
            (hi.clone(), Some("r".to_owned())),
            (hi, top.clone()),
            (Some(b"https://x/y".to_vec()), top.clone()),
            (Some(b"https://x/z".to_vec()), top),
        ]
    );
}

#[test]
fn one_unusable_picture_spoils_no_other() {
    for bad in [
        r#"{"b64_json":"!!"}"#,
        r#"{"b64_json":"\q"}"#,
        r#"{"b64_json":null,"url":null}"#,
        r#"{"b64_json":7}"#,
        r#"{"url":{}}"#,
        "{}",
        "null",
        "[]",
        "7",
    ] {
        let good = r#"{"b64_json":"aGk=","revised_prompt":{"text":"no text"}}"#;
        let body = format!(r#"{{"data":[{bad},{good}],"error":{{}}}}"#);
        let hi = Some(b"hi".to_vec());
        assert_eq!(pictures(&body), [(None, None), (hi, None)], "{bad}");
    }
}

#[test]
fn escapes_and_spaces_that_json_allows_are_read() {
    let body = "{ \"data\" : [ { \"b64_json\"\n:\t\"\\/\\/8\\u003d\" , \"revised_prompt\": \"say \\\"b64_json\\\": \\\\\" } ] }";
    let said = r#"say "b64_json": \"#.to_owned();
    assert_eq!(pictures(body), [(Some(vec![255, 255]), Some(said))]);
}

#[test]
fn answers_without_a_picture_are_malformed() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":{"b64_json":""}}"#,
        r#"{"data":[{"b64_json":"!!"}"#,
        r#"{"data":[{"b64_json":"aGk="#,
    ] {
        assert!(
            matches!(
                read(&[body.as_bytes()]),
                Err(UpstreamError::Malformed { .. })
            ),
            "{body}"
        );
    }
}

#[test]
fn an_error_beside_the_time_is_the_answers_error() {
    let body = br#"{"created":1,"error":{"code":"contentFilter","message":"refused"}}"#;
    assert!(matches!(read(&[body]), Err(UpstreamError::Refused { .. })));
    assert_eq!(
        pictures(r#"{"error":null,"data":[{"b64_json":"aGk="}]}"#).len(),
        1
    );
}

#[test]
fn a_whole_picture_counts_whatever_stands_beside_it() {
    for body in [
        r#"{"data":[{"b64_json":"aGk=","revised_prompt":"cut \ud83d"}]}"#,
        r#"{"data":[{"b64_json":"aGk="}],"usage":{"cost":1e999}}"#,
        "\u{feff}{\"data\":[{\"b64_json\":\"aGk=\"}]}",
        r#"{"data":[{"b64_json":"aGk="}"#,
        r#"{"data":[{"b64_json":"aGk="}],"error":{"code":"server_error"}}"#,
        r#"{"data":[{"b64_json":"!!"},{"b64_json":"aGk="}"#,
    ] {
        assert_eq!(pictures(body), [(Some(b"hi".to_vec()), None)], "{body}");
    }
}

#[test]
fn an_answer_of_text_without_end_is_not_kept() {
    let mut reader = AnswerReader::new(0);
    let page = [b'x'; 4096];
    let ends = (0..10_000).any(|_| reader.push(&page).is_err());
    assert!(ends);
    let mut reader = AnswerReader::new(0);
    reader.push(br#"{"data":[{"b64_json":""#).unwrap();
    let symbols = vec![b'A'; 1024 * 1024];
    let ends = (0..100).any(|_| reader.push(&symbols).is_err());
    assert!(ends, "a picture without end is not kept either");
}

#[test]
fn the_fuzzers_corpus_holds_nothing_that_breaks_a_promise() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/images_answer");
    let inputs: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(inputs.len() >= 12, "{folder} has lost its inputs");
    for input in inputs {
        properties::check(&input);
    }
}

/// An answer's text with hostile neighbours of the pictures, and the pictures.
fn answers() -> impl Strategy<Value = (String, Vec<Vec<u8>>)> {
    let picture = proptest::collection::vec(any::<u8>(), 0..200);
    let item = (picture, any::<bool>(), "[ -~\\PC]{0,20}");
    proptest::collection::vec(item, 1..5).prop_map(|items| {
        let texts: Vec<String> = items
            .iter()
            .map(|(picture, escapes, revised)| {
                let mut text = BASE64_STANDARD.encode(picture);
                if *escapes {
                    text = text.replace('/', "\\/").replace('+', "\\u002b");
                }
                let revised = serde_json::to_string(revised).unwrap_or_default();
                format!(r#"{{"revised_prompt":{revised},"b64_json" : "{text}"}}"#)
            })
            .collect();
        let pictures = items.into_iter().map(|(picture, ..)| picture).collect();
        (
            format!(r#"{{"data":[{}],"usage":{{}}}}"#, texts.join(",")),
            pictures,
        )
    })
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_pictures(
        (text, expected) in answers(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|two| &text.as_bytes()[two[0]..two[1]]).collect();
        let found: Vec<_> = show(read(&pieces).unwrap()).into_iter().map(|(picture, _)| picture.unwrap()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn bad_input_is_an_error_whatever_the_cut_and_never_a_panic(
        (text, _) in answers(),
        bytes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = text.into_bytes();
        for (index, byte) in bytes {
            let index = index.index(text.len());
            text[index] = byte;
        }
        let (head, tail) = text.split_at(cut.index(text.len()));
        let single: Vec<&[u8]> = text.chunks(1).collect();
        let outcomes = [read(&[&text]), read(&[head, tail]), read(&single)]
            .map(|outcome| format!("{:?}", outcome.map(show)));
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
        prop_assert_eq!(&outcomes[0], &outcomes[2]);
    }
}
