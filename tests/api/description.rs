//! Holds answers against the service's own description: the status, the headers, the media type
//! and the body of each must be what `openapi.json` says of them.

use serde_json::Value;
use std::sync::LazyLock;

/// The description that all services share but for addresses and the largest `n`.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| visionary::routes::openapi::document(10, "http://localhost:7071"));

/// Headers that callers act on: whoever sends one has to say so.
const TOLD: [&str; 17] = [
    "accept-encoding",
    "accept-ranges",
    "allow",
    "content-disposition",
    "content-range",
    "etag",
    "last-modified",
    "location",
    "operation-location",
    "preference-applied",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
    "x-request-id",
    "x-suggestion-source",
    "cache-control",
];

/// An answer that was seen.
pub struct Seen<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub headers: &'a reqwest::header::HeaderMap,
    pub body: &'a [u8],
}

impl Seen<'_> {
    /// Fails where the answer is not as described. What is not below `/api/` is another's.
    #[track_caller]
    pub fn check(&self) {
        let Some(route) = self.path.strip_prefix("/api/") else {
            return;
        };
        let Some(item) = path_item(route) else {
            return;
        };
        let Some(operation) = item.get(self.method.to_ascii_lowercase()) else {
            return self.check_wrong_method();
        };
        let told = &operation["responses"][self.status.to_string()];
        assert!(told.is_object(), "{} is not described", self.name());
        self.check_headers(told);
        self.check_body(told);
    }

    fn name(&self) -> String {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(2000)]);
        format!("{} {} {} {body}", self.method, self.path, self.status)
    }

    /// HEAD is GET without its body, and OPTIONS is asked by browsers, of all paths.
    fn check_wrong_method(&self) {
        if !["HEAD", "OPTIONS"].contains(&self.method) && self.status != 503 {
            assert_eq!(self.status, 405, "{}", self.name());
            assert!(self.headers.contains_key("allow"), "{}", self.name());
        }
    }

    fn check_headers(&self, told: &Value) {
        let described = told["headers"].as_object();
        let described = described.into_iter().flatten();
        let described: Vec<String> = described.map(|(name, _)| name.to_lowercase()).collect();
        let is_problem = self.header("content-type") == "application/problem+json";
        for name in TOLD {
            // Errors are never kept; and any of them may name an operation or say when.
            let of_errors = ["cache-control", "operation-location", "retry-after"];
            if is_problem && of_errors.contains(&name) {
                continue;
            }
            let is_told = described.iter().any(|told| told == name);
            let is_here = self.headers.contains_key(name);
            assert!(is_told || !is_here, "{name} of {}", self.name());
        }
        assert!(self.headers.contains_key("x-request-id"), "{}", self.name());
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn check_body(&self, told: &Value) {
        if self.body.is_empty() {
            return;
        }
        let kind = self.header("content-type");
        let kind = kind.split(';').next().unwrap();
        let content = told["content"].get(kind).or(told["content"].get("*/*"));
        let content = content.unwrap_or_else(|| panic!("{kind} of {}", self.name()));
        let body = match kind {
            "application/json" | "application/problem+json" => {
                serde_json::from_slice(self.body).unwrap()
            }
            _ => Value::from(String::from_utf8_lossy(self.body).into_owned()),
        };
        for value in described_values(kind, body) {
            if let Err(problem) = validate(&content["schema"], &value) {
                panic!("{problem} in {}", self.name());
            }
        }
    }
}

/// What the schema of a content describes: the content, or of an event stream each event's data.
pub fn described_values(kind: &str, content: Value) -> Vec<Value> {
    if kind != "text/event-stream" {
        return vec![content];
    }
    let lines = content.as_str().unwrap().lines();
    let data = lines.filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The description of a path as it was called.
fn path_item(route: &str) -> Option<&'static Value> {
    let mut parts = route.strip_suffix('/').unwrap_or(route).splitn(2, '/');
    let (function, rest) = (parts.next()?.to_ascii_lowercase(), parts.next());
    let mut paths = DOCUMENT["paths"].as_object()?.iter();
    paths.find_map(|(path, item)| {
        let mut told = path[1..].splitn(2, '/');
        let is_same = told.next()?.to_ascii_lowercase() == function
            && match (told.next(), rest) {
                (None, None) => true,
                (Some("{path}"), Some(_)) => true,
                (Some(_), Some(rest)) => !rest.contains('/'),
                _ => false,
            };
        is_same.then_some(item)
    })
}

/// Checks a value against a schema of [`DOCUMENT`], as far as the schemas there go; a keyword
/// that is not known here fails.
pub fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let keywords = schema.as_object().ok_or("no schema")?;
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                validate(DOCUMENT.pointer(pointer).expect(pointer), value)?;
                true
            }
            "allOf" => {
                let mut all = rule.as_array().unwrap().iter();
                all.try_for_each(|schema| validate(schema, value))?;
                true
            }
            "anyOf" => matching(rule, value) > 0,
            "oneOf" => matching(rule, value) == 1,
            "not" => validate(rule, value).is_err(),
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of_type(value, kind)),
                kind => is_of_type(value, kind),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => {
                let mut names = rule.as_array().unwrap().iter();
                value.is_object() && names.all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" | "additionalProperties" => {
                check_properties(keywords, keyword, rule, value)?;
                true
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                items.try_for_each(|item| validate(rule, item))?;
                true
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= rule.as_f64().unwrap()),
            "multipleOf" => value
                .as_u64()
                .is_none_or(|n| n % rule.as_u64().unwrap() == 0),
            "minLength" => length(value).is_none_or(|n| n >= rule.as_u64().unwrap()),
            "maxLength" => length(value).is_none_or(|n| n <= rule.as_u64().unwrap()),
            "maxItems" => value
                .as_array()
                .is_none_or(|a| a.len() as u64 <= rule.as_u64().unwrap()),
            // Patterns are for schemathesis, which has regular expressions; the rest tells people.
            "description" | "format" | "pattern" | "contentEncoding" => true,
            extension if extension.starts_with("x-") => true,
            unknown => return Err(format!("the keyword {unknown} is not known here")),
        };
        if !holds {
            return Err(format!("{value} is against {keyword} {rule}"));
        }
    }
    Ok(())
}

fn matching(schemas: &Value, value: &Value) -> usize {
    let schemas = schemas.as_array().unwrap().iter();
    schemas
        .filter(|schema| validate(schema, value).is_ok())
        .count()
}

fn check_properties(
    keywords: &serde_json::Map<String, Value>,
    keyword: &str,
    rule: &Value,
    value: &Value,
) -> Result<(), String> {
    let described = keywords.get("properties");
    for (name, value) in value.as_object().into_iter().flatten() {
        let own = described.and_then(|described| described.get(name));
        let schema = match keyword {
            "properties" => own,
            _ => own.is_none().then_some(rule),
        };
        if let Some(schema) = schema {
            validate(schema, value).map_err(|problem| format!("{name}: {problem}"))?;
        }
    }
    Ok(())
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn is_of_type(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        kind => panic!("{kind} is no type"),
    }
}
