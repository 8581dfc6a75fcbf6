//! How many records of the journal are delivered.

use std::sync::Arc;

use tokio::sync::watch;

use super::types::Progress;
use crate::{journal::Journal, model::Position, wire::admin::JournalCounts};

/// Counts the journal's records by what became of them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeliveryStatus {
    journal: Arc<Journal>,
    progress: watch::Receiver<Progress>,
}

impl DeliveryStatus {
    /// Over a journal and the progress of its delivery.
    #[must_use]
    pub const fn new(journal: Arc<Journal>, progress: watch::Receiver<Progress>) -> Self {
        Self { journal, progress }
    }

    /// The counts now; `kept = inserted + quarantined + waiting`.
    #[must_use]
    pub fn delivered(&self) -> Position {
        self.progress.borrow().delivered
    }

    /// Counts of the journal's records.
    pub fn counts(&self) -> JournalCounts {
        let Progress { inserted, quarantined, .. } = *self.progress.borrow();
        let kept = self.journal.next().0;
        JournalCounts { kept, inserted, quarantined, waiting: kept.saturating_sub(inserted + quarantined) }
    }
}
