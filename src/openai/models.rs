//! The list of models: which of them end, and when.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use time::{Date, OffsetDateTime, macros::format_description};

/// No honest list is longer; gateways list thousands of models in some hundred kilobytes.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// A model that its provider will shut down, or has shut down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEnd {
    /// The model's id.
    pub model: String,
    /// The day of its end, in UTC.
    pub on: Date,
}

/// The models of a list that have an end. Nobody depends on it, so a list that is too long, that
/// breaks off or that is none has no such model.
pub(super) async fn read_ends(mut response: reqwest::Response) -> Vec<ModelEnd> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_LIST_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(None) => return parse_ends(&body),
            _ => return Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct ModelList {
    #[serde(default)]
    data: Vec<Item>,
}

/// An entry that cannot be read hides none of the others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Model(Model),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Model {
    id: String,
    /// OpenAI's (<https://platform.openai.com/docs/api-reference/models>).
    #[serde(default)]
    shutdown_date: Value,
    /// Azure's (<https://learn.microsoft.com/rest/api/azureopenai/models/list>): in
    /// `inference` the time when a deployment of the model stops answering.
    #[serde(default)]
    deprecation: Value,
}

fn parse_ends(body: &[u8]) -> Vec<ModelEnd> {
    let list: Option<ModelList> = serde_json::from_slice(body).ok();
    let items = list.into_iter().flat_map(|list| list.data);
    items
        .filter_map(|item| match item {
            Item::Model(model) => Some(ModelEnd {
                on: date(&model.shutdown_date).or_else(|| date(&model.deprecation["inference"]))?,
                model: model.id,
            }),
            Item::Other(_) => None,
        })
        .collect()
}

/// A date, with or without a time of day behind it, or Unix seconds.
fn date(value: &Value) -> Option<Date> {
    match value {
        Value::String(text) => {
            let format = format_description!("[year]-[month]-[day]");
            Date::parse(text.trim().get(..10)?, format).ok()
        }
        Value::Number(seconds) => {
            let seconds = seconds.as_f64().filter(|seconds| *seconds > 0.0)?;
            let moment = OffsetDateTime::from_unix_timestamp(seconds as i64);
            Some(moment.ok()?.date())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::date;

    fn ends(list: &Value) -> Vec<(String, Date)> {
        let ends = parse_ends(list.to_string().as_bytes()).into_iter();
        ends.map(|end| (end.model, end.on)).collect()
    }

    #[test]
    fn ends_are_read_as_dates_and_as_seconds_from_openai_and_azure() {
        let day = date!(2026 - 12 - 01);
        for fields in [
            json!({"shutdown_date": "2026-12-01"}),
            json!({"shutdown_date": "2026-12-01T08:00:00Z"}),
            json!({"shutdown_date": 1_796_083_200}),
            json!({"shutdown_date": 1_796_083_200.5}),
            json!({"shutdown_date": null, "deprecation": {"inference": 1_796_083_200}}),
        ] {
            let mut model = json!({"id": "m", "object": "model"});
            model.as_object_mut().unwrap().extend(
                fields
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            let list = json!({"object": "list", "data": [model]});
            assert_eq!(ends(&list), [("m".to_owned(), day)], "{fields}");
        }
    }

    #[test]
    fn what_is_no_date_ends_nothing_and_hides_no_other_model() {
        let end = json!("2026-12-01");
        let list = json!({"data": [
            {"id": "a"}, {"id": "b", "shutdown_date": null}, {"id": "c", "shutdown_date": "soon"},
            {"id": "d", "shutdown_date": "2026-13-01"}, {"id": "e", "shutdown_date": -1},
            {"id": "f", "shutdown_date": 1e300}, {"id": "g", "shutdown_date": {}},
            {"id": "h", "shutdown_date": "ÄÄÄÄÄÄÄ"}, {"id": 7, "shutdown_date": end},
            {"shutdown_date": end}, 7, null, "x", {"id": "z", "shutdown_date": end},
        ]});
        assert_eq!(ends(&list), [("z".to_owned(), date!(2026 - 12 - 01))]);
        for none in [json!([]), json!({"data": null}), json!({"data": {}})] {
            assert!(ends(&none).is_empty(), "{none}");
        }
        assert!(parse_ends(b"<html>").is_empty());
    }
}
