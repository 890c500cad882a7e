//! When a failed call is sent again, and after how long: the official clients' rules
//! (<https://github.com/openai/openai-python>, `_base_client.py`).

use super::{AfterTimeout, OpenAiSettings, SendPolicy, UpstreamError};
use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// A longer `retry-after` is not worth waiting for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Waits that we choose ourselves end here.
const LONGEST_OWN_WAIT: Duration = Duration::from_secs(8);

/// A repetition with less of an attempt's time left than this part would most likely be cut off,
/// and paid for nothing.
const LEAST_PART_OF_AN_ATTEMPT: u32 = 10;

/// One failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: UpstreamError,
    pub hints: RetryHints,
    pub request_id: Option<String>,
    /// It stood in an answer that began as a success: behind previews, for one.
    pub is_in_success: bool,
}

/// What an answer's headers say about coming again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RetryHints {
    pub retry_after: Option<Duration>,
    pub should_retry: Option<bool>,
}

impl RetryHints {
    /// `x-should-retry`, `retry-after-ms`, then `retry-after` in seconds or as a date. Azure
    /// sends 0 and -1 at times, which say nothing.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let millis = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok());
        let millis = millis.and_then(|millis| positive(millis / 1000.0));
        Self {
            retry_after: millis.or_else(|| text("retry-after").and_then(parse_retry_after)),
            should_retry: text("x-should-retry").and_then(|text| text.parse().ok()),
        }
    }
}

fn parse_retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return positive(seconds);
    }
    let moment = httpdate::parse_http_date(text).ok()?;
    moment.duration_since(SystemTime::now()).ok()
}

fn positive(seconds: f64) -> Option<Duration> {
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    (!duration.is_zero()).then_some(duration)
}

impl Failure {
    /// No answer came.
    pub fn without_answer(error: UpstreamError) -> Self {
        Self {
            error,
            hints: RetryHints::default(),
            request_id: None,
            is_in_success: false,
        }
    }

    /// The request could not be sent or its answer's head did not come.
    pub fn connection(error: reqwest::Error) -> Self {
        Self::without_answer(UpstreamError::Unreachable(error.without_url()))
    }
}

/// Keeps what the upstream says about when to come again.
pub(super) fn with_retry_after(error: UpstreamError, hints: RetryHints) -> UpstreamError {
    match error {
        UpstreamError::RateLimited { quota_is_spent, .. } => UpstreamError::RateLimited {
            retry_after: hints.retry_after,
            quota_is_spent,
        },
        UpstreamError::ServerFault { status, .. } => UpstreamError::ServerFault {
            status,
            retry_after: hints.retry_after,
        },
        other => other,
    }
}

/// How long to wait before the attempt after number `attempts`, from 1; `None` ends the call.
pub(super) fn wait_before_next(
    failure: &Failure,
    attempts: u32,
    settings: &OpenAiSettings,
    policy: SendPolicy<'_>,
) -> Option<Duration> {
    if attempts > policy.max_retries || !is_worth_another_try(failure, policy) {
        return None;
    }
    let wait = match failure.hints.retry_after {
        Some(asked) if asked > LONGEST_WAIT => return None,
        Some(asked) => asked,
        None => own_wait(settings.first_retry_delay, attempts),
    };
    let least = policy.attempt_timeout / LEAST_PART_OF_AN_ATTEMPT;
    (Instant::now() + wait + least < policy.deadline).then_some(wait)
}

fn is_worth_another_try(failure: &Failure, policy: SendPolicy<'_>) -> bool {
    match failure.error {
        UpstreamError::TimedOut => return policy.after_timeout == AfterTimeout::SendAgain,
        UpstreamError::Refused { .. }
        | UpstreamError::RateLimited {
            quota_is_spent: true,
            ..
        } => return false,
        _ => {}
    }
    if let Some(answer) = failure.hints.should_retry {
        return answer;
    }
    match failure.error {
        // No answer began, or one broke off: the call may be paid for, but its image is lost to
        // us, and only another call brings one.
        UpstreamError::Unreachable(_) | UpstreamError::Broken(_) => true,
        UpstreamError::RateLimited { .. } => true,
        UpstreamError::ServerFault { status, .. } => matches!(status, 408 | 409 | 500..),
        _ => false,
    }
}

