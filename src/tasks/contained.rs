//! Work that must not take the thread it runs on down with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::supervisor::panic_message;
use crate::telemetry::Counter;

/// Runs `work`; a panic in it is logged and counted instead of ending the thread. `None` then.
///
/// What `work` changes must be usable after a panic in the middle of it.
pub fn contained<T>(what: &'static str, panics: &Counter, work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work))
        .inspect_err(|panic| {
            panics.inc();
            tracing::error!(what, message = panic_message(&**panic), "work panicked and was left out");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_and_stays_inside() {
        let panics = Counter::default();
        assert_eq!(contained("sample", &panics, || 1), Some(1));
        assert_eq!(contained::<()>("sample", &panics, || panic!("as the test wants it")), None);
        assert_eq!(panics.get(), 1);
    }
}
