//! One stretch on its way to the warehouse: taken, refused for its content, or to be sent again.
//!
//! Its rows are let go as they are sent. Who sends again reads them from the journal again, which gives the same
//! bytes: while the warehouse is away nothing is held for it.

use std::{mem, ops::Range, time::Duration};

use super::gather::Stretch;
use crate::{
    config,
    model::Position,
    store::{ErrorKind, Rows, Store, StoreError},
    tasks::{Aside, Stopping},
};

/// A stretch that is being sent beside the loop that reads the next one.
pub(super) struct Flight {
    pub(super) range: Range<Position>,
    stretch: Stretch,
    sending: Aside<Outcome>,
}

/// How sending a stretch ended.
pub(super) enum Outcome {
    Stored,
    Refused(String),
    /// It did not get there, or that cannot be told, and the pause after that is over.
    Again,
    /// The service stops; it is sent again in its next life.
    GaveUp,
}

impl Flight {
    /// Starts to send. `again`: it may be in the warehouse already.
    pub(super) fn begin(mut stretch: Stretch, again: bool, sender: Sender) -> Self {
        let pieces = mem::take(&mut stretch.rows.pieces);
        let rows = Rows { pieces, ..stretch.rows.clone() };
        let range = rows.range.clone();
        Self { range, stretch, sending: Aside::begin(sender.send(rows, again)) }
    }

    /// Waits for the end. May be given up and asked again.
    pub(super) async fn landed(&mut self) -> Outcome {
        self.sending.done().await
    }

    /// What was sent, without its rows.
    pub(super) fn into_stretch(self) -> Stretch {
        self.stretch
    }
}

/// What sending needs.
pub(super) struct Sender {
    pub(super) store: Store,
    /// After a failure.
    pub(super) pause: Duration,
    pub(super) stopping: Stopping,
}

impl Sender {
    async fn send(mut self, rows: Rows, again: bool) -> Outcome {
        // A request damaged on its way looks like bad rows too: ask twice about the last one.
        let second = (rows.count == 1).then(|| rows.clone());
        let mut sent = self.insert(rows, again).await;
        if let (Some(row), Err(error)) = (second, &sent)
            && matches!(error.kind(), ErrorKind::Poison(_))
        {
            sent = self.insert(row, true).await;
        }
        let Err(error) = sent else { return Outcome::Stored };
        match error.kind() {
            ErrorKind::Poison(reason) => return Outcome::Refused(reason),
            ErrorKind::Retry => tracing::warn!(%error, "a batch waits to be sent again"),
            ErrorKind::Fatal => tracing::error!(
                %error,
                "the warehouse needs attention: events stay in the journal until it takes them"
            ),
        }
        if self.stopping.begun() || self.stopping.sleep(self.pause).await {
            return Outcome::GaveUp;
        }
        Outcome::Again
    }

    async fn insert(&self, rows: Rows, again: bool) -> Result<(), StoreError> {
        let (journal, range) = (rows.journal, rows.range.clone());
        self.store.insert(rows).await?;
        if again {
            self.store.remove_twins(journal, &range).await?;
        }
        Ok(())
    }
}

/// Growing pauses, each between half and one and a half of its length, so that many do not march in step.
#[derive(Debug, Clone)]
pub(super) struct Pause {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Pause {
    pub(super) fn new(config: &config::Delivery) -> Self {
        let first = Duration::from_millis(config.retry_backoff_ms.max(1));
        Self { first, next: first, max: Duration::from_millis(config.retry_backoff_max_ms).max(first) }
    }

    pub(super) fn next(&mut self) -> Duration {
        let length = self.next;
        self.next = (length * 2).min(self.max);
        length.mul_f64(rand::random_range(0.5..1.5))
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}
