//! An answer's body as a part of its request: what it logs has the request's id, and a panic in
//! it breaks this answer off and nothing else.

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};
use tracing::Span;

pub(super) struct ObservedBody {
    /// `None` behind a panic: nobody knows what state it is in.
    body: Option<Body>,
    span: Span,
}

/// A fault of ours; the log has it.
#[derive(Debug, thiserror::Error)]
#[error("the answer's body broke")]
pub(super) struct BrokenBody;

impl ObservedBody {
    pub(super) fn new(body: Body, span: Span) -> Self {
        Self {
            body: Some(body),
            span,
        }
    }
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        let _entered = this.span.enter();
        let Some(body) = &mut this.body else {
            return Poll::Ready(Some(Err(BrokenBody.into())));
        };
        let poll = AssertUnwindSafe(|| Pin::new(body).poll_frame(context));
        match catch_unwind(poll) {
            Ok(frame) => frame.map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Err(_) => {
                this.body = None;
                Poll::Ready(Some(Err(BrokenBody.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(Body::size_hint);
        hint.unwrap_or_default()
    }
}
