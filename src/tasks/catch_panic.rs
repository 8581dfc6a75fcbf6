//! Work that must not end its thread when it panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::telemetry::Counter;

/// Runs `work`; logs and counts a panic in it and then returns `None`.
///
/// The data that `work` changes must stay valid if it panics midway.
pub fn catch_panic<T>(what: &'static str, panics: &Counter, work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work))
        .inspect_err(|panic| {
            panics.inc();
            tracing::error!(what, message = panic_message(&**panic), "work panicked and was skipped");
        })
        .ok()
}

/// The message of a panic.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_and_does_not_propagate() {
        let panics = Counter::default();
        assert_eq!(catch_panic("sample", &panics, || 1), Some(1));
        assert_eq!(catch_panic::<()>("sample", &panics, || panic!("intended by the test")), None);
        assert_eq!(panics.get(), 1);
    }
}
