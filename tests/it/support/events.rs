//! Events to test with, and their rows.

use std::borrow::Cow;

use ashna::{
    model::{
        Action, Channel, Currency, Device, DeviceClass, Event, GeoLocation, Kind, MessageHash, Page, Position, SiteId,
        Timestamp, Traffic, VisitorId, event::ItemLine,
    },
    store::{Block, InsertBatch, rows},
};

/// 2026-01-02T03:04:05.678Z.
pub const BEGINNING: Timestamp = Timestamp(1_767_323_045_678);

/// The `n`th event of site 1: a product view of visitor 100 + n % 10, one second after the one before.
pub fn event(n: u64) -> Event<'static> {
    let at = BEGINNING.plus(i64::try_from(n).unwrap() * 1000);
    Event {
        site: SiteId(1),
        message: MessageHash::new(SiteId(1), &n.to_le_bytes()),
        kind: Kind::Track,
        name: "Product Viewed".into(),
        action: Action::ItemViewed,
        occurred_at: at,
        received_at: at.plus(5),
        visitor: VisitorId(100 + u128::from(n % 10)),
        user_id: Cow::Borrowed(""),
        user_verified: true,
        session_start: BEGINNING,
        robot: "",
        page: Page {
            host: "shop.example".into(),
            path: format!("/p/{n}").into(),
            title: "Kaffee ☕".into(),
            ..Page::default()
        },
        traffic: Traffic { channel: Channel::OrganicSearch, source: "google".into(), ..Traffic::default() },
        device: Device { class: DeviceClass::Mobile, os: "Android".into(), ..Device::default() },
        place: GeoLocation { country: "DE".into(), ..GeoLocation::default() },
        language: "de-DE".into(),
        timezone: "Europe/Berlin".into(),
        screen_width: 390,
        screen_height: 844,
        items: vec![ItemLine { id: format!("p-{n}").into(), price_minor: 1250, quantity: 2 }],
        category: "Coffee".into(),
        amount_minor: 1250,
        currency: Currency(*b"EUR"),
        order_id: "".into(),
        properties: r#"{"price":12.5}"#.into(),
        library: "test 1".into(),
        violations: Vec::new(),
        exposure: "".into(),
        by_server_key: false,
        user_id_only: false,
    }
}

/// An event as the journal's record.
pub fn record(event: &Event<'_>) -> Vec<u8> {
    let mut record = Vec::new();
    rows::encode(event, &mut record);
    record
}

/// Events from a position of journal 7 on, as a batch for the store.
pub fn batch(from: u64, events: &[Event<'_>]) -> InsertBatch {
    let mut block = Block::default();
    for (position, event) in (from..).zip(events) {
        block.push(7, Position(position), &record(event)).unwrap();
    }
    let range = Position(from)..Position(from + events.len() as u64);
    let pieces = block.take();
    InsertBatch { version: rows::VERSION, journal: 7, range, chunks: pieces, count: events.len(), epoch: 0 }
}
