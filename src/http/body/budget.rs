//! Memory for bodies: of all requests together no more than `server.bodies_bytes_max`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The memory that bodies of all requests may take together. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes_max: usize,
    taken: Arc<AtomicUsize>,
}

/// What one request has taken of it; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

/// Others have taken all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// Nothing is taken yet.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, taken: Arc::default() }
    }

    /// A share of nothing, to grow.
    #[must_use]
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// When they are not there; nothing is taken then.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let before = self.budget.taken.fetch_add(bytes, Relaxed);
        if before.saturating_add(bytes) > self.budget.bytes_max {
            self.budget.taken.fetch_sub(bytes, Relaxed);
            return Err(Exhausted);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Budget::new(10);
        let (mut one, mut two) = (budget.share(), budget.share());
        assert_eq!(one.grow(6), Ok(()));
        assert_eq!(two.grow(5), Err(Exhausted));
        assert_eq!(two.grow(4), Ok(()));
        drop(one);
        assert_eq!(two.grow(6), Ok(()));
        drop(two);
        assert_eq!(budget.taken.load(Relaxed), 0);
    }
}
