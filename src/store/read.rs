//! Queries of live profiles and of the learner; those of reports are in `reports`.

use std::time::{Duration, Instant};

use clickhouse::Row;
use futures_util::FutureExt as _;
use serde::Deserialize;
use tokio::time::timeout;

use super::{Param, Priority, QueryLimits, Store, StoreError};
use crate::model::{
    Action, Channel, Currency, DeviceClass, ItemId, Kind, Position, ProfileEvent, SiteId, Timestamp, VisitorId,
};

const VISITOR_HISTORIES: &str = include_str!("sql/visitor.histories.sql");
const VISITORS_OF_USER: &str = include_str!("sql/visitor.same_user.sql");
const LEARN_CHANGES: &str = include_str!("sql/learn.changes.sql");
const LEARN_SHOWN_ITEMS: &str = include_str!("sql/learn.shown_items.sql");
const LEARN_SINCE: &str = include_str!("sql/learn.since.sql");
const LEARN_ITEM_EVENTS: &str = include_str!("sql/learn.item_events.sql");
/// Reading all item events of a large site takes longer than the query timeout.
const ITEM_EVENTS_TIMEOUT: Duration = Duration::from_mins(10);

/// Number and newest position of a site's item events; if both are unchanged, there are no new events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct ItemChange {
    /// The site.
    pub site_id: u32,
    /// Number of item events.
    pub events: u64,
    /// Journal position of the newest one.
    pub newest_position: u64,
}

/// An item event of any visitor.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ItemEventRow<'a> {
    /// The visitor.
    pub visitor: u128,
    /// Time, milliseconds.
    pub at: i64,
    /// Number of the action.
    pub action: u8,
    /// Ids of the items.
    #[serde(borrow)]
    pub items: Vec<&'a str>,
    /// Category of the item; empty when unknown.
    #[serde(borrow)]
    pub category_text: &'a str,
}

/// Views of an item in slots.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ShownItemRow {
    /// The site.
    pub site_id: u32,
    /// Id of the item.
    pub item: String,
    /// Decisions in which it was viewed.
    pub views: u64,
}

#[derive(Row, Deserialize)]
struct HistoryRow {
    visitor: u128,
    journal: u64,
    position: u64,
    at: i64,
    kind: u8,
    action: u8,
    name_text: String,
    session: i64,
    items: Vec<String>,
    item_prices: Vec<i64>,
    item_quantities: Vec<u32>,
    category_text: String,
    amount_minor: i64,
    currency_text: String,
    order_id: String,
    refunds_whole_order: bool,
    by_server_key: bool,
    user_id: String,
    user_verified: bool,
    path: String,
    channel_text: String,
    source_text: String,
    campaign_text: String,
    country_text: String,
    device_text: String,
    slot_text: String,
    traits: String,
}

impl Store {
    /// The store with the priority of live queries.
    pub(super) fn live(&self) -> Self {
        self.with_limits(QueryLimits { priority: Priority::Live, ..QueryLimits::default() })
    }

