//! What goes wrong as a caller sees it: the only place with status codes. The public sentence is
//! made here; the cause is kept apart, for the log (RFC 9457, `application/problem+json`).

mod codes;
mod from;

pub use codes::{ERROR_CODES, ErrorCode, error_code};
pub use from::{IDEMPOTENCY_KEY, describe};

use crate::picture_json::{PictureJson, PictureText};
use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// Where an operation can be asked about, as Azure's own services say it
/// (<https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#long-running-operations--jobs>).
pub const OPERATION_LOCATION: HeaderName = HeaderName::from_static("operation-location");

/// The code of a service whose settings are wrong.
const MISCONFIGURED: &str = "misconfigured";

/// The code of a service that waits for its storage folder.
const STARTING: &str = "starting";

/// The same in an answer's body.
const LOCATION_FIELD: &str = "operationLocation";

/// What a 415 names that is about a content coding and not about a media type.
const CODING_FIELD: &str = "Content-Encoding";

/// An answer that is no success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: Box<str>,
    /// The answer's sentence; it may quote the caller.
    detail: Box<str>,
    /// The log's sentence where that must be another: callers' texts are theirs.
    logged: Option<Box<str>>,
    extra: Map<String, Value>,
    /// Those whose marks stand in `extra`.
    pictures: Option<Box<PictureJson>>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(
            error_code(code).is_some_and(|row| row.status == status),
            "{status} {code} has no row in ERROR_CODES, so callers are not told of it"
        );
        Self {
            status,
            code: code.into(),
            detail: detail.into().into(),
            logged: None,
            extra: Map::new(),
            pictures: None,
            retry_after: None,
            cause: None,
        }
    }

    /// A value of the request is not allowed. `field` and `allowed` are words of ours and stand
    /// in the log; `problem` may quote the value and stands in the answer alone.
    #[must_use]
    pub fn invalid(field: &str, problem: &str, allowed: &str) -> Self {
        let detail = format!("{field} {problem}; allowed is {allowed}");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
            .with("field", field)
            .with("allowed", allowed)
            .logged_as(format!("{field} is not as allowed, which is {allowed}"))
    }

    /// A query's parameter is wrong whose name is the caller's word, which the log does not have.
    #[must_use]
    pub fn invalid_parameter(name: &str, problem: &'static str, allowed: &'static str) -> Self {
        Self::invalid(name, problem, allowed).logged_as(format!(
            "a parameter of the query {problem}; allowed is {allowed}"
        ))
    }

    /// A field is missing that the request cannot do without; `sentence` says so in words that
    /// callers know.
    #[must_use]
    pub fn missing(sentence: &str, field: &str, allowed: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", sentence)
            .with("field", field)
            .with("allowed", allowed)
    }

    /// The body is not what the function reads.
    #[must_use]
    pub fn unreadable(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
            .with("field", "body")
            .with("allowed", "a JSON object")
    }

    /// The body is too long.
    #[must_use]
    pub fn too_large(max_bytes: usize) -> Self {
        let detail = format!("the body is longer than {max_bytes} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
            .with("allowed", format!("up to {max_bytes} bytes"))
    }

    /// The body has a type that the function does not read.
    #[must_use]
    pub fn unsupported_type() -> Self {
        let detail = "the body must be JSON";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        )
        .with("field", "Content-Type")
        .with("allowed", "application/json")
    }

    /// The body has a content coding, which no function decodes.
    #[must_use]
    pub fn unsupported_coding(detail: &'static str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        )
        .with("field", CODING_FIELD)
        .with("allowed", "identity")
    }

    /// The body came too slowly.
    #[must_use]
    pub fn too_slow() -> Self {
        let detail = "the body did not come in time; send it again on a new connection";
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail).with("field", "body")
    }

    /// There is no memory for one more long body.
    #[must_use]
    pub fn too_many_bodies() -> Self {
        let detail =
            "too many long bodies are sent at once; send it again in a moment, or a shorter one";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
            .with("field", "body")
            .with_retry_after(Duration::from_secs(1))
    }

    /// Two servers could understand the request in two ways; `doubt` says why.
    #[must_use]
    pub fn doubtful(doubt: &'static str) -> Self {
        let detail = format!("the request is refused: {doubt}");
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// Nothing is at this path.
    #[must_use]
    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The path has other methods.
    #[must_use]
    pub fn method_not_allowed(allowed: &str) -> Self {
        let detail = format!("this path takes {allowed}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .with("allowed", allowed)
    }

    /// A file's signature does not open it.
    #[must_use]
    pub fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "signature_rejected", detail)
    }

    /// The request does not show the key.
    #[must_use]
    pub fn unauthorized() -> Self {
        let detail = "this needs the service's API_KEY, as X-Api-Key or Authorization: Bearer";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// Nobody can show a key, since none is set.
    #[must_use]
    pub fn no_api_key() -> Self {
        let detail =
            "this is for the gallery's owner: it needs an API_KEY in the service's settings";
        Self::new(StatusCode::FORBIDDEN, "api_key_not_set", detail)
    }

    /// A browser sends the request for a page of another site.
    #[must_use]
    pub fn cross_site() -> Self {
        let detail = "a page of another site asks for this; \
            allowed are POST with a JSON body and pages of this service's own site";
        Self::new(StatusCode::FORBIDDEN, "cross_site_request", detail)
            .with("field", "Sec-Fetch-Site")
            .with("allowed", "POST with application/json")
    }

    /// No operation has this id, or it is too old.
    #[must_use]
    pub fn no_operation() -> Self {
        let detail = "there is no such operation, or it is more than a day old";
        Self::new(StatusCode::NOT_FOUND, "operation_not_found", detail)
    }

    /// An event stream would be held back until its end.
    #[must_use]
    pub fn no_event_stream() -> Self {
        let detail = "this Functions host holds answers back until they are whole, so there are \
            no event streams; proxying mode, in hosts of 2025 and later, has them, \
            and Prefer: respond-async works everywhere";
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "event_stream_unavailable",
            detail,
        )
        .with("field", "Accept")
        .with("allowed", "application/json, text/plain")
    }

    /// The settings are wrong; which ones is for the log.
    #[must_use]
    pub fn misconfigured() -> Self {
        let detail = "the service is not configured correctly; its log names the settings";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, MISCONFIGURED, detail)
    }

    /// The service waits for its storage folder; which one is for the log.
    #[must_use]
    pub fn starting() -> Self {
        let detail = "the service is starting; send the request again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, STARTING, detail)
            .with_retry_after(Duration::from_secs(1))
    }

    /// A fault of ours.
    #[must_use]
    pub fn internal() -> Self {
        let detail = "the service failed; the request id finds the reason in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// Adds a field to the answer.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Says where the operation can be asked about that the answer names, if it names one.
    #[must_use]
    pub fn located(self, location_of: impl Fn(&str) -> String) -> Self {
        let id = self.extra.get("operationId").and_then(Value::as_str);
        match id.map(location_of) {
            Some(location) => self.with(LOCATION_FIELD, location),
            None => self,
        }
    }

    fn saying(mut self, detail: &str) -> Self {
        self.detail = detail.into();
        self
    }

    fn with_pictures(mut self, pictures: PictureJson) -> Self {
        self.pictures = Some(pictures.into());
        self
    }

    fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    fn logged_as(mut self, sentence: impl Into<String>) -> Self {
        self.logged = Some(sentence.into().into());
        self
    }

    fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A failure that was written down ([`describe`]), as an answer again.
    fn of_problem(problem: &Value) -> Self {
        let text = |name: &str| problem.get(name).and_then(Value::as_str);
        let status = problem.get("status").and_then(Value::as_u64);
        let status = status
            .and_then(|status| u16::try_from(status).ok())
            .and_then(|status| StatusCode::from_u16(status).ok());
        let mut error = Self::internal();
        let (Some(status), Some(code), Some(detail)) = (status, text("code"), text("detail"))
        else {
            return error;
        };
        (error.status, error.code, error.detail) = (status, code.into(), detail.into());
        // A provider's sentence may quote the caller.
        error.logged = Some(format!("a repeated failure: {code}").into());
        let fields = problem.as_object().into_iter().flatten();
        let seconds = problem.get("retryAfter").and_then(Value::as_u64);
        error.retry_after = seconds.map(Duration::from_secs);
        let own = [
            "type",
            "title",
            "status",
            "detail",
            "error",
            "code",
            "retryAfter",
        ];
        let extra = fields.filter(|(name, _)| !own.contains(&name.as_str()));
        error.extra = extra
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        error
    }

    /// The problem document, without the id of the request that it answers.
    fn problem(&self) -> Map<String, Value> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut fields = Map::from_iter([
            ("type".to_owned(), "about:blank".into()),
            ("title".to_owned(), title.into()),
            ("status".to_owned(), self.status.as_u16().into()),
            ("detail".to_owned(), (*self.detail).into()),
            ("error".to_owned(), (*self.detail).into()), // the front ends show this text
            ("code".to_owned(), (*self.code).into()),
        ]);
        fields.extend(self.extra.clone());
        if let Some(seconds) = self.retry_after_seconds() {
            fields.insert("retryAfter".to_owned(), seconds.into());
        }
        fields
    }

    /// Whole seconds, rounded up, so that nobody comes back too early.
    fn retry_after_seconds(&self) -> Option<u64> {
        let seconds = self.retry_after?.as_millis().div_ceil(1000).max(1);
        u64::try_from(seconds).ok()
    }

    /// The problem document with the request's id in it, as an event's data.
    #[must_use]
    pub fn into_text(self, request_id: &str) -> PictureText {
        let mut problem = self.problem();
        problem.insert("requestId".to_owned(), request_id.into());
        let pictures = self.pictures.map(|pictures| *pictures).unwrap_or_default();
        pictures.into_text(&problem.into())
    }

    /// The answer with the request's id in it.
    #[must_use]
    pub fn into_answer(self, request_id: &str) -> Response {
        let (status, retry_after) = (self.status, self.retry_after_seconds());
        let location = self.extra.get(LOCATION_FIELD).and_then(Value::as_str);
        let location = location.and_then(|location| HeaderValue::from_str(location).ok());
        let field = self.extra.get("field");
        let is_of_coding = field.is_some_and(|name| name == CODING_FIELD);
        let body = Body::new(self.into_text(request_id));
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, problem_json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(location) = location {
            headers.insert(OPERATION_LOCATION, location);
        }
        if is_of_coding {
            // RFC 9110 section 12.5.3: it tells this 415 from those about media types.
            let identity = HeaderValue::from_static("identity");
            headers.insert(ACCEPT_ENCODING, identity);
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 11.6.1 wants it.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// Writes what happened to the log, the cause with all of its causes: ours and the
    /// upstream's faults as errors, callers' mistakes not, and none of the callers' texts. Why
    /// nothing is served was logged at the start, and once is enough.
    pub fn log(&self) {
        let mut causes = Vec::new();
        let mut next: Option<&dyn std::error::Error> =
            self.cause.as_deref().map(|cause| cause as _);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        let (status, code, cause) = (self.status.as_u16(), &*self.code, causes.join(": "));
        let sentence = self.logged.as_ref().unwrap_or(&self.detail);
        let is_known = [MISCONFIGURED, STARTING].contains(&code);
        if self.status.is_server_error() && !is_known {
            tracing::error!(status, code, cause, "{sentence}");
        } else {
            tracing::info!(status, code, cause, "{sentence}");
        }
    }
}

/// Hands the error to the middleware that knows the request's id; see [`take_error`].
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The error that a handler answered with.
pub fn take_error(response: &mut Response) -> Option<ApiError> {
    // Extensions can be cloned and errors cannot; nobody but the handler had this one.
    let shared: Arc<ApiError> = response.extensions_mut().remove()?;
    Arc::into_inner(shared)
}
