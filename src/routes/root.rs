//! `GET /`: whether the process lives. The Functions host probes it; a person who opens it reads
//! where to go on.

/// Answers at once, whatever state the rest is in.
pub async fn handle() -> &'static str {
    "visionary is running.\n\
     POST /api/generateImage {\"prompt\": \"…\"} makes an image, GET /api/getImages lists them.\n"
}
