//! A stored event, for rules that look back.

use clickhouse::Row;
use serde::Deserialize;

use crate::model::{
    Action, Channel, Currency, DeviceClass, EventParts, ItemId, Kind, PastEvent, Position, ProfileEvent, Timestamp,
    VisitorId, WantedEvents,
};

/// A stored event with all that rules may ask of it.
#[derive(Debug, Row, Deserialize)]
pub struct StoredEvent {
    who: u128,
    visitor: u128,
    journal: u64,
    position: u64,
    at: i64,
    kind: u8,
    action: u8,
    /// Event name.
    name_text: String,
    session: i64,
    /// Ids of its items.
    items: Vec<String>,
    item_prices: Vec<i64>,
    item_quantities: Vec<u32>,
    category_text: String,
    amount_minor: i64,
    currency_text: String,
    /// Order id; empty if none.
    order_id: String,
    /// Whether a refund names only its order.
    refunds_whole_order: bool,
    /// Whether it came with a server key.
    by_server_key: bool,
    user_id: String,
    user_verified: bool,
    host_text: String,
    path: String,
    title: String,
    channel_text: String,
    source_text: String,
    medium_text: String,
    campaign_text: String,
    referrer_text: String,
    country_text: String,
    city_text: String,
    device_text: String,
    os_text: String,
    browser_text: String,
    language_text: String,
    /// Properties, if the event's are needed.
    needed: String,
}

impl StoredEvent {
    /// The visitor that stands for the person.
    #[must_use]
    pub const fn person(&self) -> VisitorId {
        VisitorId(self.who)
    }

    /// The visitor.
    #[must_use]
    pub const fn visitor(&self) -> VisitorId {
        VisitorId(self.visitor)
    }

    /// Journal of its position.
    #[must_use]
    pub const fn journal(&self) -> u64 {
        self.journal
    }

    /// Its position in the journal.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position(self.position)
    }

    /// The event as rules see it, once for each name that they may call it by.
    #[must_use]
    pub fn past_events(&self, wanted: &WantedEvents) -> Vec<PastEvent> {
        let Some(kind) = Kind::from_number(self.kind) else { return Vec::new() };
        let columns = [
            ("path", &*self.path),
            ("host", &*self.host_text),
            ("title", &*self.title),
            ("referrer_host", &*self.referrer_text),
            ("channel", &*self.channel_text),
            ("source", &*self.source_text),
            ("medium", &*self.medium_text),
            ("campaign", &*self.campaign_text),
            ("device", &*self.device_text),
            ("os", &*self.os_text),
            ("browser", &*self.browser_text),
            ("country", &*self.country_text),
            ("city", &*self.city_text),
            ("language", &*self.language_text),
            ("category", &*self.category_text),
            ("user_id", &*self.user_id),
        ];
        let parts = EventParts {
            at: Timestamp(self.at),
            position: Position(self.position),
            kind,
            action: Action::from_number(self.action),
            name: &self.name_text,
            order_id: &self.order_id,
            by_server_key: self.by_server_key,
            currency: Currency::parse(&self.currency_text).unwrap_or(Currency::NONE),
            properties: if kind == Kind::Identify { "" } else { &self.needed },
            columns: &columns,
            items: self.items.iter().map(String::as_str).collect(),
        };
        parts.past_events(wanted)
    }

    /// What profiles fold of it; `None` if this version cannot read it.
    #[must_use]
    pub fn profile_event(&self) -> Option<ProfileEvent> {
        let kind = Kind::from_number(self.kind)?;
        let lines = self.items.iter().zip(&self.item_prices).zip(&self.item_quantities);
        Some(ProfileEvent {
            journal: self.journal,
            position: Position(self.position),
            occurred_at: Timestamp(self.at),
            kind,
            action: Action::from_number(self.action),
            name: self.name_text.as_str().into(),
            session_start: Timestamp(self.session),
            items: lines.map(|((id, price), quantity)| (ItemId::from(&**id), *price, *quantity)).collect(),
            category: self.category_text.as_str().into(),
            amount_minor: self.amount_minor,
            currency: Currency::parse(&self.currency_text).unwrap_or(Currency::NONE),
            order_id: self.order_id.as_str().into(),
            refunds_whole_order: self.refunds_whole_order,
            by_server_key: self.by_server_key,
            user_id: self.user_id.as_str().into(),
            user_verified: self.user_verified,
            path: self.path.as_str().into(),
            channel: Channel::from_name(&self.channel_text).unwrap_or(Channel::Unassigned).as_str(),
            source: self.source_text.as_str().into(),
            campaign: self.campaign_text.as_str().into(),
            country: self.country_text.as_str().into(),
            device: DeviceClass::from_name(&self.device_text).unwrap_or_default().as_str(),
            slot: Box::default(),
            offer: Box::default(),
            traits: if kind == Kind::Identify { self.needed.as_str().into() } else { Box::default() },
            past: Vec::new(),
            rules: 0,
        })
    }
}
