//! A long list of which many versions share what did not change: copied in pieces, and only those written to.

use std::sync::Arc;

const LENGTH: usize = 512;

/// Numbers of one kind by place; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Chunks<T> {
    pieces: Vec<Arc<[T; LENGTH]>>,
    length: usize,
}

impl<T: Copy + Default> Chunks<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The one at a place; the default beyond the end.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> T {
        self.pieces.get(at / LENGTH).map_or_else(T::default, |piece| piece[at % LENGTH])
    }

    /// The one at a place, to be written to; the list grows as far as that.
    pub fn at(&mut self, at: usize) -> &mut T {
        let pieces = at / LENGTH + 1;
        if self.pieces.len() < pieces {
            self.pieces.resize_with(pieces, || Arc::new([T::default(); LENGTH]));
        }
        self.length = self.length.max(at + 1);
        &mut Arc::make_mut(&mut self.pieces[at / LENGTH])[at % LENGTH]
    }
}

impl<T: Copy + Default> FromIterator<T> for Chunks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        let mut chunks = Self { pieces: Vec::new(), length: 0 };
        for (at, one) in list.into_iter().enumerate() {
            *chunks.at(at) = one;
        }
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_in_its_own_version_alone() {
        let old: Chunks<u32> = (0..2000).collect();
        let mut new = old.clone();
        *new.at(700) = 7;
        *new.at(5000) = 9;
        assert_eq!((old.get(700), old.get(5000), old.len()), (700, 0, 2000));
        assert_eq!((new.get(700), new.get(5000), new.get(4999), new.len()), (7, 9, 0, 5001));
        assert!(Arc::ptr_eq(&old.pieces[0], &new.pieces[0]), "what did not change is shared");
        assert!(!old.is_empty() && Chunks::<u32>::default().is_empty());
    }
}
