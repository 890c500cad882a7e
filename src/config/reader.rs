//! Takes typed values out of the environment and collects what is wrong on the way.

use super::{ConfigProblems, Environment, Problem, table::LATER_SETTINGS};
use std::str::FromStr;
use url::Url;

/// The service's order of permission letters (<https://learn.microsoft.com/rest/api/storageservices/create-service-sas>).
const PERMISSION_ORDER: &str = "racwdl";

pub(super) struct Reader<'a> {
    pub environment: &'a Environment,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            problems: Vec::new(),
        }
    }

    /// # Errors
    /// All problems that were reported.
    pub fn finish(self) -> Result<(), ConfigProblems> {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigProblems(self.problems)),
        }
    }

    pub fn problem(&mut self, setting: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            setting: setting.to_owned(),
            message: message.into(),
        });
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    /// The value of a setting with its synonyms; two different values are a problem.
    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        let mut given = names
            .iter()
            .filter_map(|name| Some((name, self.environment.get(name)?)));
        let (first, value) = given.next()?;
        let other = given.find(|(_, other)| *other != value);
        let value = value.to_owned();
        if let Some((other, _)) = other {
            self.problem(other, format!("differs from {first}, which means the same"));
        }
        Some(value)
    }

    /// A text that can stand in a header: visible ASCII. A line break in the middle of a key is
    /// what a careless paste leaves.
    pub fn header_value(&mut self, names: &[&str]) -> Option<String> {
        let value = self.text(names)?;
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = "holds a space, a line break or a character that is not ASCII";
            self.problem(names[0], problem);
        }
        Some(value)
    }

    pub fn one_of(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let value = self.text(&[name])?.to_ascii_lowercase();
        if words.contains(&value.as_str()) {
            return Some(value);
        }
        self.problem(name, format!("must be one of {}", words.join(", ")));
        None
    }

    pub fn integer(&mut self, name: &str, min: u64, max: u64) -> Option<u64> {
        let value = self.text(&[name])?;
        match value.parse() {
            Ok(integer) if (min..=max).contains(&integer) => Some(integer),
            _ => {
                self.problem(name, format!("must be a whole number from {min} to {max}"));
                None
            }
        }
    }

    /// A whole number from 1, or `off`, which is the inner `None`.
    pub fn limit(&mut self, name: &str, max: u64) -> Option<Option<u32>> {
        let value = self.text(&[name])?;
        if value.eq_ignore_ascii_case("off") {
            return Some(None);
        }
        let number = value.parse().ok();
        let number = number.filter(|number| (1..=max).contains(&u64::from(*number)));
        if number.is_none() {
            self.problem(
                name,
                format!("must be a whole number from 1 to {max}, or off"),
            );
        }
        Some(number)
    }

    /// A number with or without a decimal point.
    pub fn decimal(&mut self, name: &str, min: f64, max: f64) -> Option<f64> {
        let value = self.text(&[name])?;
        let number = value.parse().ok();
        // NaN and the infinities are numbers to `parse` and in no range.
        let number = number.filter(|number| (min..=max).contains(number));
        if number.is_none() {
            let rule = format!("must be a number from {min} to {max}, such as 0.7");
            self.problem(name, rule);
        }
        number
    }

    pub fn parsed<T: FromStr>(&mut self, name: &str, rule: &str) -> Option<T> {
        let value = self.text(&[name])?;
        if value.parse::<T>().is_err() {
            self.problem(name, format!("must be {rule}"));
        }
        value.parse().ok()
    }

    /// An http or https address without query.
    pub fn url(&mut self, name: &str) -> Option<Url> {
        let value = self.text(&[name])?;
        let url = Url::parse(&value).ok().filter(|url| {
            let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
            is_web && url.query().is_none() && url.fragment().is_none() && url.password().is_none()
        });
        if url.is_none() {
            self.problem(name, "must be an http or https address without a query");
        }
        url
    }

    /// An address as text, without a slash at the end.
    pub fn base_url(&mut self, name: &str) -> Option<String> {
        let url = self.url(name)?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    /// `*`, or origins with commas between them, without slashes at their ends.
    pub fn origins(&mut self, name: &str) -> Vec<String> {
        let Some(list) = self.text(&[name]) else {
            return Vec::new();
        };
        let origins = list
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/'));
        let origins: Vec<String> = origins
            .filter(|origin| !origin.is_empty())
            .map(str::to_owned)
            .collect();
        let is_origin = |origin: &String| {
            origin == "*"
                || Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin)
        };
        if !origins.iter().all(is_origin) {
            let rule = "must be *, or origins such as https://example.com with commas between them";
            self.problem(name, rule);
        }
        origins
    }

    /// Permission letters in the service's order; `r` when nothing is said.
    pub fn permissions(&mut self, name: &str) -> String {
        let given = self.text(&[name]).unwrap_or_else(|| "r".to_owned());
        if !given
            .chars()
            .all(|letter| PERMISSION_ORDER.contains(letter))
        {
            self.problem(name, format!("must be letters out of {PERMISSION_ORDER}"));
        }
        let in_order = PERMISSION_ORDER.chars();
        in_order.filter(|letter| given.contains(*letter)).collect()
    }

    pub fn local_http_port(&self) -> Option<u64> {
        self.environment.local_http_port
    }

    pub fn report_local_settings(&mut self) {
        if let Some(error) = &self.environment.local_settings_error {
            self.problem("local.settings.json", error.to_string());
        }
    }

    /// Who sets one of these believes to be protected or served by it.
    pub fn refuse_later_settings(&mut self) {
        for name in LATER_SETTINGS {
            if self.is_set(name) {
                self.problem(name, "is not supported by this version; unset it");
            }
        }
    }
}
