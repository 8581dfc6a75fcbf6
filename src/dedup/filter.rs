//! A split-block Bloom filter: ten bits per key, one cache line per lookup, about 2 % false positives. Keys are hashes
//! already, so their bits select the filter's.

const WORDS: usize = 8;
const BLOCK_BITS: u64 = 256;
const BITS_PER_KEY: u64 = 10;
/// Odd multipliers that derive one bit for each word from the same 32 bits.
const SALTS: [u32; WORDS] =
    [0x9e37_79b1, 0x85eb_ca6b, 0xc2b2_ae35, 0x27d4_eb2f, 0x1656_67b1, 0xd3a2_646d, 0xfd70_46c5, 0xb55a_4f09];

/// Whether a key is certainly absent or may be present.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    blocks: Vec<[u32; WORDS]>,
}

impl Filter {
    /// A filter for this many keys.
    pub(super) fn for_keys(keys: u64) -> Self {
        let blocks = usize::try_from(Self::blocks_for(keys)).expect("a bucket's filter fits in memory");
        Self { blocks: vec![[0; WORDS]; blocks] }
    }

    /// Bytes of a filter for this many keys.
    pub(super) fn bytes_for(keys: u64) -> u64 {
        Self::blocks_for(keys) * BLOCK_BITS / 8
    }

    pub(super) fn bytes(&self) -> u64 {
        self.blocks.len() as u64 * BLOCK_BITS / 8
    }

    fn blocks_for(keys: u64) -> u64 {
        keys.saturating_mul(BITS_PER_KEY).div_ceil(BLOCK_BITS).max(1)
    }

    pub(super) fn insert(&mut self, key: u128) {
        let (block, mask) = self.position(key);
        for (word, bit) in self.blocks[block].iter_mut().zip(mask) {
            *word |= bit;
        }
    }

    pub(super) fn may_contain(&self, key: u128) -> bool {
        let (block, mask) = self.position(key);
        self.blocks[block].iter().zip(mask).all(|(word, bit)| word & bit != 0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "two parts of the key are used separately on purpose")]
    fn position(&self, key: u128) -> (usize, [u32; WORDS]) {
        let (block_bits, bits) = ((key >> 32) as u32, key as u32);
        // The upper half of the product is uniform in 0..blocks, without a division.
        let block = (u64::from(block_bits) * self.blocks.len() as u64) >> 32;
        (block as usize, SALTS.map(|salt| 1 << (bits.wrapping_mul(salt) >> 27)))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        Self { blocks: words.as_chunks::<WORDS>().0.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_false_negatives_and_few_false_positives() {
        let mut filter = Filter::for_keys(20_000);
        let keys: Vec<u128> = (0..40_000).map(|_| rand::random()).collect();
        let (known, others) = keys.split_at(20_000);
        for key in known {
            filter.insert(*key);
        }
        assert!(known.iter().all(|key| filter.may_contain(*key)));
        let false_positives = others.iter().filter(|key| filter.may_contain(**key)).count();
        assert!(false_positives < 600, "{false_positives} of 20000");
        assert_eq!(Filter::from_bytes(&filter.to_bytes()), filter);
        assert_eq!(filter.to_bytes().len() as u64, Filter::bytes_for(20_000));
    }
}
