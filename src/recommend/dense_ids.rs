//! A set of numbers that is emptied in one step and used again: each number gets the next free place.

/// Numbers seen since the last `clear`, in the order of first sight.
#[derive(Debug)]
pub(super) struct DenseIds {
    /// Round of the entry in the upper half, place in the lower.
    table: Vec<u64>,
    keys: Vec<u32>,
    round: u32,
}

impl Default for DenseIds {
    fn default() -> Self {
        Self { table: vec![0; 1024], keys: Vec::new(), round: 1 }
    }
}

impl DenseIds {
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        if self.round == u32::MAX {
            self.table.fill(0);
            self.round = 0;
        }
        self.round += 1;
    }

    /// The place of a number, and whether it is a new one.
    #[inline]
    pub(super) fn place(&mut self, key: u32) -> (usize, bool) {
        if self.keys.len() * 2 >= self.table.len() {
            self.grow();
        }
        let at = self.probe(key);
        let entry = self.table[at];
        if (entry >> 32) as u32 == self.round {
            return ((entry & 0xffff_ffff) as usize, false);
        }
        let place = self.keys.len();
        self.table[at] = (u64::from(self.round) << 32) | place as u64;
        self.keys.push(key);
        (place, true)
    }

    /// Where the number is, or the first free entry after where it should be.
    #[inline]
    fn probe(&self, key: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        loop {
            let entry = self.table[at];
            if (entry >> 32) as u32 != self.round || self.keys[(entry & 0xffff_ffff) as usize] == key {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = self.table.len() * 4;
        self.table = vec![0; size];
        self.round = 1;
        for place in 0..self.keys.len() {
            let at = self.free(self.keys[place]);
            self.table[at] = (1 << 32) | place as u64;
        }
    }

    fn free(&self, key: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        while (self.table[at] >> 32) as u32 == self.round {
            at = (at + 1) & mask;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_place_through_growth_and_are_gone_after_clear() {
        let mut slots = DenseIds::default();
        for round in 0..3 {
            slots.clear();
            for n in 0..5000_u32 {
                assert_eq!(slots.place(n * 7 + round), (n as usize, true));
            }
            for n in 0..5000_u32 {
                assert_eq!(slots.place(n * 7 + round), (n as usize, false));
            }
            assert_eq!(slots.place(4_000_000), (5000, true));
        }
    }
}
