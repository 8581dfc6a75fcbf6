//! A row of `events`, encoded by hand in ClickHouse's RowBinary: once, when the event is accepted; later it is only
//! copied.
//!
//! A journal record is `[version][columns]`; a [`prefix`] (journal and position) is inserted before the columns.
//! `delivery` collects rows in a [`super::Block`]. A changed layout gets a new version; records of older versions are
//! delivered with their own columns.

mod names;
mod table;

use std::borrow::Cow;

use bytes::BufMut;

pub(super) use table::{PREFIX_COLUMNS, columns};
pub use table::{VERSION, insert_statement};
use table::{VERSION_1, VERSION_2, VERSION_3, is_known};

use crate::model::{
    Action, Channel, Currency, Device, DeviceClass, Event, GeoLocation, Kind, MessageHash, Page, Position, SiteId,
    Timestamp, Traffic, VisitorId, event::ItemLine,
};

/// Why bytes are not a row.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RowError {
    /// The layout version is unknown.
    #[error("a row of unknown version {0}")]
    UnknownVersion(u8),
    /// Another version than the rows of the same block.
    #[error("a row of version {0} in a block of another version")]
    OtherVersion(u8),
    /// Fewer bytes than the columns need.
    #[error("a row that ends too early")]
    Short,
    /// More bytes than the columns need.
    #[error("a row with {0} bytes too many")]
    Long(usize),
    /// A string that is not UTF-8, or a number outside of its enum.
    #[error("a row with an invalid {0}")]
    Invalid(&'static str),
}

/// The columns that come from the journal.
#[must_use]
pub fn prefix(journal: u64, position: Position) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&journal.to_le_bytes());
    bytes[8..].copy_from_slice(&position.0.to_le_bytes());
    bytes
}

/// Splits a journal record into version and columns.
///
/// # Errors
/// If it is empty or has an unknown version.
pub fn split(record: &[u8]) -> Result<(u8, &[u8]), RowError> {
    let (version, columns) = record.split_first().ok_or(RowError::Short)?;
    if is_known(*version) { Ok((*version, columns)) } else { Err(RowError::UnknownVersion(*version)) }
}

/// Appends an event as a journal record.
pub fn encode(event: &Event<'_>, out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend(event.site.0.to_le_bytes());
    out.extend(event.message.0.to_le_bytes());
    out.push(event.kind as u8);
    put_text(out, &event.name);
    out.push(event.action as u8);
    out.extend(event.occurred_at.0.to_le_bytes());
    out.extend(event.received_at.0.to_le_bytes());
    out.extend(event.visitor.0.to_le_bytes());
    put_text(out, &event.user_id);
    out.push(u8::from(event.user_verified));
    out.extend(event.session_start.0.to_le_bytes());
    put_text(out, event.robot);
    let page = &event.page;
    put_texts(out, [&page.host, &page.path, &page.query, &page.title, &page.referrer_host, &page.referrer_path]);
    let traffic = &event.traffic;
    put_text(out, traffic.channel.as_str());
    put_texts(out, [&traffic.source, &traffic.medium, &traffic.campaign, &traffic.term, &traffic.content]);
    put_text(out, traffic.click_id);
    let device = &event.device;
    put_text(out, device.class.as_str());
    put_texts(out, [&device.os, &device.os_version, &device.browser, &device.browser_version]);
    for text in [&event.place.country, &event.place.region, &event.place.city] {
        put_text(out, text);
    }
    put_texts(out, [&event.language, &event.timezone]);
    out.extend(event.screen_width.to_le_bytes());
    out.extend(event.screen_height.to_le_bytes());
    put_length(out, event.items.len());
    event.items.iter().for_each(|line| put_text(out, &line.id));
    put_length(out, event.items.len());
    event.items.iter().for_each(|line| out.extend(line.price_minor.to_le_bytes()));
    put_length(out, event.items.len());
    event.items.iter().for_each(|line| out.extend(line.quantity.to_le_bytes()));
    put_text(out, &event.category);
    out.extend(event.amount_minor.to_le_bytes());
    put_text(out, event.currency.as_str());
    put_texts(out, [&event.order_id, &event.properties, &event.library]);
    put_length(out, traffic.campaign_params.len());
    for (name, value) in &traffic.campaign_params {
        put_text(out, name);
        put_text(out, value);
    }
    put_length(out, event.violations.len());
    event.violations.iter().for_each(|violation| put_text(out, violation));
    put_text(out, &event.exposure);
    out.push(u8::from(event.by_server_key));
    out.push(u8::from(event.user_id_only));
}

