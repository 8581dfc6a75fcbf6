//! Output bytes as a list of chunks: large buffers are moved, small ones are concatenated.

use std::mem;

use bytes::Bytes;

/// A buffer of at least this many bytes is moved, not copied.
const MOVED_BYTES_MIN: usize = 64 << 10;

/// Chunks, in order.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    finished: Vec<Bytes>,
    small: Vec<u8>,
}

impl Chunks {
    /// The buffer for small writes.
    pub(super) fn small_buffer(&mut self) -> &mut Vec<u8> {
        if self.small.len() >= MOVED_BYTES_MIN {
            self.flush();
        }
        &mut self.small
    }

    /// Appends these bytes and empties `bytes`: a large buffer is moved, a small one copied.
    pub(super) fn append(&mut self, bytes: &mut Vec<u8>) {
        if bytes.len() >= MOVED_BYTES_MIN {
            self.flush();
            self.finished.push(mem::take(bytes).into());
        } else {
            self.small_buffer().append(bytes);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.finished
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.finished.push(mem::take(&mut self.small).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_every_byte_and_large_ones_are_not_copied() {
        let (mut chunks, mut expected) = (Chunks::default(), Vec::new());
        for (n, length) in
            [3, MOVED_BYTES_MIN, 0, 5, MOVED_BYTES_MIN - 1, 7, MOVED_BYTES_MIN + 9].into_iter().enumerate()
        {
            let mut bytes = vec![u8::try_from(n).unwrap(); length];
            expected.extend_from_slice(&bytes);
            let address = bytes.as_ptr();
            chunks.append(&mut bytes);
            assert!(bytes.is_empty());
            if length >= MOVED_BYTES_MIN {
                assert_eq!(chunks.finished.last().map(|chunk| chunk.as_ptr()), Some(address), "{length}");
            }
            chunks.small_buffer().push(99);
            expected.push(99);
        }
        let finished = chunks.finish();
        assert_eq!(finished.concat(), expected);
        assert!(finished.len() < 8, "{}", finished.len());
    }
}
