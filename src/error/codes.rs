//! Every code that an error can have, for those who describe the service and those who read it.

/// A code with the status that it comes with.
#[derive(Debug, Clone, Copy)]
pub struct ErrorCode {
    /// The HTTP status.
    pub status: u16,
    /// The word in the field `code`.
    pub code: &'static str,
    /// What it means to a caller, a sentence without its full stop.
    pub meaning: &'static str,
}

const fn row(status: u16, code: &'static str, meaning: &'static str) -> ErrorCode {
    ErrorCode {
        status,
        code,
        meaning,
    }
}

/// By status. An error with a code that is not here fails every test that meets it.
pub const ERROR_CODES: &[ErrorCode] = &[
    row(
        400,
        "invalid_request",
        "a value is wrong or missing: change the field as allowed says",
    ),
    row(
        400,
        "content_policy_violation",
        "the provider's content policy refused the prompt: change it; categories may say why",
    ),
    row(
        400,
        "malformed_request",
        "two servers could understand the request in two ways, so its connection is closed",
    ),
    row(401, "unauthorized", "this needs a key"),
    row(
        403,
        "signature_rejected",
        "the address's signature is missing, wrong or expired",
    ),
    row(
        403,
        "api_key_not_set",
        "this is for the gallery's owner, and no API_KEY is set",
    ),
    row(
        403,
        "cross_site_request",
        "a browser asks for a page of another site: use POST with a JSON body",
    ),
    row(404, "not_found", "nothing is there"),
    row(
        404,
        "operation_not_found",
        "there is no such operation, or it is more than a day old",
    ),
    row(
        405,
        "method_not_allowed",
        "the path takes other methods: see Allow",
    ),
    row(
        406,
        "event_stream_unavailable",
        "the Functions host holds event streams back: ask with Prefer: respond-async",
    ),
    row(
        408,
        "request_timeout",
        "the body came too slowly, and its connection is closed",
    ),
    row(
        409,
        "idempotency_key_in_use",
        "the first request with this key is still at work: come again after Retry-After, or ask for operationId",
    ),
    row(
        409,
        "result_not_kept",
        "the first request with this key got its picture, which was not kept: use a new key",
    ),
    row(409, "canceled", "somebody canceled the operation"),
    row(413, "payload_too_large", "the body is longer than 1 MiB"),
    row(
        415,
        "unsupported_media_type",
        "the body must be JSON without a Content-Encoding, and say so where a web page sends it",
    ),
    row(
        422,
        "idempotency_key_reused",
        "the key was used for another request within the last 24 hours: use a new one",
    ),
    row(
        429,
        "too_many_generations",
        "too many images are being generated: come again after Retry-After",
    ),
    row(
        429,
        "too_many_lists",
        "too many whole lists are being sent: come again after Retry-After, or ask for pages with limit",
    ),
    row(
        429,
        "rate_limited",
        "a limit of this service is reached, of the caller or of the process: come again after Retry-After",
    ),
    row(
        429,
        "budget_exhausted",
        "the service has made as many images as it may in a day: come again after Retry-After",
    ),
    row(
        429,
        "rate_limit_exceeded",
        "the provider's rate limit is reached: come again after Retry-After",
    ),
    row(
        429,
        "insufficient_quota",
        "the provider's quota is spent, which its operator has to fill",
    ),
    row(
        500,
        "internal_error",
        "a fault of this service; its log has it by requestId",
    ),
    row(
        500,
        "interrupted",
        "the process at work was lost: look at the gallery, then repeat with retryPaid or with a new key",
    ),
    row(
        500,
        "state_unreadable",
        "what is remembered of the operation is damaged: as interrupted",
    ),
    row(
        502,
        "storage_error",
        "the image store failed; a picture that is paid for is in the answer as b64_json",
    ),
    row(
        502,
        "upstream_error",
        "the provider failed, or its answer is of no use",
    ),
    row(
        502,
        "upstream_unreachable",
        "the provider cannot be reached",
    ),
    row(
        502,
        "upstream_misconfigured",
        "the provider refused this service; its operator has to look at the settings",
    ),
    row(
        502,
        "model_not_found",
        "the provider has no such model or deployment",
    ),
    row(
        503,
        "misconfigured",
        "the service's settings are wrong; its log names them",
    ),
    row(
        503,
        "starting",
        "the service is not there yet: send the request again after Retry-After",
    ),
    row(
        504,
        "deadline_exceeded",
        "the provider did not answer in time",
    ),
    row(
        504,
        "still_running",
        "the work takes longer than a request can last and goes on: ask for operationId",
    ),
];

/// The row of a code.
#[must_use]
pub fn error_code(code: &str) -> Option<&'static ErrorCode> {
    ERROR_CODES.iter().find(|row| row.code == code)
}
