//! When a failed call is sent again, and after how long: the official clients' rules
//! (<https://github.com/openai/openai-python>, `_base_client.py`).

use super::{AfterTimeout, OpenAiSettings, SendPolicy, UpstreamError};
use reqwest::header::HeaderMap;
use std::time::Duration;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
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
    pub status: Option<u16>,
    pub hints: RetryHints,
    pub request_id: Option<String>,
}

/// What an answer's headers say about coming again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RetryHints {
    pub retry_after: Option<Duration>,
    pub should_retry: Option<bool>,
}

impl RetryHints {
    /// `x-should-retry`, `retry-after-ms`, then `retry-after` in seconds or as a date. Azure
    /// sends 0 and -1 at times.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let millis = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok());
        let retry_after = match millis {
            Some(millis) => Duration::try_from_secs_f64(millis / 1000.0).ok(),
            None => text("retry-after").and_then(parse_retry_after),
        };
        Self {
            retry_after,
            should_retry: text("x-should-retry").and_then(|text| text.parse().ok()),
        }
    }
}

fn parse_retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let moment = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Duration::try_from(moment - OffsetDateTime::now_utc()).ok()
}

impl Failure {
    /// No answer came.
    pub fn without_answer(error: UpstreamError) -> Self {
        Self {
            error,
            status: None,
            hints: RetryHints::default(),
            request_id: None,
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
        other => other,
    }
}

/// How long to wait before the attempt after number `attempts`; `None` ends the call.
pub(super) fn wait_before_next(
    failure: &Failure,
    attempts: u32,
    settings: &OpenAiSettings,
    policy: SendPolicy,
) -> Option<Duration> {
    if attempts > policy.max_retries || !is_worth_another_try(failure, policy) {
        return None;
    }
    let wait = match failure.hints.retry_after {
        Some(asked) if asked > LONGEST_WAIT => return None,
        Some(asked) if !asked.is_zero() => asked,
        _ => own_wait(settings.first_retry_delay, attempts),
    };
    let least = policy.attempt_timeout / LEAST_PART_OF_AN_ATTEMPT;
    (Instant::now() + wait + least < policy.deadline).then_some(wait)
}

fn is_worth_another_try(failure: &Failure, policy: SendPolicy) -> bool {
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
    match failure.status {
        // No answer began, or one broke off: the call may be paid for, but its image is lost to
        // us, and only another call brings one.
        None => true,
        Some(408 | 409 | 429 | 500..) => true,
        Some(_) => matches!(failure.error, UpstreamError::Broken(_)),
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

    fn failure(status: u16, headers: &[(&str, &str)]) -> Failure {
        Failure {
            error: UpstreamError::ServerFault { status },
            status: Some(status),
            hints: RetryHints::of(
                &headers
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect(),
            ),
            request_id: None,
        }
    }

    fn wait(failure: &Failure, attempts: u32) -> Option<Duration> {
        let settings = OpenAiSettings {
            endpoint: Endpoint::azure("https://x".parse().unwrap(), None),
            api_key: None,
            organization: None,
            first_retry_delay: Duration::from_millis(500),
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let policy = SendPolicy {
            deadline,
            latest: deadline,
            attempt_timeout: Duration::from_secs(50),
            max_retries: 2,
            after_timeout: AfterTimeout::GiveUp,
        };
        wait_before_next(failure, attempts, &settings, policy)
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
    async fn a_repetition_has_time_for_an_answer() {
        assert!(wait(&failure(429, &[("retry-after", "54")]), 1).is_some());
        for late in ["56", "61"] {
            assert_eq!(wait(&failure(429, &[("retry-after", late)]), 1), None);
        }
    }
}
