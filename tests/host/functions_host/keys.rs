//! Function keys and authorization levels.

use super::load::AuthLevel;
use super::message::Headers;
use super::query;

/// Keys that the double accepts; a real app has its own.
pub const FUNCTION_KEY: &str = "function-5ecret-of-the-double";
pub const ADMIN_KEY: &str = "admin-key-of-the-double";

/// The keys of one host.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    pub function: &'static str,
    pub admin: &'static str,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            function: FUNCTION_KEY,
            admin: ADMIN_KEY,
        }
    }
}

impl Keys {
    /// Checks the header, or else the query's `code`. Anonymous functions need no key.
    pub fn admit(&self, level: AuthLevel, query: &str, headers: &Headers) -> bool {
        let accepted: &[&str] = match level {
            AuthLevel::Anonymous => return true,
            AuthLevel::Function => &[self.function, self.admin],
            AuthLevel::Admin => &[self.admin],
        };
        let in_header = headers.get("x-functions-key").map(str::to_owned);
        let in_query = || {
            let mut pairs = query::parse(query).into_iter();
            pairs
                .find(|(name, _)| name.eq_ignore_ascii_case("code"))
                .map(|(_, value)| value)
        };
        in_header
            .or_else(in_query)
            .is_some_and(|key| accepted.contains(&key.as_str()))
    }
}
