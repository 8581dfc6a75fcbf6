//! One stretch on its way to the warehouse: sent, and sent again, until it is taken or refused for its content.

use std::{ops::Range, time::Duration};

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
    /// The service stops; it is sent again in its next life.
    GaveUp,
}

impl Flight {
    /// Starts to send. `again`: it may be in the warehouse already.
    pub(super) fn begin(stretch: Stretch, again: bool, sender: Sender) -> Self {
        let rows = stretch.rows.clone();
        let range = rows.range.clone();
        Self { range, stretch, sending: Aside::begin(sender.send(rows, again)) }
    }

    /// Waits for the end. May be given up and asked again.
    pub(super) async fn landed(&mut self) -> Outcome {
        self.sending.done().await
    }

    /// What was sent.
    pub(super) fn into_stretch(self) -> Stretch {
        self.stretch
    }
}

/// What sending needs.
pub(super) struct Sender {
    pub(super) store: Store,
    pub(super) config: config::Delivery,
    pub(super) stopping: Stopping,
}

impl Sender {
    async fn send(mut self, rows: Rows, mut again: bool) -> Outcome {
        let mut pause = Pause::new(&self.config);
        let mut refusals = 0;
        loop {
            let error = match self.insert(&rows, again).await {
                Ok(()) => return Outcome::Stored,
                Err(error) => error,
            };
            again = true;
            match error.kind() {
                ErrorKind::Poison(reason) => {
                    refusals += 1;
                    // A request damaged on its way looks like bad rows too: ask twice about the last one.
                    if rows.count > 1 || refusals > 1 {
                        return Outcome::Refused(reason);
                    }
                }
                ErrorKind::Retry => tracing::warn!(%error, rows = rows.count, "a batch waits to be sent again"),
                ErrorKind::Fatal => tracing::error!(
                    %error,
                    "the warehouse needs attention: events stay in the journal until it takes them"
                ),
            }
            if self.stopping.begun() || self.stopping.sleep(pause.next()).await {
                return Outcome::GaveUp;
            }
        }
    }

    async fn insert(&self, rows: &Rows, again: bool) -> Result<(), StoreError> {
        self.store.insert(rows.clone()).await?;
        if again {
            self.store.remove_twins(rows).await?;
        }
        Ok(())
    }
}

/// Growing pauses, each between half and one and a half of its length, so that many do not march in step.
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
