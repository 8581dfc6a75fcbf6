//! Bytes on their way out in pieces: large ones leave as they are, small ones are put together.

use std::mem;

use bytes::Bytes;

/// A piece of at least this many bytes is not copied.
const WHOLE_BYTES_MIN: usize = 64 << 10;

/// Pieces, in order.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    done: Vec<Bytes>,
    few: Vec<u8>,
}

impl Pieces {
    /// Where small things are written.
    pub(super) fn few(&mut self) -> &mut Vec<u8> {
        if self.few.len() >= WHOLE_BYTES_MIN {
            self.close();
        }
        &mut self.few
    }

    /// Takes these bytes: the buffer itself when they are many, a copy when they are few. It is empty afterwards.
    pub(super) fn put(&mut self, bytes: &mut Vec<u8>) {
        if bytes.len() >= WHOLE_BYTES_MIN {
            self.close();
            self.done.push(mem::take(bytes).into());
        } else {
            self.few().append(bytes);
        }
    }

    /// All of them.
    pub(super) fn done(mut self) -> Vec<Bytes> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        if !self.few.is_empty() {
            self.done.push(mem::take(&mut self.few).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_together_are_what_was_put_in_and_large_ones_are_not_copied() {
        let (mut pieces, mut expected) = (Pieces::default(), Vec::new());
        for (n, length) in
            [3, WHOLE_BYTES_MIN, 0, 5, WHOLE_BYTES_MIN - 1, 7, WHOLE_BYTES_MIN + 9].into_iter().enumerate()
        {
            let mut bytes = vec![u8::try_from(n).unwrap(); length];
            expected.extend_from_slice(&bytes);
            let place = bytes.as_ptr();
            pieces.put(&mut bytes);
            assert!(bytes.is_empty());
            if length >= WHOLE_BYTES_MIN {
                assert_eq!(pieces.done.last().map(|piece| piece.as_ptr()), Some(place), "{length}");
            }
            pieces.few().push(99);
            expected.push(99);
        }
        let done = pieces.done();
        assert_eq!(done.concat(), expected);
        assert!(done.len() < 8, "{}", done.len());
    }
}
