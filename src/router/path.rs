//! Paths as the Functions host matches them: in any letter case and with one slash at the end.
//! Nothing is decoded or collapsed to find a function, for the host has decided which one it is.

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};

/// Takes one slash off the path's end and writes the function's name in lower case. What follows
/// the name is a value and stays as it is.
pub(super) async fn normalize(mut request: Request) -> Request {
    let path = request.uri().path();
    let normal = normal(path);
    if normal != path {
        let with_query = match request.uri().query() {
            Some(query) => format!("{normal}?{query}"),
            None => normal,
        };
        let mut parts = request.uri().clone().into_parts();
        // A part of a URI that was valid stays valid in lower case.
        parts.path_and_query = PathAndQuery::try_from(with_query).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The name is the first segment, below `/api` the second one.
fn normal(path: &str) -> String {
    let path = match path.strip_suffix('/') {
        Some("" | "/") | None => path,
        Some(shorter) => shorter,
    };
    let mut slashes = path.match_indices('/').map(|(index, _)| index).skip(1);
    let first_ends = slashes.next().unwrap_or(path.len());
    let name_ends = match path[..first_ends].eq_ignore_ascii_case("/api") {
        true => slashes.next().unwrap_or(path.len()),
        false => first_ends,
    };
    let (name, rest) = path.split_at(name_ends);
    name.to_ascii_lowercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_values_stay() {
        for (path, expected) in [
            ("/", "/"),
            ("//", "//"),
            ("*", "*"),
            ("/API/GetImages", "/api/getimages"),
            ("/api/getImages/", "/api/getimages"),
            ("/api/getImages//", "/api/getimages/"),
            ("//api/getImages", "//api/getImages"),
            ("/api//getImages", "/api//getImages"),
            ("/Api/Files/A/B.PNG/", "/api/files/A/B.PNG"),
            ("/api/%67etImages", "/api/%67etimages"),
            ("/V1/Models/GPT", "/v1/Models/GPT"),
            ("/X", "/x"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
    }
}
