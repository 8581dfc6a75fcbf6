//! Request and response bodies that report a request's progress to its connection's slot.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use hyper::body::{Frame, Incoming, SizeHint};

use super::connection_limit::ConnectionSlot;

/// A response body of this size is written at once and need not be tracked.
const WRITTEN_AT_ONCE: u64 = 16 * 1024;

/// A request in flight; dropped when it is answered.
pub struct InFlightRequest(Arc<ConnectionSlot>);

impl InFlightRequest {
    /// Reports the beginning of a request.
    pub fn begin(slot: &Arc<ConnectionSlot>, has_body: bool) -> Self {
        slot.request_begun(has_body);
        Self(Arc::clone(slot))
    }

    /// Keeps the request in flight until the response's body is written.
    pub fn answer(self, answer: Response) -> Response {
        if answer.body().size_hint().exact().is_some_and(|bytes| bytes <= WRITTEN_AT_ONCE) {
            return answer;
        }
        answer.map(|body| Body::new(TrackedResponseBody { body, _in_flight: self }))
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A request's body.
pub struct TrackedRequestBody {
    body: Incoming,
    slot: Arc<ConnectionSlot>,
}

impl TrackedRequestBody {
    /// Reports the end of `body`.
    pub fn new(body: Incoming, slot: &Arc<ConnectionSlot>) -> Self {
        Self { body, slot: Arc::clone(slot) }
    }
}

impl HttpBody for TrackedRequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.slot.body_received();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedRequestBody {
    fn drop(&mut self) {
        self.slot.body_received();
    }
}

/// A response's body.
struct TrackedResponseBody {
    body: Body,
    _in_flight: InFlightRequest,
}

impl HttpBody for TrackedResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