    /// The newest `limit` events of each of some visitors since a time, a visitor's together, oldest first. Rows that this
    /// version cannot read (written by a newer one) are skipped.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_histories(
        &self,
        site: SiteId,
        visitors: &[VisitorId],
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<(VisitorId, ProfileEvent)>, StoreError> {
        let params = [
            ("site", Param::U32(site.0)),
            ("visitors", Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect())),
            ("since", Param::I64(since.0)),
            ("limit", Param::U64(limit as u64)),
        ];
        let rows: Vec<HistoryRow> = self.live().query(VISITOR_HISTORIES, &params).await?;
        Ok(rows.into_iter().filter_map(|row| Some((VisitorId(row.visitor), to_profile_event(row)?))).collect())
    }

    /// The visitors with this verified user id, the least recently identified first; at most the newest `limit`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitors_of_user(&self, site: SiteId, user: &str, limit: usize) -> Result<Vec<VisitorId>, StoreError> {
        let params = [("site", Param::U32(site.0)), ("user", user.into()), ("limit", Param::U64(limit as u64))];
        Ok(self.live().query::<u128>(VISITORS_OF_USER, &params).await?.into_iter().map(VisitorId).collect())
    }

    /// Number and newest position of the item events of every site since a time.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn item_changes(&self, since: Timestamp) -> Result<Vec<ItemChange>, StoreError> {
        self.query(LEARN_CHANGES, &[("since", Param::I64(since.0))]).await
    }

    /// Views of items in slots since a time, by site: the `limit` most viewed ones.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn shown_items(&self, since: Timestamp, limit: u64) -> Result<Vec<ShownItemRow>, StoreError> {
        self.query(LEARN_SHOWN_ITEMS, &[("since", Param::I64(since.0)), ("limit", Param::U64(limit))]).await
    }

    /// The time from which on a site has at most `limit` item events, not before `since`. Returns `since` if the newest
    /// hour alone has more.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn item_events_since(
        &self,
        site: SiteId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Timestamp, StoreError> {
        let params =
            [("site", Param::U32(site.0)), ("since", Param::I64(since.0)), ("limit", Param::U64(limit as u64))];
        let since_ms: Vec<i64> = self.query(LEARN_SINCE, &params).await?;
        Ok(since_ms.first().map_or(since, |ms| Timestamp(*ms).max(since)))
    }

    /// Streams the item events of a site since a time, grouped by visitor and oldest first for each, until `each`
    /// returns false.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error, takes more than ten minutes in all, or sends nothing for
    /// longer than the query timeout between two rows.
    pub async fn for_each_item_event(
        &self,
        site: SiteId,
        since: Timestamp,
        mut each: impl FnMut(ItemEventRow<'_>) -> bool,
    ) -> Result<(), StoreError> {
        let row_timeout = Duration::from_secs(1) + self.query_timeout;
        let end = Instant::now() + ITEM_EVENTS_TIMEOUT + Duration::from_secs(1);
        let mut query = self.read_only_query_unchecked(LEARN_ITEM_EVENTS, ITEM_EVENTS_TIMEOUT);
        for (name, value) in [("site", Param::U32(site.0)), ("since", Param::I64(since.0))] {
            query = query.param(name, &value);
        }
        let mut rows = query.fetch::<ItemEventRow<'_>>()?;
        // Sorting before the first row may take long; later rows are only sent.
        let mut wait = ITEM_EVENTS_TIMEOUT;
        loop {
            // Most rows are already buffered: create a timer only to wait for data.
            let row = if let Some(row) = rows.next().now_or_never() {
                row
            } else {
                let wait = wait.min(end.saturating_duration_since(Instant::now()));
                timeout(wait, rows.next()).await.map_err(|_| StoreError::TimedOut(wait))?
            };
            let Some(row) = row? else { return Ok(()) };
            if !each(row) {
                return Ok(());
            }
            wait = row_timeout;
        }
    }
}

fn to_profile_event(row: HistoryRow) -> Option<ProfileEvent> {
    let lines = row.items.into_iter().zip(row.item_prices).zip(row.item_quantities);
    Some(ProfileEvent {
        journal: row.journal,
        position: Position(row.position),
        occurred_at: Timestamp(row.at),
        kind: Kind::from_number(row.kind)?,
        action: Action::from_number(row.action),
        name: row.name_text.into(),
        session_start: Timestamp(row.session),
        items: lines.map(|((id, price), quantity)| (ItemId::from(id), price, quantity)).collect(),
        category: row.category_text.into(),
        amount_minor: row.amount_minor,
        currency: Currency::parse(&row.currency_text).unwrap_or(Currency::NONE),
        order_id: row.order_id.into(),
        refunds_whole_order: row.refunds_whole_order,
        by_server_key: row.by_server_key,
        user_id: row.user_id.into(),
        user_verified: row.user_verified,
        path: row.path.into(),
        channel: Channel::from_name(&row.channel_text).unwrap_or(Channel::Unassigned).as_str(),
        source: row.source_text.into(),
        campaign: row.campaign_text.into(),
        country: row.country_text.into(),
        device: DeviceClass::from_name(&row.device_text).unwrap_or_default().as_str(),
        slot: row.slot_text.into(),
        offer: Box::default(),
        traits: row.traits.into(),
        past: Vec::new(),
        rules: 0,
    })
}