/// Decodes a journal record.
///
/// # Errors
/// If the bytes are not exactly one record of a known version.
pub fn decode(record: &[u8]) -> Result<Event<'_>, RowError> {
    let (version, columns) = split(record)?;
    let mut row = Reader(columns);
    let mut event = Event {
        site: SiteId(u32::from_le_bytes(row.take()?)),
        message: MessageHash(u128::from_le_bytes(row.take()?)),
        kind: Kind::from_number(row.byte()?).ok_or(RowError::Invalid("kind"))?,
        name: row.text()?,
        action: Action::from_number(row.byte()?),
        occurred_at: row.time()?,
        received_at: row.time()?,
        visitor: VisitorId(u128::from_le_bytes(row.take()?)),
        user_id: row.text()?,
        user_verified: row.byte()? != 0,
        session_start: row.time()?,
        robot: row.name()?,
        page: Page {
            host: row.text()?,
            path: row.text()?,
            query: row.text()?,
            title: row.text()?,
            referrer_host: row.text()?,
            referrer_path: row.text()?,
        },
        traffic: Traffic {
            channel: Channel::from_name(&row.text()?).ok_or(RowError::Invalid("channel"))?,
            source: row.text()?,
            medium: row.text()?,
            campaign: row.text()?,
            term: row.text()?,
            content: row.text()?,
            click_id: row.name()?,
            campaign_params: Vec::new(),
        },
        device: Device {
            class: DeviceClass::from_name(&row.text()?).ok_or(RowError::Invalid("device"))?,
            os: row.text()?,
            os_version: row.text()?,
            browser: row.text()?,
            browser_version: row.text()?,
        },
        place: GeoLocation {
            country: row.text()?.into_owned(),
            region: row.text()?.into_owned(),
            city: row.text()?.into_owned(),
        },
        language: row.text()?,
        timezone: row.text()?,
        screen_width: u16::from_le_bytes(row.take()?),
        screen_height: u16::from_le_bytes(row.take()?),
        items: row.items()?,
        category: row.text()?,
        amount_minor: i64::from_le_bytes(row.take()?),
        currency: Currency::parse(&row.text()?).ok_or(RowError::Invalid("currency"))?,
        order_id: row.text()?,
        properties: row.text()?,
        library: row.text()?,
        violations: Vec::new(),
        exposure: Cow::Borrowed(""),
        by_server_key: false,
        user_id_only: false,
    };
    if version != VERSION_1 {
        event.traffic.campaign_params = row.list(|row| Ok((row.name()?, row.text()?)))?;
        event.violations = row.list(Reader::text)?;
    }
    if !matches!(version, VERSION_1 | VERSION_2) {
        event.exposure = row.text()?;
    }
    if !matches!(version, VERSION_1 | VERSION_2 | VERSION_3) {
        event.by_server_key = row.byte()? != 0;
        event.user_id_only = row.byte()? != 0;
    }
    if row.0.is_empty() { Ok(event) } else { Err(RowError::Long(row.0.len())) }
}

/// Splits a record and checks that the sizes of its columns fit the bytes exactly, so that it can be part of a batch.
/// The values are validated by the warehouse only.
///
/// # Errors
/// If it is not exactly one row of a known version.
pub fn split_checked(record: &[u8]) -> Result<(u8, &[u8]), RowError> {
    let (version, columns) = split(record)?;
    let mut row = Reader(columns);
    row.skip(4 + 16 + 1)?; // site, message, kind
    row.skip_texts(1)?; // name
    row.skip(1 + 8 + 8 + 16)?; // action, occurred_at, received_at, visitor
    row.skip_texts(1)?; // user_id
    row.skip(1 + 8)?; // user_verified, session_start
    row.skip_texts(24)?; // robot … timezone
    row.skip(2 + 2)?; // screen
    let items = row.length()?;
    row.skip_texts(items)?;
    for size in [8, 4] {
        row.same_length(items)?;
        row.skip(items.saturating_mul(size))?;
    }
    row.skip_texts(1)?; // category
    row.skip(8)?; // amount_minor
    row.skip_texts(4)?; // currency, order_id, properties, library
    if version != VERSION_1 {
        let campaign_params = row.length()?;
        row.skip_texts(campaign_params.saturating_mul(2))?;
        let violations = row.length()?;
        row.skip_texts(violations)?;
    }
    if !matches!(version, VERSION_1 | VERSION_2) {
        row.skip_texts(1)?; // exposure
    }
    if !matches!(version, VERSION_1 | VERSION_2 | VERSION_3) {
        row.skip(1 + 1)?; // by_server_key, user_id_only
    }
    if row.0.is_empty() { Ok((version, columns)) } else { Err(RowError::Long(row.0.len())) }
}

