//! Events as they are written, silence between them, and callers that do not read.

use super::*;
use crate::picture_json::PictureJson;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::future::poll_fn;
use tokio::sync::{mpsc, oneshot};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(5);

fn event(name: &'static str, json: &Value) -> Event {
    let data = PictureJson::default().into_text(json);
    Event { name, data }
}

async fn next(body: &mut EventStream) -> Option<Result<String, TooSlow>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    let bytes = |frame: Frame<Bytes>| frame.into_data().unwrap().to_vec();
    Some(frame.map(|frame| String::from_utf8(bytes(frame)).unwrap()))
}

async fn read(mut body: EventStream) -> String {
    let mut text = String::new();
    while let Some(piece) = next(&mut body).await {
        text.push_str(&piece.unwrap());
    }
    assert!(body.is_end_stream());
    text
}

#[tokio::test]
async fn events_are_a_name_and_a_line_of_json_with_its_pictures() {
    let mut pictures = PictureJson::default();
    let picture = pictures.add(vec![255; 100_000].into());
    let data = pictures.into_text(&json!({ "b64_json": picture }));
    let first = Event {
        name: "partial_image",
        data,
    };
    let second = event("completed", &json!({"prompt": "two\r\nlines"}));
    let text = read(EventStream::new(stream::iter([first, second]), LONG)).await;
    let lines: Vec<&str> = text.split('\n').collect();
    let [
        ": heartbeat",
        "",
        "event: partial_image",
        picture,
        "",
        rest @ ..,
    ] = &lines[..]
    else {
        panic!("{text:.200}")
    };
    let json: Value = serde_json::from_str(picture.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(json["b64_json"].as_str().unwrap().len(), 133_336);
    let second = r#"data: {"prompt":"two\r\nlines"}"#;
    assert_eq!(rest, ["event: completed", second, "", ""]);
}

#[tokio::test]
async fn the_first_bytes_need_no_event_and_silence_is_filled_with_comments() {
    let (sender, receiver) = mpsc::unbounded_channel::<Value>();
    let events = stream::unfold(receiver, |mut receiver| async {
        let json = receiver.recv().await?;
        Some((event("completed", &json), receiver))
    });
    let mut body = EventStream::new(events, SHORT);
    for _ in 0..3 {
        assert_eq!(next(&mut body).await.unwrap().unwrap(), ": heartbeat\n\n");
    }
    sender.send(json!(7)).unwrap();
    let mut text = String::new();
    while !text.ends_with("7\n\n") {
        text.push_str(&next(&mut body).await.unwrap().unwrap());
    }
    assert!(text.ends_with("event: completed\ndata: 7\n\n"), "{text}");
    drop(sender);
    let rest = read(body).await;
    assert_eq!(rest.replace(": heartbeat\n\n", ""), "");
}

/// Says when it is dropped.
struct Watched(Option<oneshot::Sender<()>>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.take().unwrap().send(()).unwrap();
    }
}

fn watched() -> (
    impl Stream<Item = Event> + Send + 'static,
    oneshot::Receiver<()>,
) {
    let (sender, gone) = oneshot::channel();
    let held = Watched(Some(sender));
    let events = stream::pending().map(move |()| {
        let _ = &held;
        event("completed", &json!(1))
    });
    (events, gone)
}

#[tokio::test]
async fn events_that_nobody_reads_are_let_go_and_their_body_breaks_off() {
    let (events, gone) = watched();
    let mut body = EventStream::with_patience(events, SHORT, SHORT);
    gone.await.unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), ": heartbeat\n\n");
    assert!(next(&mut body).await.unwrap().is_err());
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_body_that_is_dropped_lets_its_events_go_at_once() {
    let (events, mut gone) = watched();
    drop(EventStream::new(events, LONG));
    gone.try_recv().unwrap();
}

#[tokio::test]
async fn a_caller_that_reads_is_waited_for_however_long_the_events_take() {
    let (events, mut gone) = watched();
    let heartbeat = Duration::from_millis(20);
    let mut body = EventStream::with_patience(events, heartbeat, Duration::from_secs(1));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(next(&mut body).await.unwrap().unwrap(), ": heartbeat\n\n");
    }
    assert!(gone.try_recv().is_err(), "its events are still there");
}
