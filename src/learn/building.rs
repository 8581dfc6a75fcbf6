//! Builds the base index of a site on a low-priority thread.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{runtime::Handle, time::Instant};

use super::{
    Learn,
    build::{Builder, ItemEvent},
};
use crate::{
    clock,
    decide::Index,
    model::{Action, Position, SiteId, Timestamp},
    store::{
        StoreError,
        read::{ItemChange, ItemEventRow},
    },
    tasks::{Stopping, run_low_priority},
};

/// A running build; resolves to the change it covers and its duration.
pub(super) type Building = Pin<Box<dyn Future<Output = Result<(ItemChange, Duration), StoreError>> + Send>>;

impl Learn {
    pub(super) async fn build(
        self: Arc<Self>,
        change: ItemChange,
        stopping: Stopping,
    ) -> Result<(ItemChange, Duration), StoreError> {
        let handle = Handle::current();
        let built = run_low_priority("learn", move || handle.block_on(self.build_index(change, &stopping)));
        let panicked = |error| Err(StoreError::UnexpectedResponse(format!("the index could not be built: {error}")));
        Ok((change, built.await.unwrap_or_else(panicked)?))
    }

    /// Reads a site's events, builds its base index and publishes it together with the events it does not include yet.
    async fn build_index(&self, change: ItemChange, stopping: &Stopping) -> Result<Duration, StoreError> {
        let (site, begun, now, mut since) = (SiteId(change.site_id), Instant::now(), clock::now(), self.since());
        let below = self.delivered.as_ref().map_or(Position::default(), |delivered| *delivered.borrow());
        let open = self.recents(|recents| recents.get(&site).map(|recent| recent.open_sessions(now, &self.params)));
        let open = open.unwrap_or_default();
        if change.events > self.params.events_max as u64 {
            since = self.store.item_events_since(site, since, self.params.events_max).await?;
        }
        tracing::debug!(%site, events = change.events, "learning");
        let mut builder = Builder::new(self.params, now).without(open.clone());
        let each = |row: ItemEventRow<'_>| {
            let (at, action) = (Timestamp(row.at), Action::from_number(row.action));
            let (visitor, items, category) = (row.visitor, &row.items[..], row.category_text);
            builder.add(&ItemEvent { visitor, at, action, items, category }) && !stopping.begun()
        };
        self.store.for_each_item_event(site, since, each).await?;
        let read = begun.elapsed();
        let index = builder.finish(&self.tuning.apply(site).unwrap_or_default());
        let took = begun.elapsed();
        tracing::debug!(%site, items = index.len(), events = index.events(), ?read, ?took, "learned");
        let before = self.index(site);
        self.recents(|recents| {
            let index = index.with_content(Arc::clone(self.index(site).content()));
            let recent = recents.entry(site).or_default();
            recent.remove_built(below, &open);
            if recent.is_empty() {
                recents.remove(&site);
                self.publish(site, index);
            } else {
                let grown = recent.grow(&index, &self.params, clock::now());
                self.publish(site, grown);
            }
        });
        drop_unshared(before);
        self.tuning.begin_if_due(site, &self.index(site), now);
        Ok(took)
    }
}

/// Waits for a build; forever if there is none.
pub(super) async fn end_of(building: &mut Option<Building>) -> Result<(ItemChange, Duration), StoreError> {
    match building {
        Some(building) => building.await,
        None => std::future::pending().await,
    }
}

/// Freeing a large index takes milliseconds; they are spent here instead of in the last request that holds it.
fn drop_unshared(index: Arc<Index>) {
    for _ in 0..100 {
        if Arc::strong_count(&index) == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(index);
}
