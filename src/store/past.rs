//! Reads the past events of visitors that rules mention.

use super::{Param, Store, StoreError, StoredEvent};
use crate::model::{PastEvent, SiteId, VisitorId, WantedEvents};

const PAST_EVENTS: &str = include_str!("sql/visitor.past_events.sql");

/// A stored event as rules see it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPast {
    /// Whose it is.
    pub visitor: VisitorId,
    /// Journal of its position.
    pub journal: u64,
    /// The event, once for each name that rules may call it by.
    pub events: Vec<PastEvent>,
}

impl Store {
    /// The newest events of each of some visitors that rules want, oldest first; at most `limit` of a visitor.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn past_events(
        &self,
        site: SiteId,
        visitors: &[VisitorId],
        wanted: &WantedEvents,
        limit: usize,
    ) -> Result<Vec<StoredPast>, StoreError> {
        let names: Vec<String> = wanted.iter().map(|(name, _)| name.to_owned()).collect();
        let params = [
            ("site", Param::U32(site.0)),
            ("visitors", Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect())),
            ("names", Param::ArrayStr(names)),
            ("page_views", Param::U8(wanted.names_of(WantedEvents::PAGE).is_some().into())),
            ("limit", Param::U64(limit as u64)),
        ];
        let rows: Vec<StoredEvent> = self.live().query(PAST_EVENTS, &params).await?;
        let past = |row: &StoredEvent| StoredPast {
            visitor: row.visitor(),
            journal: row.journal(),
            events: row.past_events(wanted),
        };
        Ok(rows.iter().map(past).collect())
    }
}