/// 0.5 s doubled each time, less up to a quarter, so that callers do not come back together.
fn own_wait(first_delay: Duration, attempts: u32) -> Duration {
    let doubled = first_delay.saturating_mul(2u32.saturating_pow(attempts - 1));
    let quarters = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    let wait = doubled.min(LONGEST_OWN_WAIT);
    wait - wait / 4 * quarters / 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::Endpoint;
    use time::macros::format_description;

    fn failure(status: u16, headers: &[(&str, &str)]) -> Failure {
        Failure {
            error: crate::openai::failure::of_answer(status, b""),
            hints: RetryHints::of(
                &headers
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect(),
            ),
            request_id: None,
            is_in_success: false,
        }
    }

    fn settings() -> OpenAiSettings {
        OpenAiSettings {
            endpoint: Endpoint::azure("https://x".parse().unwrap(), None),
            credential: crate::openai::ApiCredential::None,
            organization: None,
            first_retry_delay: Duration::from_millis(500),
            error_body_timeout: Duration::from_secs(5),
        }
    }

    fn policy() -> SendPolicy<'static> {
        let deadline = Instant::now() + Duration::from_secs(60);
        SendPolicy {
            deadline,
            latest: deadline,
            attempt_timeout: Duration::from_secs(50),
            max_retries: 2,
            after_timeout: AfterTimeout::GiveUp,
            canceled: None,
        }
    }

    fn wait(failure: &Failure, attempts: u32) -> Option<Duration> {
        wait_before_next(failure, attempts, &settings(), policy())
    }

    #[tokio::test]
    async fn server_faults_limits_and_lost_connections_are_tried_again_and_others_not() {
        for status in [408, 409, 429, 500, 502, 503, 529] {
            assert!(wait(&failure(status, &[]), 1).is_some(), "{status}");
        }
        for status in [400, 401, 403, 404, 422] {
            assert!(wait(&failure(status, &[]), 1).is_none(), "{status}");
        }
        assert!(wait(&failure(500, &[]), 3).is_none(), "retries are spent");
        let refused = Failure {
            error: UpstreamError::Refused {
                categories: Vec::new(),
            },
            ..failure(500, &[])
        };
        assert!(wait(&refused, 1).is_none());
    }

    #[tokio::test]
    async fn the_upstreams_word_goes_before_ours() {
        let seconds = Duration::from_secs;
        assert_eq!(
            wait(&failure(429, &[("retry-after", "7")]), 1),
            Some(seconds(7))
        );
        assert_eq!(
            wait(
                &failure(429, &[("retry-after", "7"), ("retry-after-ms", "1500")]),
                1
            ),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(wait(&failure(429, &[("retry-after", "121")]), 1), None);
        assert_eq!(wait(&failure(503, &[("x-should-retry", "false")]), 1), None);
        assert!(wait(&failure(400, &[("x-should-retry", "true")]), 1).is_some());
        for useless in ["0", "-1", "soon"] {
            let wait = wait(&failure(429, &[("retry-after", useless)]), 1).unwrap();
            assert!(wait >= Duration::from_millis(375) && wait <= Duration::from_millis(500));
        }
    }

    #[tokio::test]
    async fn a_timeout_is_a_reason_only_where_it_was_asked_for() {
        let late = Failure::without_answer(UpstreamError::TimedOut);
        assert_eq!(wait(&late, 1), None);
        let asked = SendPolicy {
            after_timeout: AfterTimeout::SendAgain,
            ..policy()
        };
        assert!(wait_before_next(&late, 1, &settings(), asked).is_some());
    }

    #[tokio::test]
    async fn a_repetition_has_time_for_an_answer() {
        assert!(wait(&failure(429, &[("retry-after", "54")]), 1).is_some());
        for late in ["56", "61"] {
            assert_eq!(wait(&failure(429, &[("retry-after", late)]), 1), None);
        }
    }

    #[test]
    fn our_own_waits_grow_to_eight_seconds_and_differ() {
        let first = Duration::from_millis(500);
        for (attempts, most) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (21, 8000)] {
            let most = Duration::from_millis(most);
            let waits: Vec<Duration> = (0..50).map(|_| own_wait(first, attempts)).collect();
            assert!(
                waits
                    .iter()
                    .all(|wait| *wait <= most && *wait >= most * 3 / 4)
            );
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }

    #[test]
    fn dates_are_read_in_every_form_of_http() {
        let is_near = |text: &str| {
            let wait = parse_retry_after(text).unwrap();
            wait > Duration::from_secs(290) && wait <= Duration::from_secs(300)
        };
        let moment = time::OffsetDateTime::now_utc() + Duration::from_secs(300);
        // As RFC 9110 has them: the form of today, RFC 850's, and C's asctime.
        for text in [
            moment.format(format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT")),
            moment.format(format_description!("[weekday], [day]-[month repr:short]-[year repr:last_two] [hour]:[minute]:[second] GMT")),
            moment.format(format_description!("[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]")),
        ] {
            let text = text.unwrap();
            assert!(is_near(&text), "{text}");
        }
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        for useless in [past, "soon", "", "NaN", "inf", "-3", "0", "0.0"] {
            assert_eq!(parse_retry_after(useless), None, "{useless}");
        }
    }
}
