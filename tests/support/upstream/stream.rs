//! Images answers as event streams: previews, then the picture or something else.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{answer::Answer, picture};

impl Answer {
    /// A stream of these previews and then the picture, chunked as the real one is.
    pub fn image_stream(previews: &[Bytes], finished: impl Into<Bytes>) -> Answer {
        let finished = finished.into();
        let mut completed = event_data("image_generation.completed", &finished);
        completed["usage"] = json!({
            "input_tokens": 12,
            "input_tokens_details": { "image_tokens": 0, "text_tokens": 12 },
            "output_tokens": 1056 + 100 * previews.len(),
            "total_tokens": 1068 + 100 * previews.len(),
        });
        image_events(previews, Some(("image_generation.completed", completed)))
    }

    /// A stream of these previews and then an `error` event with this `error`.
    pub fn image_stream_failing(previews: &[Bytes], error: &Value) -> Answer {
        let data = json!({ "type": "error", "error": error });
        image_events(previews, Some(("error", data)))
    }

    /// A stream that ends, as if all were well, behind these previews.
    pub fn image_stream_without_end(previews: &[Bytes]) -> Answer {
        image_events(previews, None)
    }

    /// How many bytes of a stream's body are its first `count` events; for
    /// [`Answer::paused_after`] and [`Answer::cut_after`].
    pub fn length_of_events(&self, count: usize) -> usize {
        let ends = self.body().windows(2).enumerate();
        let mut ends = ends.filter(|(_, two)| two == b"\n\n");
        match count {
            0 => 0,
            count => ends.nth(count - 1).expect("it has so many events").0 + 2,
        }
    }
}

fn image_events(previews: &[Bytes], last: Option<(&'static str, Value)>) -> Answer {
    let name = "image_generation.partial_image";
    let previews = previews.iter().enumerate().map(|(index, preview)| {
        let mut data = event_data(name, preview);
        data["partial_image_index"] = index.into();
        (name, data)
    });
    let events: Vec<(&str, Value)> = previews.chain(last).collect();
    Answer::events(&events)
}

fn event_data(kind: &str, bytes: &Bytes) -> Value {
    let (width, height) = picture::png_dimensions(bytes).unwrap_or((1024, 1024));
    json!({
        "type": kind,
        "b64_json": STANDARD.encode(bytes),
        "created_at": 1_780_000_000,
        "size": format!("{width}x{height}"),
        "quality": "medium",
        "background": "opaque",
        "output_format": picture::content_type(bytes).trim_start_matches("image/"),
    })
}
