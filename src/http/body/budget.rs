//! Limits the memory of all request bodies together to `server.bodies_bytes_max`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The memory for the bodies of all requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes_max: usize,
    reserved: Arc<AtomicUsize>,
}

/// The memory of one request; released when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    bytes: usize,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// With nothing reserved.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, reserved: Arc::default() }
    }

    /// A reservation of 0 bytes, to grow.
    #[must_use]
    pub fn reserve_none(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }
}

impl Reservation {
    /// Reserves more bytes.
    ///
    /// # Errors
    /// When the budget does not have them; nothing is reserved then.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let before = self.budget.reserved.fetch_add(bytes, Relaxed);
        if before.saturating_add(bytes) > self.budget.bytes_max {
            self.budget.reserved.fetch_sub(bytes, Relaxed);
            return Err(Exhausted);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.reserved.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_memory_is_released() {
        let budget = Budget::new(10);
        let (mut first, mut second) = (budget.reserve_none(), budget.reserve_none());
        assert_eq!(first.grow(6), Ok(()));
        assert_eq!(second.grow(5), Err(Exhausted));
        assert_eq!(second.grow(4), Ok(()));
        drop(first);
        assert_eq!(second.grow(6), Ok(()));
        drop(second);
        assert_eq!(budget.reserved.load(Relaxed), 0);
    }
}
