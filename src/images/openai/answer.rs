//! Reads an images answer. Every field but `data` may be missing or new: the API's own
//! description is behind what servers send.

use crate::openai::UpstreamError;
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;
use serde_json::Value;

/// Some servers leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an answer holds.
pub(super) struct Answer {
    pub items: Vec<Item>,
    pub usage: Option<Value>,
}

/// One picture of an answer.
pub(super) struct Item {
    pub picture: Picture,
    pub revised_prompt: Option<String>,
}

/// The picture or where it is.
pub(super) enum Picture {
    Inline(Vec<u8>),
    At(String),
    /// It cannot be used; the others of the answer can.
    Unusable(UpstreamError),
}

#[derive(Deserialize)]
struct RawAnswer {
    data: Option<Vec<RawItem>>,
    usage: Option<Value>,
    /// Azure's preview versions have it here instead of beside the picture.
    revised_prompt: Option<String>,
}

#[derive(Deserialize)]
struct RawItem {
    b64_json: Option<String>,
    url: Option<String>,
    revised_prompt: Option<String>,
}

/// Reads pictures and decodes those that came in base64.
///
/// # Errors
/// [`UpstreamError::Malformed`] when it is no images answer or has no picture at all.
pub(super) fn parse(body: &[u8]) -> Result<Answer, UpstreamError> {
    let malformed = |reason| UpstreamError::Malformed { reason };
    let raw: RawAnswer = serde_json::from_slice(body)
        .map_err(|_| malformed("it is not the JSON of an images answer"))?;
    let data = raw.data.unwrap_or_default();
    if data.is_empty() {
        return Err(malformed("it holds no picture"));
    }
    let items = data
        .into_iter()
        .map(|item| Item {
            picture: match (item.b64_json, item.url) {
                (Some(text), _) => decode(&text).map_or_else(Picture::Unusable, Picture::Inline),
                (None, Some(url)) => Picture::At(url),
                (None, None) => {
                    Picture::Unusable(malformed("a picture has neither b64_json nor url"))
                }
            },
            revised_prompt: item.revised_prompt.or_else(|| raw.revised_prompt.clone()),
        })
        .collect();
    Ok(Answer {
        items,
        usage: raw.usage,
    })
}

/// A data URL's prefix is tolerated: local servers send it at times.
fn decode(text: &str) -> Result<Vec<u8>, UpstreamError> {
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(',').map_or(rest, |(_, data)| data),
        None => text,
    };
    BASE64
        .decode(text.trim())
        .map_err(|_| UpstreamError::Malformed {
            reason: "a picture in it is not base64",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(body: &str) -> Vec<(Option<Vec<u8>>, Option<String>)> {
        let answer = parse(body.as_bytes()).unwrap();
        answer
            .items
            .into_iter()
            .map(|item| match item.picture {
                Picture::Inline(bytes) => (Some(bytes), item.revised_prompt),
                Picture::At(url) => (Some(url.into_bytes()), item.revised_prompt),
                Picture::Unusable(_) => (None, item.revised_prompt),
            })
            .collect()
    }

    #[test]
    fn pictures_come_inline_or_by_address() {
        let body = r#"{"created":1,"new":{},"data":[{"b64_json":"aGk="},{"b64_json":"aGk","revised_prompt":"r"},
            {"b64_json":"data:image/png;base64,aGk="},{"url":"https://x/y"}],"revised_prompt":"top"}"#;
        let top = Some("top".to_owned());
        assert_eq!(
            pictures(body),
            [
                (Some(b"hi".to_vec()), top.clone()),
                (Some(b"hi".to_vec()), Some("r".to_owned())),
                (Some(b"hi".to_vec()), top.clone()),
                (Some(b"https://x/y".to_vec()), top),
            ]
        );
    }

    #[test]
    fn one_unusable_picture_spoils_no_other() {
        let body = r#"{"data":[{"b64_json":"!!"},{},{"b64_json":"aGk="}]}"#;
        let hi = Some(b"hi".to_vec());
        assert_eq!(pictures(body), [(None, None), (None, None), (hi, None)]);
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
            r#"{"data":[{"b64_json":7}]}"#,
            r#"{"data":[{"b64_json":"aGk="}"#,
        ] {
            assert!(
                matches!(parse(body.as_bytes()), Err(UpstreamError::Malformed { .. })),
                "{body}"
            );
        }
    }
}
