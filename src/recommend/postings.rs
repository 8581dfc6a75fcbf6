//! Inverted index from items to visits, which makes neighbours cheap to find.

use super::{sessions::Sessions, types::Number};

/// For every item its visits, oldest first, each once; of a bestseller the newest ones.
#[derive(Debug, Default)]
pub(super) struct Postings {
    offsets: Vec<u32>,
    sessions: Vec<u32>,
    /// Visits of each item, including those left out.
    counts: Vec<u32>,
}

/// Visits kept for one item.
pub(super) const POSTINGS_MAX: u32 = 3000;

impl Postings {
    pub(super) fn new(sessions: &Sessions) -> Self {
        let catalogue = sessions.catalogue();
        let visits = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        // The last visit that counted an item, so that each visit counts once.
        let mut last_visit = vec![u32::MAX; catalogue];
        let mut counts = vec![0_u32; catalogue];
        for visit in 0..visits {
            for item in sessions.items(visit) {
                if std::mem::replace(&mut last_visit[*item as usize], visit) != visit {
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
        // Filled from the newest visit backwards, so that the oldest ones are left out.
        let mut free: Vec<u32> = counts.iter().map(|count| (*count).min(POSTINGS_MAX)).collect();
        let mut list = vec![0_u32; total as usize];
        last_visit.fill(u32::MAX);
        for visit in (0..visits).rev() {
            for item in sessions.items(visit) {
                let at = *item as usize;
                if std::mem::replace(&mut last_visit[at], visit) != visit && free[at] > 0 {
                    free[at] -= 1;
                    list[(offsets[at] + free[at]) as usize] = visit;
                }
            }
        }
        Self { offsets, sessions: list, counts }
    }

    /// The newest `count` visits of an item, oldest first.
    pub(super) fn newest(&self, item: Number, count: usize) -> &[u32] {
        let at = item as usize;
        if at >= self.counts.len() {
            return &[];
        }
        let (from, to) = (self.offsets[at] as usize, self.offsets[at + 1] as usize);
        &self.sessions[from.max(to.saturating_sub(count))..to]
    }

    /// Number of visits of an item.
    pub(super) fn count(&self, item: Number) -> u32 {
        self.counts.get(item as usize).copied().unwrap_or(0)
    }
}
