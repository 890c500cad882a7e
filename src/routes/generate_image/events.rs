//! The stream of events: previews as the provider gives them, then the images or the reason why
//! there are none, and something every 15 seconds, so that nobody on the way takes the
//! connection for dead.

use crate::{
    app::App,
    error::ApiError,
    event_stream::{Event, EventStream},
    images::PartialImage,
    operations::{FinishedOperation, OperationError, Started},
    picture_json::PictureJson,
    routes::{arrival::Arrival, image_answer::ImageAnswer, operation_answer::operation_location},
};
use axum::{body::Body, http::HeaderMap};
use futures_util::{Stream, stream};
use serde_json::json;
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::sync::mpsc;
use tracing::Span;

/// A host in forwarding mode would hold the whole stream back until its end.
///
/// # Errors
/// 406 with what can be asked for instead.
pub(super) fn check_host(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    match Arrival::of(app.mode, headers) {
        Arrival::Forwarded => Err(ApiError::no_event_stream()),
        Arrival::Direct | Arrival::Proxied => Ok(()),
    }
}

/// The body of the answer. Work that has begun goes on when nobody reads it any more.
pub(super) fn body(
    app: Arc<App>,
    started: Started,
    previews: mpsc::Receiver<PartialImage>,
    answer: ImageAnswer,
) -> Body {
    let heartbeat = app.event_heartbeat;
    let outcome: Outcome = match started {
        Started::Running(operation) => Box::pin(operation.outcome()),
        Started::Repeated(finished) => Box::pin(std::future::ready(Ok(finished))),
    };
    let waiting = Waiting {
        app,
        outcome,
        previews,
        answer,
        span: Span::current(),
    };
    Body::new(EventStream::new(waiting.events(), heartbeat))
}

type Outcome = Pin<Box<dyn Future<Output = Result<FinishedOperation, OperationError>> + Send>>;

struct Waiting {
    app: Arc<App>,
    outcome: Outcome,
    previews: mpsc::Receiver<PartialImage>,
    answer: ImageAnswer,
    /// The request's: the log has its id behind the answer's head, too.
    span: Span,
}

impl Waiting {
    fn events(self) -> impl Stream<Item = Event> + Send {
        stream::unfold(Some(self), |waiting| async {
            let mut waiting = waiting?;
            tokio::select! {
                biased;
                outcome = &mut waiting.outcome => Some((waiting.last(outcome).await, None)),
                Some(preview) = waiting.previews.recv() => {
                    Some((partial_image(preview), Some(waiting)))
                }
            }
        })
    }

    async fn last(self, outcome: Result<FinishedOperation, OperationError>) -> Event {
        let completed = match outcome {
            Ok(finished) => self.answer.text(&self.app, finished).await,
            Err(error) => Err(error.into()),
        };
        match completed {
            Ok(data) => Event {
                name: "completed",
                data,
            },
            Err(error) => {
                self.span.in_scope(|| error.log());
                let base_url = &self.answer.public_base_url;
                let error = error.located(|id| operation_location(id, base_url));
                Event {
                    name: "error",
                    data: error.into_text(&self.answer.request_id),
                }
            }
        }
    }
}

fn partial_image(preview: PartialImage) -> Event {
    let mut pictures = PictureJson::default();
    let data = json!({
        "imageIndex": preview.image_index,
        "partialIndex": preview.partial_index,
        "contentType": preview.format.content_type(),
        "b64_json": pictures.add(preview.bytes),
    });
    Event {
        name: "partial_image",
        data: pictures.into_text(&data),
    }
}
