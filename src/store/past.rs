//! Reads the past events of a visitor that rules mention.

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};
use crate::model::{
    Action, Currency, EventParts, Kind, PastEvent, Position, SiteId, Timestamp, VisitorId, WantedEvents,
};

const PAST_EVENTS: &str = include_str!("sql/visitor.past_events.sql");

/// A stored event as rules see it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPast {
    /// Journal of its position.
    pub journal: u64,
    /// The event, once for each name that rules may call it by.
    pub events: Vec<PastEvent>,
}

#[derive(Row, Deserialize)]
struct PastRow {
    journal: u64,
    position: u64,
    at: i64,
    kind: u8,
    action: u8,
    name_text: String,
    order_id: String,
    by_server_key: bool,
    currency_text: String,
    properties: String,
    items: Vec<String>,
    path: String,
    host_text: String,
    title: String,
    referrer_text: String,
    channel_text: String,
    source_text: String,
    medium_text: String,
    campaign_text: String,
    device_text: String,
    os_text: String,
    browser_text: String,
    country_text: String,
    city_text: String,
    language_text: String,
    category_text: String,
    user_id: String,
}

impl Store {
    /// The newest events of a visitor that rules want, oldest first; at most `limit`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn past_events(
        &self,
        site: SiteId,
        visitor: VisitorId,
        wanted: &WantedEvents,
        limit: usize,
    ) -> Result<Vec<StoredPast>, StoreError> {
        let names: Vec<String> = wanted.iter().map(|(name, _)| name.to_owned()).collect();
        let params = [
            ("site", Param::U32(site.0)),
            ("visitor", Param::U128(visitor.0)),
            ("names", Param::ArrayStr(names)),
            ("pages", Param::U8(wanted.names_of(WantedEvents::PAGE).is_some().into())),
            ("limit", Param::U64(limit as u64)),
        ];
        let rows: Vec<PastRow> = self.live().query(PAST_EVENTS, &params).await?;
        Ok(rows.iter().filter_map(|row| to_past(row, wanted)).collect())
    }
}

fn to_past(row: &PastRow, wanted: &WantedEvents) -> Option<StoredPast> {
    let columns = [
        ("path", &*row.path),
        ("host", &*row.host_text),
        ("title", &*row.title),
        ("referrer_host", &*row.referrer_text),
        ("channel", &*row.channel_text),
        ("source", &*row.source_text),
        ("medium", &*row.medium_text),
        ("campaign", &*row.campaign_text),
        ("device", &*row.device_text),
        ("os", &*row.os_text),
        ("browser", &*row.browser_text),
        ("country", &*row.country_text),
        ("city", &*row.city_text),
        ("language", &*row.language_text),
        ("category", &*row.category_text),
        ("user_id", &*row.user_id),
    ];
    let parts = EventParts {
        at: Timestamp(row.at),
        position: Position(row.position),
        kind: Kind::from_number(row.kind)?,
        action: Action::from_number(row.action),
        name: &row.name_text,
        order_id: &row.order_id,
        by_server_key: row.by_server_key,
        currency: Currency::parse(&row.currency_text).unwrap_or(Currency::NONE),
        properties: &row.properties,
        columns: &columns,
        items: row.items.iter().map(String::as_str).collect(),
    };
    Some(StoredPast { journal: row.journal, events: parts.past_events(wanted) })
}
