//! What browsers are told about every answer: what it may do there, and who may show it.

use axum::{
    extract::Request,
    http::{
        HeaderName, HeaderValue,
        header::{
            CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What the answers below a path are for a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    /// What they may do when they are opened as a page.
    content_security: &'static str,
    /// Whose pages may show them without asking (`<img>`). Calls by `fetch` are CORS' business:
    /// this says nothing about them.
    shown_by: &'static str,
}

/// Texts and JSON: opened as a page they can do nothing. A page of the same site, such as
/// localhost:3000 beside localhost:7071, may embed them; others have no use for them.
const DATA: Policy = Policy {
    content_security: "default-src 'none'; frame-ancestors 'none'",
    shown_by: "same-site",
};

/// Pictures: galleries of any origin show them by `<img>`, for whoever has the address has the
/// signature. Other people's files are among them, so nothing in them runs, whatever it is.
const PICTURES: Policy = Policy {
    content_security: "default-src 'none'; frame-ancestors 'none'; sandbox",
    shown_by: "cross-origin",
};

/// Each part of the service that is no [`DATA`], by where its paths begin. A part that shows
/// pages of its own gets a row here, with its own policy.
const PARTS: &[(&str, Policy)] = &[("/api/files/", PICTURES), ("/api/thumbnails/", PICTURES)];

/// Puts the policy on an answer. The paths are normal here.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let policy = policy_of(request.uri().path());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Addresses hold signatures, which no other server is to read.
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, policy.content_security),
        (CROSS_ORIGIN_RESOURCE_POLICY, policy.shown_by),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn policy_of(path: &str) -> Policy {
    let part = PARTS.iter().find(|(start, _)| path.starts_with(start));
    part.map_or(DATA, |(_, policy)| *policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_shown_everywhere_and_the_rest_within_the_site() {
        for (path, policy) in [
            ("/", DATA),
            ("/api/getimages", DATA),
            ("/api/files", DATA),
            ("/api/files/gallery/1/a.png", PICTURES),
            ("/api/thumbnails/abc", PICTURES),
        ] {
            assert_eq!(policy_of(path), policy, "{path}");
        }
    }
}
