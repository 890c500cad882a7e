//! Streams of every kind, cut anywhere.

/// What the fuzz target checks, too.
#[path = "../../../../../fuzz/properties/images_stream.rs"]
mod properties;

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// The previews, and what the stream came to.
type Outcome = (Vec<(u32, Vec<u8>)>, Result<Option<Answer>, UpstreamError>);

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut reader, mut previews) = (StreamReader::default(), Vec::new());
    for piece in pieces {
        if let Err(error) = reader.push(piece) {
            return (previews, Err(error));
        }
        let taken = reader.take_previews().into_iter();
        previews.extend(taken.map(|preview| (preview.index, preview.bytes)));
    }
    (previews, reader.finish())
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn preview(index: u32) -> String {
    let data = json!({"type": "image_generation.partial_image", "b64_json": "aGk=",
        "partial_image_index": index, "output_format": "png"});
    event("image_generation.partial_image", &data)
}

fn completed() -> String {
    let data = json!({"type": "image_generation.completed", "b64_json": "aGhp",
        "revised_prompt": "r", "usage": {"total_tokens": 7}});
    event("image_generation.completed", &data)
}

fn refusal() -> String {
    let error = json!({"code": "moderation_blocked", "message": "no"});
    event("error", &json!({"type": "error", "error": error}))
}

fn failure() -> String {
    event(
        "error",
        &json!({"error": {"code": "server_error", "message": "oh"}}),
    )
}

/// The picture of a stream that has one.
#[track_caller]
fn picture(stream: &str) -> (Vec<u8>, Option<String>, Option<Value>) {
    let mut answer = read([stream.as_bytes()]).1.unwrap().unwrap();
    assert_eq!(answer.items.len(), 1);
    let item = answer.items.remove(0);
    match item.picture {
        Picture::Inline(bytes) => (bytes, item.revised_prompt, answer.usage),
        other => panic!("{other:?} in {stream}"),
    }
}

#[track_caller]
fn error(stream: &str) -> UpstreamError {
    match read([stream.as_bytes()]).1 {
        Err(error) => error,
        Ok(answer) => panic!("{answer:?} of {stream}"),
    }
}

#[test]
fn previews_come_before_the_picture_and_its_usage() {
    let stream = format!(
        ": ping\n\n{}{}{}data: [DONE]\n\n",
        preview(0),
        preview(1),
        completed()
    );
    let hi = || b"hi".to_vec();
    assert_eq!(read([stream.as_bytes()]).0, [(0, hi()), (1, hi())]);
    let expected = (
        b"hhi".to_vec(),
        Some("r".to_owned()),
        Some(json!({"total_tokens": 7})),
    );
    assert_eq!(picture(&stream), expected);
    let begun = format!("{}{}", preview(0), &preview(1)[..90]);
    let (previews, answer) = read([begun.as_bytes()]);
    assert_eq!(previews, [(0, hi())]);
    assert!(answer.unwrap().is_none());
}

#[test]
fn an_event_is_known_by_its_name_or_by_the_type_of_its_data() {
    for (stream, expected) in [
        (
            "event: image_generation.completed\ndata: {\"b64_json\": \"aGk=\"}\n\n",
            true,
        ),
        (
            "data: {\"type\": \"image_generation.completed\", \"b64_json\": \"aGk=\"}\n\n",
            true,
        ),
        (
            "event: message\ndata: {\"b64_json\": \"aGk=\", \"type\": \"image_generation.completed\"}\n\n",
            true,
        ),
        (
            "event: image_generation.completed\ndata: {\ndata:\"b64_json\"\ndata::\"aG\ndata:k=\"}\n\n",
            true,
        ),
        (
            "event: something.new\ndata: {\"b64_json\": \"aGk=\"}\n\n",
            false,
        ),
        ("data: {\"b64_json\": \"aGk=\"}\n\n", false),
        ("event: image_generation.completed\n\n", false),
        ("{\"data\": [{\"b64_json\": \"aGk=\"}]}", false),
    ] {
        let answer = read([stream.as_bytes()]).1.unwrap();
        assert_eq!(answer.is_some(), expected, "{stream}");
    }
}

#[test]
fn a_completed_event_may_name_an_address() {
    let stream = event("image_generation.completed", &json!({"url": "https://x/y"}));
    let answer = read([stream.as_bytes()]).1.unwrap().unwrap();
    assert!(matches!(&answer.items[0].picture, Picture::At(url) if url == "https://x/y"));
}

#[test]
fn a_preview_that_is_none_is_not_missed_and_one_without_a_number_is_counted() {
    let name = "image_generation.partial_image";
    let bad = [
        event(name, &json!({"b64_json": "!!"})),
        event(name, &json!({"b64_json": null})),
        event(name, &json!({"url": "https://x/y"})),
        event(name, &json!(7)),
        format!("event: {name}\ndata: {{\"b64_json\": \"aGk=\"\n\n"),
    ];
    let unnumbered = event(name, &json!({"b64_json": "aGk="}));
    let stream = format!(
        "{}{unnumbered}{}{unnumbered}{}",
        bad.concat(),
        preview(7),
        completed()
    );
    let previews = read([stream.as_bytes()]).0;
    let indexes: Vec<u32> = previews.into_iter().map(|(index, _)| index).collect();
    assert_eq!(indexes, [0, 7, 8]);
    assert_eq!(picture(&stream).0, b"hhi");
}

