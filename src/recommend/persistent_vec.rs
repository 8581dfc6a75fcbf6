//! A persistent vector: versions share unchanged chunks, and a write copies only its chunk.

use std::sync::Arc;

const CHUNK: usize = 512;

/// A growable list of values; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PersistentVec<T> {
    chunks: Vec<Arc<[T; CHUNK]>>,
    length: usize,
}

impl<T: Copy + Default> PersistentVec<T> {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The value at an index; the default beyond the end.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> T {
        self.chunks.get(at / CHUNK).map_or_else(T::default, |chunk| chunk[at % CHUNK])
    }

    /// The value at an index, for writing; the list grows as needed.
    pub fn get_mut(&mut self, at: usize) -> &mut T {
        let chunks = at / CHUNK + 1;
        if self.chunks.len() < chunks {
            self.chunks.resize_with(chunks, || Arc::new([T::default(); CHUNK]));
        }
        self.length = self.length.max(at + 1);
        &mut Arc::make_mut(&mut self.chunks[at / CHUNK])[at % CHUNK]
    }
}

impl<T: Copy + Default> FromIterator<T> for PersistentVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        let mut vec = Self { chunks: Vec::new(), length: 0 };
        for (at, value) in list.into_iter().enumerate() {
            *vec.get_mut(at) = value;
        }
        vec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_visible_in_its_own_version_only() {
        let old: PersistentVec<u32> = (0..2000).collect();
        let mut new = old.clone();
        *new.get_mut(700) = 7;
        *new.get_mut(5000) = 9;
        assert_eq!((old.get(700), old.get(5000), old.len()), (700, 0, 2000));
        assert_eq!((new.get(700), new.get(5000), new.get(4999), new.len()), (7, 9, 0, 5001));
        assert!(Arc::ptr_eq(&old.chunks[0], &new.chunks[0]), "unchanged chunks are shared");
        assert!(!old.is_empty() && PersistentVec::<u32>::default().is_empty());
    }
}
