//! Questions that the live side asks; the marketers' are in `reports`.

use std::time::{Duration, Instant};

use clickhouse::Row;
use futures_util::FutureExt as _;
use serde::Deserialize;
use tokio::time::timeout;

use super::{Param, Priority, Share, Store, StoreError};
use crate::model::{
    Action, Channel, Currency, DeviceClass, ItemId, Kind, Position, ProfileEvent, SiteId, Timestamp, VisitorId,
};

const VISITOR_HISTORY: &str = include_str!("sql/visitor.history.sql");
const PERSON: &str = include_str!("sql/visitor.person.sql");
const LEARN_CHANGES: &str = include_str!("sql/learn.changes.sql");
const LEARN_SHOWN_ITEMS: &str = include_str!("sql/learn.shown_items.sql");
const LEARN_SINCE: &str = include_str!("sql/learn.since.sql");
const LEARN_ITEM_EVENTS: &str = include_str!("sql/learn.item_events.sql");
/// Reading all that a large site is learned from takes longer than a question may.
const READING_TIME_MAX: Duration = Duration::from_mins(10);

/// How far the item events of a site go; the same again means that there is nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct ItemChange {
    /// The site.
    pub site_id: u32,
    /// Number of item events.
    pub events: u64,
    /// The newest one's place in the journal.
    pub newest_position: u64,
}

/// An event about items, of whomever.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ItemEventRow<'a> {
    /// The visitor.
    pub visitor: u128,
    /// When, milliseconds.
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

/// How often an item was seen in slots.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ShownItemRow {
    /// The site.
    pub site_id: u32,
    /// Id of the item.
    pub item: String,
    /// Decisions in which it was seen.
    pub views: u64,
}

#[derive(Row, Deserialize)]
struct HistoryRow {
    journal: u64,
    position: u64,
    at: i64,
    kind: u8,
    action: u8,
    session: i64,
    items: Vec<String>,
    item_prices: Vec<i64>,
    item_quantities: Vec<u32>,
    category_text: String,
    amount_minor: i64,
    currency_text: String,
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
    /// The store for what a visitor waits for.
    fn live(&self) -> Self {
        self.with_share(Share { priority: Priority::Live, ..Share::default() })
    }

    /// The newest `limit` events of one visitor since a moment, oldest first. A row that this
    /// version cannot read (of a newer one) is left out.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn visitor_history(
        &self,
        site: SiteId,
        visitor: VisitorId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProfileEvent>, StoreError> {
        let params = [
            ("site", Param::U32(site.0)),
            ("visitor", Param::U128(visitor.0)),
            ("since", Param::I64(since.0)),
            ("limit", Param::U64(limit as u64)),
        ];
        let rows: Vec<HistoryRow> = self.live().query(VISITOR_HISTORY, &params).await?;
        Ok(rows.into_iter().filter_map(event_of).collect())
    }

    /// The visitors that the site itself said are this person, the oldest word first, at most `limit` of
    /// the newest.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn visitors_of_person(
        &self,
        site: SiteId,
        user: &str,
        limit: usize,
    ) -> Result<Vec<VisitorId>, StoreError> {
        let params = [("site", Param::U32(site.0)), ("user", user.into()), ("limit", Param::U64(limit as u64))];
        Ok(self.live().query::<u128>(PERSON, &params).await?.into_iter().map(VisitorId).collect())
    }

    /// How far the item events of every site since a moment go.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn item_changes(&self, since: Timestamp) -> Result<Vec<ItemChange>, StoreError> {
        self.query(LEARN_CHANGES, &[("since", Param::I64(since.0))]).await
    }

    /// How often each item of each site was seen in slots since a moment, the `limit` most seen ones.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn shown_items(&self, since: Timestamp, limit: u64) -> Result<Vec<ShownItemRow>, StoreError> {
        self.query(LEARN_SHOWN_ITEMS, &[("since", Param::I64(since.0)), ("limit", Param::U64(limit))]).await
    }

    /// The moment from which on a site has at most `limit` item events, but not before `since`. Where its
    /// newest hour alone has more, that is told as `since`.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn item_events_since(
        &self,
        site: SiteId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Timestamp, StoreError> {
        let params =
            [("site", Param::U32(site.0)), ("since", Param::I64(since.0)), ("limit", Param::U64(limit as u64))];
        let found: Vec<i64> = self.query(LEARN_SINCE, &params).await?;
        Ok(found.first().map_or(since, |ms| Timestamp(*ms).max(since)))
    }

    /// Tells the item events of a site since a moment one by one, visitor after visitor and oldest first
    /// within each; `each` says whether it wants more. Nothing is held but what is on its way.
    ///
    /// # Errors
    /// When the warehouse cannot be reached, refuses, takes more than ten minutes in all, or falls silent between
    /// two rows for longer than a question may take.
    pub async fn each_item_event(
        &self,
        site: SiteId,
        since: Timestamp,
        mut each: impl FnMut(ItemEventRow<'_>) -> bool,
    ) -> Result<(), StoreError> {
        let silence = Duration::from_secs(1) + self.query_timeout;
        let end = Instant::now() + READING_TIME_MAX + Duration::from_secs(1);
        let mut query = self.reading_unchecked(LEARN_ITEM_EVENTS, READING_TIME_MAX);
        for (name, value) in [("site", Param::U32(site.0)), ("since", Param::I64(since.0))] {
            query = query.param(name, &value);
        }
        let mut rows = query.fetch::<ItemEventRow<'_>>()?;
        // Sorting comes before the first row and may take long; what follows is only sent.
        let mut wait = READING_TIME_MAX;
        loop {
            // Most rows have arrived with others before: a timer is only made where something is waited for.
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
            wait = silence;
        }
    }
}

fn event_of(row: HistoryRow) -> Option<ProfileEvent> {
    let lines = row.items.into_iter().zip(row.item_prices).zip(row.item_quantities);
    Some(ProfileEvent {
        journal: row.journal,
        position: Position(row.position),
        occurred_at: Timestamp(row.at),
        kind: Kind::from_number(row.kind)?,
        action: Action::from_number(row.action),
        session_start: Timestamp(row.session),
        items: lines.map(|((id, price), quantity)| (ItemId::from(id), price, quantity)).collect(),
        category: row.category_text.into(),
        amount_minor: row.amount_minor,
        currency: Currency::parse(&row.currency_text).unwrap_or(Currency::NONE),
        user_id: row.user_id.into(),
        user_verified: row.user_verified,
        path: row.path.into(),
        channel: Channel::from_name(&row.channel_text).unwrap_or(Channel::Unassigned).as_str(),
        source: row.source_text.into(),
        campaign: row.campaign_text.into(),
        country: row.country_text.into(),
        device: DeviceClass::from_name(&row.device_text).unwrap_or_default().as_str(),
        slot: row.slot_text.into(),
        traits: row.traits.into(),
    })
}
