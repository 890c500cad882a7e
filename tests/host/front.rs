//! What the host decides before a handler sees a request: route, method, key, size.

use axum::http::{HeaderMap, Method, StatusCode, Uri};

use super::load::{AuthLevel, Function, FunctionApp};

/// Kestrel's limit for a request body in the host.
pub const MAX_BODY_BYTES: usize = 104_857_600;

/// Keys that the double accepts; a real app has its own.
pub const FUNCTION_KEY: &str = "function-5ecret-of-the-double";
pub const ADMIN_KEY: &str = "admin-key-of-the-double";

/// The function that a request is for, or the status that the host answers with an empty body.
pub fn route<'app>(
    app: &'app FunctionApp,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<&'app Function, StatusCode> {
    let function = app
        .functions
        .iter()
        .find(|function| {
            function
                .methods
                .iter()
                .any(|known| known == method.as_str())
                && matches(&app.route_prefix, &function.route, uri.path())
        })
        // A wrong method is a 404 as well: the host's method constraint never gives a 405.
        .ok_or(StatusCode::NOT_FOUND)?;
    authorize(function.auth_level, uri, headers)?;
    if content_length(headers) > MAX_BODY_BYTES as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(function)
}

/// The length that the request announces, 0 without one.
pub fn content_length(headers: &HeaderMap) -> u64 {
    headers
        .get("content-length")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// ASP.NET routing: any letter case, one trailing slash tolerated, `{*name}` takes the rest.
fn matches(prefix: &str, route: &str, path: &str) -> bool {
    let template = format!("{prefix}/{route}");
    let mut template = template.split('/').filter(|segment| !segment.is_empty());
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut path = path.strip_suffix('/').unwrap_or(path).split('/');
    loop {
        match (template.next(), path.next()) {
            (Some(wanted), _) if wanted.starts_with("{*") => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            (Some(wanted), Some(given)) if wanted.eq_ignore_ascii_case(given) => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// The header comes first, then the query's `code`; an anonymous function asks for neither.
fn authorize(level: AuthLevel, uri: &Uri, headers: &HeaderMap) -> Result<(), StatusCode> {
    let accepted: &[&str] = match level {
        AuthLevel::Anonymous => return Ok(()),
        AuthLevel::Function => &[FUNCTION_KEY, ADMIN_KEY],
        AuthLevel::Admin => &[ADMIN_KEY],
    };
    let in_header = headers
        .get("x-functions-key")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let query = uri.query().unwrap_or_default();
    let in_query = || {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name.eq_ignore_ascii_case("code"))
            .map(|(_, value)| value.into_owned())
    };
    match in_header.or_else(in_query) {
        Some(key) if accepted.contains(&key.as_str()) => Ok(()),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

#[test]
fn routes_match_in_any_case_and_with_one_trailing_slash() {
    let cases = [
        ("getImages", "/api/getImages", true),
        ("getImages", "/API/GETIMAGES/", true),
        ("getImages", "/api/getImages//", false),
        ("getImages", "/getImages", false),
        ("getImages", "/api/getImages/more", false),
        ("files/{*path}", "/api/files/a/b.png", true),
        ("files/{*path}", "/api/files", true),
        ("operations/{id}", "/api/operations/7", true),
        ("operations/{id}", "/api/operations", false),
    ];
    for (route, path, expected) in cases {
        assert_eq!(matches("api", route, path), expected, "{route} {path}");
    }
}
