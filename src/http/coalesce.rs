//! Coalescing of equal requests in flight: one is computed, all get its result.

use std::{collections::HashMap, hash::Hash};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;

use crate::{model::SiteId, reports::EXPORT_ROWS_MAX};

/// On a file that is cut: the number of its rows.
static CUT_AT: HeaderName = HeaderName::from_static("ashna-rows-cut");

/// Computations in flight, by key. One is cancelled when the last request that waits for it is dropped.
#[derive(Debug)]
pub struct Coalescer<K, T: Clone>(Mutex<HashMap<K, WeakShared<BoxFuture<'static, T>>>>);

/// A computation to wait for.
#[derive(Debug)]
pub struct Joined<T: Clone> {
    /// Gives the result.
    pub result: Shared<BoxFuture<'static, T>>,
    /// Whether another request had begun it.
    pub is_shared: bool,
}

impl<K, T: Clone> Default for Coalescer<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, T: Clone> Coalescer<K, T> {
    /// Joins the computation with this key, or begins it. Finished results are not cached.
    pub fn join(&self, key: K, begin: impl FnOnce() -> BoxFuture<'static, T>) -> Joined<T> {
        let mut in_flight = self.0.lock();
        let running = in_flight.get(&key).and_then(WeakShared::upgrade).filter(|result| result.peek().is_none());
        if let Some(result) = running {
            return Joined { result, is_shared: true };
        }
        in_flight.retain(|_, result| result.upgrade().is_some());
        let result = begin().shared();
        if let Some(weak) = result.downgrade() {
            in_flight.insert(key, weak);
        }
        Joined { result, is_shared: false }
    }
}

/// What makes two report requests equal.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ReportKey {
    /// The site.
    pub site: SiteId,
    /// The report's name.
    pub name: String,
    /// CSV instead of JSON.
    pub as_csv: bool,
    /// The request's body, byte for byte.
    pub question: Vec<u8>,
}

/// A report, serialized.
#[derive(Debug, Clone)]
pub enum RenderedReport {
    /// As JSON.
    Json(Bytes),
    /// As CSV.
    Csv {
        /// The file.
        bytes: Bytes,
        /// The `Content-Disposition` that names it.
        disposition: HeaderValue,
        /// Whether the report has more rows.
        is_cut: bool,
    },
}

impl IntoResponse for RenderedReport {
    fn into_response(self) -> Response {
        match self {
            Self::Json(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Self::Csv { bytes, disposition, is_cut } => {
                let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
                let headers = [(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, disposition)];
                let cut = is_cut.then(|| [(CUT_AT.clone(), HeaderValue::from(EXPORT_ROWS_MAX))]);
                (headers, cut, bytes).into_response()
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
    async fn equal_requests_share_one_computation_which_ends_with_the_last_of_them() {
        let (coalescer, begun) = (Coalescer::<&str, u32>::default(), Arc::new(AtomicU32::new(0)));
        let run = |answer: BoxFuture<'static, u32>| {
            let begun = Arc::clone(&begun);
            move || {
                begun.fetch_add(1, Ordering::Relaxed);
                answer
            }
        };
        let (sender, answer) = tokio::sync::oneshot::channel();
        let first = coalescer.join("a", run(async { answer.await.unwrap() }.boxed()));
        assert!(!first.is_shared && first.result.clone().now_or_never().is_none());
        let second = coalescer.join("a", run(async { 0 }.boxed()));
        assert!(second.is_shared && second.result.clone().now_or_never().is_none());
        let other = coalescer.join("b", run(async { 7 }.boxed()));
        assert!(!other.is_shared && other.result.now_or_never() == Some(7));
        drop(first);
        sender.send(5).unwrap();
        assert_eq!((second.result.clone().now_or_never(), begun.load(Ordering::Relaxed)), (Some(5), 2));
        let again = coalescer.join("a", run(async { 6 }.boxed()));
        assert!(!again.is_shared && again.result.now_or_never() == Some(6), "results are not cached");

        let (sender, answer) = tokio::sync::oneshot::channel::<u32>();
        let first = coalescer.join("c", run(async { answer.await.unwrap() }.boxed()));
        let second = coalescer.join("c", run(async { 0 }.boxed()));
        drop(first);
        assert!(second.is_shared && !sender.is_closed());
        drop(second);
        assert!(sender.is_closed(), "cancelled with the last waiter");
        assert!(!coalescer.join("c", run(async { 1 }.boxed())).is_shared);
    }
}
