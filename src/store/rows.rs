//! One stored row of `events`, by hand in ClickHouse's RowBinary, so that it is encoded once, when
//! the event is taken, and only copied afterwards.
//!
//! The journal's record is `[version][columns]`; [`prefix`] (journal and position) comes before the columns.
//! `delivery` turns many of them into a [`super::Block`]. A changed layout is a new version: older records are
//! still delivered with the columns of theirs.

mod names;
mod table;

use std::borrow::Cow;

use bytes::BufMut;

pub(super) use table::{PREFIX_COLUMNS, columns};
pub use table::{VERSION, insert_statement};
use table::{VERSION_1, is_known};

use crate::model::{
    Action, Channel, Currency, Device, DeviceClass, Event, Kind, MessageHash, Page, Place, Position, SiteId, Timestamp,
    Traffic, VisitorId, event::ItemLine,
};

/// Why bytes are not a row.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RowError {
    /// Encoded by a version this program does not know.
    #[error("a row of unknown version {0}")]
    UnknownVersion(u8),
    /// Of another version than the rows it was to stand among.
    #[error("a row of version {0} among others")]
    OtherVersion(u8),
    /// Fewer bytes than the columns need.
    #[error("a row that ends too early")]
    Short,
    /// More bytes than the columns need.
    #[error("a row with {0} bytes too many")]
    Long(usize),
    /// A text that is not UTF-8, or a number with no meaning.
    #[error("a row with an impossible {0}")]
    Impossible(&'static str),
}

/// The columns that only the journal knows.
#[must_use]
pub fn prefix(journal: u64, position: Position) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&journal.to_le_bytes());
    bytes[8..].copy_from_slice(&position.0.to_le_bytes());
    bytes
}

/// Splits a journal's record into its version and its columns.
///
/// # Errors
/// When it is empty or of an unknown version.
pub fn split(record: &[u8]) -> Result<(u8, &[u8]), RowError> {
    let (version, columns) = record.split_first().ok_or(RowError::Short)?;
    if is_known(*version) { Ok((*version, columns)) } else { Err(RowError::UnknownVersion(*version)) }
}

/// Appends an event as a journal's record.
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
    put_length(out, traffic.marks.len());
    for (name, value) in &traffic.marks {
        put_text(out, name);
        put_text(out, value);
    }
    put_length(out, event.violations.len());
    event.violations.iter().for_each(|violation| put_text(out, violation));
    put_text(out, &event.exposure);
}

/// Reads a journal's record back.
///
/// # Errors
/// When the bytes are not exactly one record of a known version.
pub fn decode(record: &[u8]) -> Result<Event<'_>, RowError> {
    let (version, columns) = split(record)?;
    let mut row = Reader(columns);
    let mut event = Event {
        site: SiteId(u32::from_le_bytes(row.take()?)),
        message: MessageHash(u128::from_le_bytes(row.take()?)),
        kind: Kind::from_number(row.byte()?).ok_or(RowError::Impossible("kind"))?,
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
            channel: Channel::from_name(&row.text()?).ok_or(RowError::Impossible("channel"))?,
            source: row.text()?,
            medium: row.text()?,
            campaign: row.text()?,
            term: row.text()?,
            content: row.text()?,
            click_id: row.name()?,
            marks: Vec::new(),
        },
        device: Device {
            class: DeviceClass::from_name(&row.text()?).ok_or(RowError::Impossible("device"))?,
            os: row.text()?,
            os_version: row.text()?,
            browser: row.text()?,
            browser_version: row.text()?,
        },
        place: Place {
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
        currency: Currency::parse(&row.text()?).ok_or(RowError::Impossible("currency"))?,
        order_id: row.text()?,
        properties: row.text()?,
        library: row.text()?,
        violations: Vec::new(),
        exposure: Cow::Borrowed(""),
    };
    if version != VERSION_1 {
        event.traffic.marks = row.many(|row| Ok((row.name()?, row.text()?)))?;
        event.violations = row.many(Reader::text)?;
    }
    if version == VERSION {
        event.exposure = row.text()?;
    }
    if row.0.is_empty() { Ok(event) } else { Err(RowError::Long(row.0.len())) }
}

/// Splits a record and walks through its columns: their sizes fit the bytes exactly, so the row can stand
/// among others. What the columns say is the warehouse's to judge.
///
/// # Errors
/// When it is not exactly one row of a known version.
pub fn split_whole(record: &[u8]) -> Result<(u8, &[u8]), RowError> {
    let (version, columns) = split(record)?;
    let mut row = Reader(columns);
    row.pass(4 + 16 + 1)?; // site, message, kind
    row.pass_texts(1)?; // name
    row.pass(1 + 8 + 8 + 16)?; // action, occurred_at, received_at, visitor
    row.pass_texts(1)?; // user_id
    row.pass(1 + 8)?; // user_verified, session_start
    row.pass_texts(24)?; // robot … timezone
    row.pass(2 + 2)?; // screen
    let items = row.length()?;
    row.pass_texts(items)?;
    for size in [8, 4] {
        row.same_length(items)?;
        row.pass(items.saturating_mul(size))?;
    }
    row.pass_texts(1)?; // category
    row.pass(8)?; // amount_minor
    row.pass_texts(4)?; // currency, order_id, properties, library
    if version != VERSION_1 {
        let marks = row.length()?;
        row.pass_texts(marks.saturating_mul(2))?;
        let violations = row.length()?;
        row.pass_texts(violations)?;
    }
    if version == VERSION {
        row.pass_texts(1)?;
    }
    if row.0.is_empty() { Ok((version, columns)) } else { Err(RowError::Long(row.0.len())) }
}

/// LEB128: seven bits a byte, the lowest first, the high bit while more follow.
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
        Err(RowError::Impossible("length"))
    }

    pub(super) fn slice(&mut self, bytes: usize) -> Result<&'a [u8], RowError> {
        let (slice, rest) = self.0.split_at_checked(bytes).ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(slice)
    }

    /// A text's bytes with the length before them, and without.
    pub(super) fn whole_text(&mut self) -> Result<(&'a [u8], &'a [u8]), RowError> {
        let before = self.0;
        let length = self.length()?;
        let text = self.slice(length)?;
        Ok((&before[..before.len() - self.0.len()], text))
    }

    fn pass(&mut self, bytes: usize) -> Result<(), RowError> {
        self.slice(bytes).map(drop)
    }

    fn pass_texts(&mut self, count: usize) -> Result<(), RowError> {
        for _ in 0..count {
            let length = self.length()?;
            self.pass(length)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<Cow<'a, str>, RowError> {
        let length = self.length()?;
        let text = self.slice(length)?;
        std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| RowError::Impossible("text"))
    }

    fn name(&mut self) -> Result<&'static str, RowError> {
        self.text().map(|name| names::lasting(&name))
    }

    fn many<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, RowError>) -> Result<Vec<T>, RowError> {
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
        if self.length()? == count { Ok(()) } else { Err(RowError::Impossible("array")) }
    }
}

#[cfg(test)]
pub(super) mod tests;
