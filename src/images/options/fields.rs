//! Takes typed values out of a JSON object, or out of texts as a query has them; what is left in
//! the end is unknown.

use super::InvalidOption;
use serde_json::{Map, Number, Value};
use std::str::FromStr;
use std::time::Duration;

/// The fields of a request that were not read yet.
pub(super) struct Fields {
    values: Map<String, Value>,
    /// Those that were read, as they came.
    taken: Map<String, Value>,
    /// The names that were looked for.
    known_names: Vec<&'static str>,
    writing: Writing,
}

/// How numbers, true and false are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// As JSON's own.
    Json,
    /// As texts that JSON would read so.
    Text,
}

/// How many unknown fields are named in warnings, and how long a name may be there.
const MOST_WARNINGS: usize = 20;
const LONGEST_NAME: usize = 64;

/// JSON has one kind of number, and some libraries write 4 as `4.0`; in an address it is a typo.
fn whole_number(number: &Number, writing: Writing) -> Option<u64> {
    let of_float = || {
        let float = number.as_f64().filter(|_| writing == Writing::Json)?;
        let is_whole = float.fract() == 0.0 && (0.0..=EXACT).contains(&float);
        // Within these bounds nothing is lost.
        is_whole.then_some(float as u64)
    };
    number.as_u64().or_else(of_float)
}

/// The last float up to which each whole number is one.
const EXACT: f64 = 9_007_199_254_740_991.0;

pub(super) fn invalid(field: &str, problem: &str, allowed: &str) -> InvalidOption {
    InvalidOption {
        field: field.to_owned(),
        problem: problem.to_owned(),
        allowed: allowed.to_owned(),
    }
}

impl Fields {
    pub fn new(values: Map<String, Value>, writing: Writing) -> Self {
        Self {
            values,
            taken: Map::new(),
            known_names: Vec::new(),
            writing,
        }
    }

