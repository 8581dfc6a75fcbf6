//! Bodies that tell a connection's place how far its request is.

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

use super::gate::Place;

/// An answer of this size is written at once; nothing more needs to be known of it.
const WRITTEN_AT_ONCE: u64 = 16 * 1024;

/// A request under way; dropped when it is answered.
pub(in crate::http) struct UnderWay(Arc<Place>);

impl UnderWay {
    pub(in crate::http) fn begin(place: &Arc<Place>, has_body: bool) -> Self {
        place.begin(has_body);
        Self(Arc::clone(place))
    }

    /// The answer, under way until its body is written.
    pub(in crate::http) fn answer(self, answer: Response) -> Response {
        if answer.body().size_hint().exact().is_some_and(|bytes| bytes <= WRITTEN_AT_ONCE) {
            return answer;
        }
        answer.map(|body| Body::new(Sent { body, _under_way: self }))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A request's body.
pub(in crate::http) struct Received {
    body: Incoming,
    place: Arc<Place>,
}

impl Received {
    pub(in crate::http) fn new(body: Incoming, place: &Arc<Place>) -> Self {
        Self { body, place: Arc::clone(place) }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.place.received();
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

impl Drop for Received {
    fn drop(&mut self) {
        self.place.received();
    }
}

/// An answer's body.
struct Sent {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Sent {
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