/// LEB128: seven bits per byte, lowest first; the high bit is set on all bytes but the last.
pub(super) fn put_length(out: &mut impl BufMut, mut length: usize) {
    loop {
        let low = length.to_le_bytes()[0] & 0x7f;
        length >>= 7;
        if length == 0 {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
    }
}

pub(super) fn put_text(out: &mut impl BufMut, text: &str) {
    put_length(out, text.len());
    out.put_slice(text.as_bytes());
}

fn put_texts<const N: usize>(out: &mut Vec<u8>, texts: [&Cow<'_, str>; N]) {
    for text in texts {
        put_text(out, text);
    }
}

/// A string of a row, not checked for UTF-8.
pub(super) struct RawString<'a> {
    /// Length prefix and content.
    pub(super) with_length: &'a [u8],
    pub(super) content: &'a [u8],
}

/// Reads columns from the front of a row.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RowError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, RowError> {
        self.take().map(|[byte]| byte)
    }

    fn time(&mut self) -> Result<Timestamp, RowError> {
        self.take().map(|bytes| Timestamp(i64::from_le_bytes(bytes)))
    }

    pub(super) fn length(&mut self) -> Result<usize, RowError> {
        let mut length = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(length);
            }
        }
        Err(RowError::Invalid("length"))
    }

    pub(super) fn slice(&mut self, bytes: usize) -> Result<&'a [u8], RowError> {
        let (slice, rest) = self.0.split_at_checked(bytes).ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(slice)
    }

    /// The next string as raw bytes.
    pub(super) fn string(&mut self) -> Result<RawString<'a>, RowError> {
        let before = self.0;
        let length = self.length()?;
        let content = self.slice(length)?;
        Ok(RawString { with_length: &before[..before.len() - self.0.len()], content })
    }

    fn skip(&mut self, bytes: usize) -> Result<(), RowError> {
        self.slice(bytes).map(drop)
    }

    fn skip_texts(&mut self, count: usize) -> Result<(), RowError> {
        for _ in 0..count {
            let length = self.length()?;
            self.skip(length)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<Cow<'a, str>, RowError> {
        let length = self.length()?;
        let text = self.slice(length)?;
        std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| RowError::Invalid("text"))
    }

    fn name(&mut self) -> Result<&'static str, RowError> {
        self.text().map(|name| names::intern(&name))
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, RowError>) -> Result<Vec<T>, RowError> {
        let count = self.length()?;
        if count > self.0.len() {
            return Err(RowError::Short);
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn items(&mut self) -> Result<Vec<ItemLine<'a>>, RowError> {
        let count = self.length()?;
        if count > self.0.len() {
            return Err(RowError::Short);
        }
        let mut lines = Vec::with_capacity(count);
        for _ in 0..count {
            lines.push(ItemLine { id: self.text()?, ..ItemLine::default() });
        }
        self.same_length(count)?;
        for line in &mut lines {
            line.price_minor = i64::from_le_bytes(self.take()?);
        }
        self.same_length(count)?;
        for line in &mut lines {
            line.quantity = u32::from_le_bytes(self.take()?);
        }
        Ok(lines)
    }

    fn same_length(&mut self, count: usize) -> Result<(), RowError> {
        if self.length()? == count { Ok(()) } else { Err(RowError::Invalid("array")) }
    }
}

#[cfg(test)]
pub(super) mod tests;
