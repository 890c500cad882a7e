//! Canceled generations: what was sent goes on, and nothing more is sent.

use super::maker::{CALLS, Maker, failure, images_at, request};
use crate::upstream::{Answer, Gate, Upstream, picture};
use serde_json::json;
use std::time::{Duration, Instant};
use visionary::{
    images::{GenerationError, demo::DemoPainter, generate_all},
    openai::UpstreamError,
};

#[tokio::test]
async fn a_canceled_call_is_not_sent_again() {
    let upstream = Upstream::start().await;
    let maker = Maker {
        images: images_at(&upstream, "gpt-image-2", Duration::from_secs(8)),
        upstream,
        ..Maker::start().await
    };
    let gate = Gate::closed();
    maker.upstream.always(Answer::server_error().held_by(&gate));
    let options = json!({"n": 2});
    let (outcome, ()) = tokio::join!(maker.generate(&options, None), async {
        maker.upstream.wait_for_requests_to(CALLS, 1).await;
        maker.canceled.cancel();
        gate.open();
    });
    let (error, attempts) = failure(outcome);
    assert!(
        matches!(error, UpstreamError::ServerFault { .. }),
        "{error:?}"
    );
    assert_eq!((attempts, maker.upstream.requests_to(CALLS).len()), (1, 1));
}

#[tokio::test]
async fn a_canceled_wait_for_a_repetition_ends_at_once() {
    let upstream = Upstream::start().await;
    let maker = Maker {
        images: images_at(&upstream, "gpt-image-2", Duration::from_secs(8)),
        upstream,
        ..Maker::start().await
    };
    let far = Answer::rate_limited().header("retry-after", "50");
    maker.upstream.always(far);
    let begun = Instant::now();
    let options = json!({});
    let mut generation = Box::pin(maker.generate(&options, None));
    // Until the answer has been read and the wait begun.
    let early = tokio::time::timeout(Duration::from_millis(500), &mut generation).await;
    assert!(early.is_err(), "it waits");
    maker.canceled.cancel();
    let (error, attempts) = failure(generation.await);
    assert!(
        matches!(error, UpstreamError::RateLimited { .. }),
        "{error:?}"
    );
    assert_eq!((attempts, maker.upstream.requests_to(CALLS).len()), (1, 1));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn what_was_sent_before_it_was_canceled_goes_on_and_what_was_not_is_never_sent() {
    let maker = Maker::start().await;
    let gate = Gate::closed();
    maker
        .upstream
        .push(Answer::image(picture::small_png()).held_by(&gate));
    let options = json!({});
    let (outcome, ()) = tokio::join!(maker.generate(&options, None), async {
        maker.upstream.wait_for_requests_to(CALLS, 1).await;
        maker.canceled.cancel();
        gate.open();
    });
    assert_eq!(outcome.unwrap().images.len(), 1);
    let late = maker.generate(&options, None).await;
    assert!(matches!(late, Err(GenerationError::Canceled)), "{late:?}");
    assert_eq!(maker.upstream.requests_to(CALLS).len(), 1);
    let memory = maker.memory.share();
    let limits = maker.limits(&memory, None);
    let painted = generate_all(&DemoPainter::default(), &request(&options), limits).await;
    assert!(matches!(painted, Err(GenerationError::Canceled)));
}
