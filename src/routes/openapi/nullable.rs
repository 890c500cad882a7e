//! Nullable words. utoipa describes an optional enum as `oneOf` of the enum and `null`, which Kiota
//! turns into a class without members; one schema with two types says the same.

use serde_json::{Map, Value, json};

/// Rewrites all such schemas of the document.
pub(super) fn merge(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(merge),
        Value::Object(schema) => {
            schema.values_mut().for_each(merge);
            if let Some(words) = nullable_words(schema) {
                schema.remove("oneOf");
                schema.insert("type".to_owned(), json!(["string", "null"]));
                schema.insert("enum".to_owned(), words);
            }
        }
        _ => {}
    }
}

/// The words and `null`, where a schema is those.
fn nullable_words(schema: &Map<String, Value>) -> Option<Value> {
    let (one, other) = match schema.get("oneOf")?.as_array()?.as_slice() {
        [one, other] => (one, other),
        _ => return None,
    };
    let null = json!({"type": "null"});
    let words = match (*one == null, *other == null) {
        (false, true) => one,
        (true, false) => other,
        _ => return None,
    };
    let mut all = words.get("enum")?.as_array()?.clone();
    all.push(Value::Null);
    Some(all.into())
}
