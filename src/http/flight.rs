//! Requests that ask the same thing at the same time: one is worked on, all are answered.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

use crate::model::SiteId;

/// Work under way, by what it answers. It ends when the last of those who wait for it is gone.
#[derive(Debug)]
pub struct Flights<K, T: Clone>(Mutex<HashMap<K, WeakShared<BoxFuture<'static, T>>>>);

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, T: Clone> Flights<K, T> {
    /// The work that answers this, begun unless it is under way; and whether it was.
    pub fn join(&self, key: K, begin: impl FnOnce() -> BoxFuture<'static, T>) -> (Shared<BoxFuture<'static, T>>, bool) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Who asks once it is done asks anew.
        let under_way = flights.get(&key).and_then(WeakShared::upgrade).filter(|work| work.peek().is_none());
        if let Some(work) = under_way {
            return (work, true);
        }
        flights.retain(|_, work| work.upgrade().is_some());
        let work = begin().shared();
        if let Some(weak) = work.downgrade() {
            flights.insert(key, weak);
        }
        (work, false)
    }
}

/// What makes two questions the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ReportKey {
    /// The site.
    pub site: SiteId,
    /// The report.
    pub name: String,
    /// How it is answered.
    pub as_csv: bool,
    /// The question as it came.
    pub question: Vec<u8>,
}

/// An answer as it is sent.
#[derive(Debug, Clone)]
pub enum Written {
    /// As JSON.
    Json(Bytes),
    /// As a table, with the name of its file.
    Csv(Bytes, HeaderValue),
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        match self {
            Self::Json(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Self::Csv(bytes, disposition) => {
                let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
                ([(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, disposition)], bytes)
                    .into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn equal_questions_share_one_run_which_ends_with_the_last_asker() {
        let (flights, begun) = (Flights::<&str, u32>::default(), Arc::new(AtomicU32::new(0)));
        let run = |answer: BoxFuture<'static, u32>| {
            let begun = Arc::clone(&begun);
            move || {
                begun.fetch_add(1, Ordering::Relaxed);
                answer
            }
        };
        let (owner, answer) = tokio::sync::oneshot::channel();
        let (first, joined) = flights.join("a", run(async { answer.await.unwrap() }.boxed()));
        assert!(!joined && first.clone().now_or_never().is_none());
        let (second, joined) = flights.join("a", run(async { 0 }.boxed()));
        assert!(joined && second.clone().now_or_never().is_none());
        let (other, joined) = flights.join("b", run(async { 7 }.boxed()));
        assert!(!joined && other.now_or_never() == Some(7));
        drop(first);
        owner.send(5).unwrap();
        assert_eq!((second.clone().now_or_never(), begun.load(Ordering::Relaxed)), (Some(5), 2));
        let (again, joined) = flights.join("a", run(async { 6 }.boxed()));
        assert!(!joined && again.now_or_never() == Some(6), "an answer is not kept");

        let (owner, answer) = tokio::sync::oneshot::channel::<u32>();
        let (waits, _) = flights.join("c", run(async { answer.await.unwrap() }.boxed()));
        let (too, joined) = flights.join("c", run(async { 0 }.boxed()));
        drop(waits);
        assert!(joined && !owner.is_closed());
        drop(too);
        assert!(owner.is_closed(), "nobody waits any more");
        assert!(!flights.join("c", run(async { 1 }.boxed())).1);
    }
}