    /// `null` is as good as absent.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known_names.push(name);
        let value = self.values.remove(name).filter(|value| !value.is_null())?;
        self.taken.insert(name.to_owned(), value.clone());
        Some(value)
    }

    /// A value that is no text: written as one it is read strictly, or stays a text.
    fn take_unquoted(&mut self, name: &'static str) -> Option<Value> {
        match self.take(name)? {
            Value::String(text) if self.writing == Writing::Text => Some(match text.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                _ => Number::from_str(&text).map_or(Value::String(text), Value::Number),
            }),
            other => Some(other),
        }
    }

    /// A text of any length.
    pub fn any_text(
        &mut self,
        name: &'static str,
        rule: &str,
    ) -> Result<Option<String>, InvalidOption> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(invalid(name, &format!("is {}", describe(&other)), rule)),
        }
    }

    /// A text of at most so many characters.
    pub fn text(
        &mut self,
        name: &'static str,
        most: usize,
    ) -> Result<Option<String>, InvalidOption> {
        let rule = format!("a text of up to {most} characters");
        let text = self.any_text(name, &rule)?;
        match text.as_ref().map_or(0, |text| text.chars().count()) {
            characters if characters > most => {
                let problem = format!("has {characters} characters");
                Err(invalid(name, &problem, &rule))
            }
            _ => Ok(text),
        }
    }

    /// A text that keeps a rule.
    pub fn matching(
        &mut self,
        name: &'static str,
        keeps_rule: impl Fn(&str) -> bool,
        rule: &str,
    ) -> Result<Option<String>, InvalidOption> {
        match self.any_text(name, rule)? {
            Some(text) if !keeps_rule(&text) => {
                Err(invalid(name, &format!("is {}", quote(&text)), rule))
            }
            kept => Ok(kept),
        }
    }

    /// One of a few words.
    pub fn one_of(
        &mut self,
        name: &'static str,
        words: &[&str],
    ) -> Result<Option<String>, InvalidOption> {
        self.matching(name, |text| words.contains(&text), &words.join(", "))
    }

    /// A whole number.
    pub fn integer(
        &mut self,
        name: &'static str,
        min: u64,
        max: u64,
    ) -> Result<Option<u64>, InvalidOption> {
        let rule = format!("a whole number from {min} to {max}");
        self.whole(name, |integer| (min..=max).contains(&integer), &rule)
    }

    /// A whole number of so many steps.
    pub fn multiple(
        &mut self,
        name: &'static str,
        min: u64,
        max: u64,
        step: u64,
    ) -> Result<Option<u64>, InvalidOption> {
        let keeps_rule =
            |integer: u64| (min..=max).contains(&integer) && integer.is_multiple_of(step);
        let rule = format!("a multiple of {step} from {min} to {max}");
        self.whole(name, keeps_rule, &rule)
    }

    fn whole(
        &mut self,
        name: &'static str,
        keeps_rule: impl Fn(u64) -> bool,
        rule: &str,
    ) -> Result<Option<u64>, InvalidOption> {
        match self.take_unquoted(name) {
            None => Ok(None),
            Some(Value::Number(number)) => match whole_number(&number, self.writing) {
                Some(integer) if keeps_rule(integer) => Ok(Some(integer)),
                _ => Err(invalid(name, &format!("is {number}"), rule)),
            },
            Some(other) => Err(invalid(name, &format!("is {}", describe(&other)), rule)),
        }
    }

    /// A number.
    pub fn number(
        &mut self,
        name: &'static str,
        min: f64,
        max: f64,
    ) -> Result<Option<f64>, InvalidOption> {
        let rule = format!("a number from {min} to {max}");
        match self.take_unquoted(name) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_f64() {
                Some(float) if (min..=max).contains(&float) => Ok(Some(float)),
                _ => Err(invalid(name, &format!("is {number}"), &rule)),
            },
            Some(other) => Err(invalid(name, &format!("is {}", describe(&other)), &rule)),
        }
    }

    /// True or false.
    pub fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, InvalidOption> {
        match self.take_unquoted(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => {
                let problem = format!("is {}", describe(&other));
                Err(invalid(name, &problem, "true or false"))
            }
        }
    }

    /// `timeoutMs`: how long the caller will wait.
    pub fn timeout(&mut self) -> Result<Option<Duration>, InvalidOption> {
        let millis = self.integer("timeoutMs", 1000, 900_000)?;
        Ok(millis.map(Duration::from_millis))
    }

    /// `maxRetries`: how often a failed call may be repeated.
    pub fn max_retries(&mut self) -> Result<Option<u32>, InvalidOption> {
        Ok(self.integer("maxRetries", 0, 20)?.map(super::as_u32))
    }

    /// The fields that were read, and the bounded names of others: from them the same request is
    /// read again, with the same warnings. Whatever else a caller sent is let go.
    pub fn known(&self) -> Map<String, Value> {
        let mut known = self.taken.clone();
        for name in self.values.keys().take(MOST_WARNINGS) {
            let name: String = name.chars().take(LONGEST_NAME + 1).collect();
            known.insert(name, Value::Null);
        }
        known
    }

    /// A warning for each unknown field, for a bounded number of them. It suggests the known name
    /// that differs in letter case or separators only.
    pub fn unknown(&self) -> Vec<String> {
        let names = self.values.keys().take(MOST_WARNINGS);
        names
            .map(|name| {
                let mut known = self.known_names.iter();
                let meant = known.find(|known| is_variant(name, known));
                let hint = meant.map(|known| format!("; did you mean \"{known}\"?"));
                format!(
                    "{} is not a known field{}",
                    quote(name),
                    hint.unwrap_or_default()
                )
            })
            .collect()
    }

    /// The end of an error about missing fields when the request has one under a misspelt name;
    /// else empty.
    pub fn misspelling_of(&self, missing: &[&str]) -> String {
        let mut given = self.values.iter().filter(|(_, value)| !value.is_null());
        let misspelt = given.find_map(|(given, _)| {
            let name = missing.iter().find(|name| is_variant(given, name))?;
            Some((quote(given), name))
        });
        misspelt.map_or_else(String::new, |(given, name)| {
            format!("; the request has {given}: names are case-sensitive, use \"{name}\"")
        })
    }
}

/// Whether two names differ in letter case, `_` and `-` only: serializers write `OutputFormat` or
/// `outputFormat` for `output_format`.
fn is_variant(name: &str, known: &str) -> bool {
    letters(name).eq(letters(known))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    let letters = name.chars().filter(|letter| !"_-".contains(*letter));
    letters.map(|letter| letter.to_ascii_lowercase())
}

/// A caller's text within a sentence: escaped, so that it cannot break a line, and short.
fn quote(text: &str) -> String {
    let short: String = text.chars().take(LONGEST_NAME).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", short.escape_debug())
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", quote(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
