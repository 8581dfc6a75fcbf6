//! Maps sparse ids to dense indices; cleared in constant time and reused.

/// Ids since the last `clear`, in the order of first insertion.
#[derive(Debug)]
pub(super) struct DenseIds {
    /// Generation of the entry in the upper half, index in the lower.
    table: Vec<u64>,
    keys: Vec<u32>,
    generation: u32,
}

impl Default for DenseIds {
    fn default() -> Self {
        Self { table: vec![0; 1024], keys: Vec::new(), generation: 1 }
    }
}

impl DenseIds {
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        if self.generation == u32::MAX {
            self.table.fill(0);
            self.generation = 0;
        }
        self.generation += 1;
    }

    /// The index of an id, and whether it was inserted by this call.
    #[inline]
    pub(super) fn get_or_insert(&mut self, key: u32) -> (usize, bool) {
        if self.keys.len() * 2 >= self.table.len() {
            self.grow();
        }
        let at = self.probe(key);
        let entry = self.table[at];
        if (entry >> 32) as u32 == self.generation {
            return ((entry & 0xffff_ffff) as usize, false);
        }
        let index = self.keys.len();
        self.table[at] = (u64::from(self.generation) << 32) | index as u64;
        self.keys.push(key);
        (index, true)
    }

    /// The entry of the id, or the first free one after its hash position.
    #[inline]
    fn probe(&self, key: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        loop {
            let entry = self.table[at];
            if (entry >> 32) as u32 != self.generation || self.keys[(entry & 0xffff_ffff) as usize] == key {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = self.table.len() * 4;
        self.table = vec![0; size];
        self.generation = 1;
        for index in 0..self.keys.len() {
            let at = self.free_entry(self.keys[index]);
            self.table[at] = (1 << 32) | index as u64;
        }
    }

    fn free_entry(&self, key: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        while (self.table[at] >> 32) as u32 == self.generation {
            at = (at + 1) & mask;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_index_through_growth_and_are_gone_after_clear() {
        let mut ids = DenseIds::default();
        for round in 0..3 {
            ids.clear();
            for n in 0..5000_u32 {
                assert_eq!(ids.get_or_insert(n * 7 + round), (n as usize, true));
            }
            for n in 0..5000_u32 {
                assert_eq!(ids.get_or_insert(n * 7 + round), (n as usize, false));
            }
            assert_eq!(ids.get_or_insert(4_000_000), (5000, true));
        }
    }
}