#[test]
fn an_error_is_read_wherever_it_stands() {
    for data in [
        json!({"error": {"code": "moderation_blocked", "message": "no"}}),
        json!({"type": "error", "error": {"code": "moderation_blocked"}}),
        json!({"type": "error", "code": "moderation_blocked", "message": "no", "param": null}),
    ] {
        let unnamed = format!("{}data: {data}\n\n", preview(0));
        for stream in [event("error", &data), unnamed] {
            let error = error(&stream);
            assert!(
                matches!(error, UpstreamError::Refused { .. }),
                "{error:?} of {stream}"
            );
        }
    }
    for stream in [failure(), "event: error\ndata: out of order\n\n".to_owned()] {
        assert!(matches!(
            error(&stream),
            UpstreamError::ServerFault { status: 500, .. }
        ));
    }
    let limited = event("error", &json!({"error": {"code": "rate_limit_exceeded"}}));
    assert!(matches!(error(&limited), UpstreamError::RateLimited { .. }));
    let empty = event(
        "image_generation.completed",
        &json!({"b64_json": "aGk=", "error": {}}),
    );
    assert_eq!(picture(&empty).0, b"hi");
}

#[test]
fn a_whole_picture_counts_whatever_stands_beside_it_but_for_a_refusal() {
    let cut = completed();
    let behind_picture = cut.find("aGhp").unwrap() + "aGhp\"".len();
    for stream in [
        format!("{}{}", completed(), failure()),
        format!("{}{}", failure(), completed()),
        format!("{}: and {}", completed(), "x".repeat(100)),
        completed().trim_end().to_owned(),
        cut[..behind_picture].to_owned(),
        completed().replace("\"usage\":{", "\"usage\":{{"),
    ] {
        assert_eq!(picture(&stream).0, b"hhi", "{stream}");
    }
    for stream in [
        format!("{}{}", completed(), refusal()),
        format!("{}{}{}", failure(), completed(), refusal()),
    ] {
        assert!(
            matches!(error(&stream), UpstreamError::Refused { .. }),
            "{stream}"
        );
    }
    let unusable = event("image_generation.completed", &json!({"b64_json": "!!"}));
    let answer = read([unusable.as_bytes()]).1.unwrap().unwrap();
    assert!(matches!(answer.items[0].picture, Picture::Unusable(_)));
    let failed = error(&format!("{unusable}{}", failure()));
    assert!(matches!(failed, UpstreamError::ServerFault { .. }));
}

#[test]
fn every_cut_gives_the_same() {
    let stream = format!(
        "\u{feff}: ping\n\n{}event: new\nid: 1\ndata: {{}}\n\n{}{}data: [DONE]\n\n",
        preview(0),
        completed(),
        failure()
    );
    for ends in ["\n", "\r\n", "\r"] {
        let stream = stream.replace('\n', ends).into_bytes();
        let whole = format!("{:?}", read([&stream[..]]));
        assert!(whole.contains("total_tokens"), "{whole}");
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(format!("{:?}", read([head, tail])), whole, "at {cut}");
        }
        assert_eq!(format!("{:?}", read(stream.chunks(1))), whole);
    }
}

#[test]
fn streams_without_end_are_not_kept() {
    let comments = ": ping\n\n".repeat(1000);
    let names = format!("event: {}\n", "x".repeat(10_000));
    let empty_events = "data: {}\n\n".repeat(1000);
    let text = format!("data: \"{}\n", "x".repeat(10_000));
    let previews = preview(0).repeat(10);
    for endless in [comments, names, empty_events, text, previews] {
        let mut reader = StreamReader::default();
        let ends = (0..2000).any(|_| {
            reader.take_previews();
            reader.push(endless.as_bytes()).is_err()
        });
        assert!(ends, "{endless:.40}");
    }
    let mut reader = StreamReader::default();
    reader.push(b"data: {\"b64_json\":\"").unwrap();
    let symbols = vec![b'A'; 1024 * 1024];
    let ends = (0..100).any(|_| reader.push(&symbols).is_err());
    assert!(ends, "a picture without end is not kept either");
}

#[test]
fn what_is_held_is_counted_until_it_is_taken() {
    let mut reader = StreamReader::default();
    let stream = format!("{}{}", preview(0), preview(1));
    let (head, tail) = stream.split_at(stream.rfind("k=").unwrap());
    reader.push(head.as_bytes()).unwrap();
    assert_eq!(
        reader.decoded_bytes(),
        2,
        "a group is decoded when it is whole"
    );
    reader.push(tail.as_bytes()).unwrap();
    assert_eq!(reader.decoded_bytes(), 4);
    assert_eq!(reader.take_previews().len(), 2);
    assert_eq!(reader.decoded_bytes(), 0);
    assert!(!reader.is_over());
    reader.push(completed().as_bytes()).unwrap();
    assert_eq!((reader.decoded_bytes(), reader.is_over()), (3, true));
}

#[test]
fn the_fuzzers_corpus_holds_nothing_that_breaks_a_promise() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/images_answer");
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let (streams, others): (Vec<_>, Vec<_>) =
        entries.partition(|entry| entry.file_name().to_string_lossy().starts_with("stream_"));
    assert!(streams.len() >= 4, "{folder} has lost its streams");
    for entry in streams.iter().chain(&others) {
        properties::check(&std::fs::read(entry.path()).unwrap());
    }
}

proptest! {
    #[test]
    fn bad_input_is_the_same_whatever_the_cut_and_never_a_panic(
        bytes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cuts in any::<[u8; 4]>(),
    ) {
        let stream = [preview(0), failure(), preview(1), completed()].concat();
        let mut input = [&cuts[..], &[0], stream.as_bytes()].concat();
        for (index, byte) in bytes {
            let index = 5 + index.index(stream.len());
            input[index] = byte;
        }
        properties::check(&input);
    }
}
