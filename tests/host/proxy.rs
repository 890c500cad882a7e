//! Proxying mode (`enableProxyingHttpRequest`): the host streams both ways and changes next to
//! nothing.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};

use super::functions_host::{HOST_VERSION, HandlerClient, empty};

const MAX_TRIES: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What belongs to one connection. Unconfirmed on a real host, where YARP decides it.
const HOP_HEADERS: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// The body of a request: held by the trigger's binding when it has a length, else streamed.
pub enum RequestBody {
    Held(Bytes),
    Streamed(Body),
}

/// Passes the request on and gives back the answer while it still comes in.
///
/// Unconfirmed on a real host: that the client's Host is kept, the status when every try fails, and
/// that only a failure to connect is tried again (the source tries again on any request failure,
/// but a body that has begun to go out cannot be sent twice).
pub async fn send(
    client: &HandlerClient,
    port: u16,
    request: Request<RequestBody>,
    invocation_id: &str,
) -> Response<Body> {
    let Some(request) = address(port, request, invocation_id) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let (parts, body) = request.into_parts();
    let outcome = match body {
        RequestBody::Streamed(body) => client.request(Request::from_parts(parts, body)).await,
        RequestBody::Held(bytes) => {
            let request = Request::from_parts(parts, bytes);
            let mut pause = FIRST_PAUSE;
            let mut tries = 1;
            loop {
                match client.request(request.clone().map(Body::from)).await {
                    Err(error) if error.is_connect() && tries < MAX_TRIES => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        tries += 1;
                    }
                    outcome => break outcome,
                }
            }
        }
    };
    match outcome {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            remove_hop_headers(&mut parts.headers);
            Response::from_parts(parts, Body::new(body))
        }
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn address(
    port: u16,
    request: Request<RequestBody>,
    invocation_id: &str,
) -> Option<Request<RequestBody>> {
    let (mut parts, body) = request.into_parts();
    let path_and_query = parts.uri.path_and_query()?.as_str();
    parts.uri = format!("http://127.0.0.1:{port}{path_and_query}")
        .parse::<Uri>()
        .ok()?;
    remove_hop_headers(&mut parts.headers);
    // Set, not appended: a value of the client's is gone.
    let invocation_id: HeaderValue = invocation_id.parse().ok()?;
    for (name, value) in [
        (
            "x-azure-functions-hostversion",
            HeaderValue::from_static(HOST_VERSION),
        ),
        ("x-azure-functions-invocationid", invocation_id.clone()),
        ("x-ms-invocation-id", invocation_id),
    ] {
        parts.headers.insert(name, value);
    }
    Some(Request::from_parts(parts, body))
}

fn remove_hop_headers(headers: &mut HeaderMap) {
    for name in HOP_HEADERS {
        headers.remove(name);
    }
}
