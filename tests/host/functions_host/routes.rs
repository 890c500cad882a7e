//! Routing: a request goes to a function or to one of the host's own pages.

use super::load::Function;

/// The host's own pages, which take precedence over functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPage {
    /// `/admin/host/ping`, which needs no key.
    Ping,
    /// Pages that need the master key. Their contents are not modelled.
    Locked,
}

impl OwnPage {
    pub fn of(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let is_below = |folder: &str| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if path.trim_end_matches('/') == "/admin/host/ping" {
            return Some(Self::Ping);
        }
        let locked = [
            "/admin/host",
            "/admin/functions",
            "/admin/vfs",
            "/runtime/webhooks",
        ];
        locked
            .iter()
            .any(|folder| is_below(folder))
            .then_some(Self::Locked)
    }
}

/// The most specific function whose route, constraints and methods match. A wrong method is no 405:
/// less specific routes are tried.
pub fn find<'app>(functions: &'app [Function], method: &str, path: &str) -> Option<&'app Function> {
    let takes = |function: &&Function| function.takes(method) && function.template.matches(path);
    functions
        .iter()
        .filter(takes)
        .min_by_key(|function| function.template.precedence())
}
