//! How a caller wants the answer, by `Accept` and `Prefer`.

use axum::http::{HeaderMap, HeaderName, header::ACCEPT};

/// RFC 7240 (<https://www.rfc-editor.org/rfc/rfc7240>).
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// At once, as an operation to ask about.
    Operation,
    /// As it comes.
    Events,
    /// In JSON, when it is done.
    Json,
    /// The original's text, when it is done.
    Text,
}

impl Delivery {
    /// Only those who name a form get it: front ends send `*/*` and expect the original's text.
    pub fn of(headers: &HeaderMap) -> Self {
        if prefers_async(headers) {
            Self::Operation
        } else if accepts(headers, "text/event-stream") {
            Self::Events
        } else if accepts(headers, "application/json") {
            Self::Json
        } else {
            Self::Text
        }
    }
}

fn prefers_async(headers: &HeaderMap) -> bool {
    let preferences = words(headers, &PREFER, ',');
    preferences
        .iter()
        .any(|preference| preference.eq_ignore_ascii_case("respond-async"))
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    words(headers, &ACCEPT, ',').iter().any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_wanted = parts
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
        let is_refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        is_wanted && !is_refused
    })
}

fn words<'a>(headers: &'a HeaderMap, name: &HeaderName, separator: char) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .flat_map(|list| list.split(separator))
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&HeaderName, &str)]) -> Delivery {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).clone(), value.parse().unwrap()));
        Delivery::of(&headers.collect())
    }

    #[test]
    fn json_and_events_are_for_those_who_name_them() {
        for (accept, expected) in [
            ("*/*", Delivery::Text),
            ("text/plain", Delivery::Text),
            ("application/*", Delivery::Text),
            ("text/*", Delivery::Text),
            ("application/json;q=0, */*", Delivery::Text),
            ("application/json", Delivery::Json),
            (
                "text/html, Application/JSON; charset=utf-8, */*",
                Delivery::Json,
            ),
            ("text/event-stream", Delivery::Events),
            ("application/json, text/event-stream", Delivery::Events),
            ("text/event-stream;q=0, application/json", Delivery::Json),
        ] {
            assert_eq!(of(&[(&ACCEPT, accept)]), expected, "{accept}");
        }
        assert_eq!(of(&[]), Delivery::Text);
    }

    #[test]
    fn a_preference_counts_whatever_stands_beside_it() {
        for (prefer, expected) in [
            ("respond-async", Delivery::Operation),
            ("Respond-Async, wait=10", Delivery::Operation),
            ("return=minimal; x=y, respond-async", Delivery::Operation),
            ("return=minimal", Delivery::Json),
            ("respond-asynchronously", Delivery::Json),
        ] {
            let delivery = of(&[(&ACCEPT, "application/json"), (&PREFER, prefer)]);
            assert_eq!(delivery, expected, "{prefer}");
        }
    }
}
