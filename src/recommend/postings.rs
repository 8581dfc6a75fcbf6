//! Which visits an item was in: the inverted list that makes neighbours cheap to find.

use super::{Number, Sessions};

/// For every item the visits it was in, oldest first, each once; of a bestseller the newest ones.
#[derive(Debug, Default)]
pub(super) struct Postings {
    offsets: Vec<u32>,
    sessions: Vec<u32>,
    /// All visits the item was in, those left out included.
    counts: Vec<u32>,
}

/// Visits kept of one item.
pub(super) const POSTINGS_MAX: u32 = 3000;

impl Postings {
    pub(super) fn new(sessions: &Sessions) -> Self {
        let catalogue = sessions.catalogue();
        let visits = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        // An item's last visit tells whether it was met in this one already.
        let mut met_in = vec![u32::MAX; catalogue];
        let mut counts = vec![0_u32; catalogue];
        for visit in 0..visits {
            for item in sessions.items(visit) {
                if std::mem::replace(&mut met_in[*item as usize], visit) != visit {
                    counts[*item as usize] += 1;
                }
            }
        }
        let mut offsets = Vec::with_capacity(catalogue + 1);
        let mut total = 0_u32;
        offsets.push(0);
        for count in &counts {
            total += (*count).min(POSTINGS_MAX);
            offsets.push(total);
        }
        // Filled from the newest visit backwards, so that it is the oldest that find no room.
        let mut room: Vec<u32> = counts.iter().map(|count| (*count).min(POSTINGS_MAX)).collect();
        let mut list = vec![0_u32; total as usize];
        met_in.fill(u32::MAX);
        for visit in (0..visits).rev() {
            for item in sessions.items(visit) {
                let at = *item as usize;
                if std::mem::replace(&mut met_in[at], visit) != visit && room[at] > 0 {
                    room[at] -= 1;
                    list[(offsets[at] + room[at]) as usize] = visit;
                }
            }
        }
        Self { offsets, sessions: list, counts }
    }

    /// The newest visits of an item, oldest of them first.
    pub(super) fn newest(&self, item: Number, count: usize) -> &[u32] {
        let at = item as usize;
        if at >= self.counts.len() {
            return &[];
        }
        let (from, to) = (self.offsets[at] as usize, self.offsets[at + 1] as usize);
        &self.sessions[from.max(to.saturating_sub(count))..to]
    }

    /// Visits the item was in.
    pub(super) fn count(&self, item: Number) -> u32 {
        self.counts.get(item as usize).copied().unwrap_or(0)
    }
}
