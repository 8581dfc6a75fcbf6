//! Customers, orders and consents from files: each row becomes a call as a site's server sends it, with a message id that
//! depends only on the row, so that a second import adds nothing.

use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::people_values::{RowIssue, RowIssueKind, consent, money, products, text, time};
use crate::{
    feed::{
        FeedError, ReadOptions,
        records::{self, Record, Records},
    },
    model::{Currency, Timestamp},
};

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// `user_id[,email,phone,first_seen_at, any trait]`.
    Customers,
    /// `order_id,user_id,occurred_at,revenue,currency[,products]`.
    Orders,
    /// `user_id,analytics,personalization,at`.
    Consents,
}

impl RecordKind {
    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "customers" => Self::Customers,
            "orders" => Self::Orders,
            "consents" => Self::Consents,
            _ => return None,
        })
    }

    const fn required(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["user_id"],
            Self::Orders => &["order_id", "user_id", "occurred_at", "revenue", "currency"],
            Self::Consents => &["user_id", "analytics", "personalization", "at"],
        }
    }
}

/// A row as a call, or why it cannot be one.
#[derive(Debug)]
pub struct CallRow {
    /// Line number.
    pub number: u64,
    /// The call, one JSON object.
    pub call: Result<String, RowIssue>,
}

/// The rows of a file as calls, in order.
pub struct Calls<'r> {
    records: Records<'r>,
    kind: RecordKind,
    currency: Currency,
    now: Timestamp,
}

/// Starts reading a file; `options.currency` is the currency of amounts without one.
///
/// # Errors
/// If it cannot be read, or lacks a column.
pub fn open<'r>(source: impl Read + Send + 'r, kind: RecordKind, options: ReadOptions) -> Result<Calls<'r>, FeedError> {
    let records = records::open(source, kind.required(), options)?;
    Ok(Calls { records, kind, currency: options.currency, now: options.now })
}

impl Iterator for Calls<'_> {
    type Item = Result<CallRow, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match self.records.next()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let call = match row.record {
            Ok(record) => call(self.kind, record, self.currency, self.now).map(|call| call.to_string()),
            Err(issue) => Err(RowIssue { kind: RowIssueKind::Unreadable, message: issue.message }),
        };
        Some(Ok(CallRow { number: row.number, call }))
    }
}

/// The call of a row.
fn call(kind: RecordKind, record: Record, currency: Currency, now: Timestamp) -> Result<Value, RowIssue> {
    let id = message_id(kind, &record);
    let mut call = match kind {
        RecordKind::Customers => customer(record, now),
        RecordKind::Orders => order(&record, currency, now),
        RecordKind::Consents => consents(&record, now),
    }?;
    call["messageId"] = id.into();
    call["context"] = json!({ "library": { "name": "import", "version": env!("CARGO_PKG_VERSION") } });
    Ok(call)
}

fn customer(mut record: Record, now: Timestamp) -> Result<Value, RowIssue> {
    let user = text(&record, "user_id")?;
    record.remove("user_id");
    let first_seen =
        if record.contains_key("first_seen_at") { Some(time(&record, "first_seen_at", now)?) } else { None };
    if let Some(at) = first_seen {
        record.insert("first_seen_at".into(), at.to_string().into());
    }
    record.retain(|_, value| !value.is_null());
    let mut call = json!({ "type": "identify", "userId": user, "traits": record });
    if let Some(at) = first_seen {
        call["timestamp"] = at.to_string().into();
    }
    Ok(call)
}

fn order(record: &Record, currency: Currency, now: Timestamp) -> Result<Value, RowIssue> {
    let (order, user) = (text(record, "order_id")?, text(record, "user_id")?);
    let at = time(record, "occurred_at", now)?;
    let (revenue, currency) = money(record, currency)?;
    let mut properties = Map::new();
    properties.insert("order_id".into(), order.into());
    properties.insert("revenue".into(), revenue.into());
    properties.insert("currency".into(), currency.as_str().into());
    if let Some(products) = products(record)? {
        properties.insert("products".into(), products);
    }
    Ok(json!({
        "type": "track", "event": "Order Completed", "userId": user, "timestamp": at.to_string(),
        "properties": properties,
    }))
}

/// A consent is recorded as an event: what the person agreed to, and when.
fn consents(record: &Record, now: Timestamp) -> Result<Value, RowIssue> {
    let user = text(record, "user_id")?;
    let (analytics, personalization) = (consent(record, "analytics")?, consent(record, "personalization")?);
    let at = time(record, "at", now)?;
    Ok(json!({
        "type": "track", "event": "Consent Updated", "userId": user, "timestamp": at.to_string(),
        "properties": { "analytics": analytics, "personalization": personalization },
    }))
}

/// Identity of a row: its kind and values, in the order of their names.
fn message_id(kind: RecordKind, record: &Record) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"ashna imported record\0");
    hasher.update(&[kind as u8]);
    let mut fields: Vec<(&String, &Value)> = record.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in fields {
        hasher.update(name.as_bytes());
        hasher.update(b"\0");
        hasher.update(value.to_string().as_bytes());
        hasher.update(b"\0");
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn read(kind: RecordKind, file: &str) -> Vec<Result<Value, String>> {
        let options = ReadOptions { currency: Currency(*b"EUR"), now: NOW, bytes_max: 1 << 20 };
        let rows = open(file.as_bytes(), kind, options).unwrap();
        let call = |row: CallRow| match row.call {
            Ok(call) => Ok(serde_json::from_str(&call).unwrap()),
            Err(issue) => Err(format!("{} {}", row.number, issue.kind.as_str())),
        };
        rows.map(|row| call(row.unwrap())).collect()
    }

    #[test]
    fn orders_become_calls_and_faults_have_lines() {
        let file = "order_id,user_id,occurred_at,revenue,currency,products\n\
            o-1,ada,2015-03-01T10:00:00Z,\"1,299.50\",GBP,p-1|p-2\n\
            o-2,ada,2015-03-01,12,,\n\
            ,ada,2015-03-01,12,EUR,\n\
            o-4,ada,yesterday,12,EUR,\n\
            o-5,ada,2015-03-01,\"1,234\",EUR,\n\
            o-6,ada,2015-03-01,12,EURO,\n\
            o-7,,2015-03-01,12,EUR,\n\
            o-8,ada,2099-03-01,12,EUR,\n";
        let calls = read(RecordKind::Orders, file);
        let first = calls[0].as_ref().unwrap();
        assert_eq!(first["properties"]["revenue"], "1299.50");
        assert_eq!(first["properties"]["products"], json!([{ "product_id": "p-1" }, { "product_id": "p-2" }]));
        assert_eq!((&first["timestamp"], &first["userId"]), (&json!("2015-03-01T10:00:00.000Z"), &json!("ada")));
        assert_eq!(calls[1].as_ref().unwrap()["properties"]["currency"], "EUR");
        let faults: Vec<String> = calls.into_iter().filter_map(Result::err).collect();
        let expected =
            ["4 missing_value", "5 bad_time", "6 bad_amount", "7 bad_currency", "8 missing_value", "9 bad_time"];
        assert_eq!(faults, expected);
    }

    #[test]
    fn the_same_row_has_the_same_id_in_any_format_and_another_row_another() {
        let [csv, lines, other] = [
            "user_id,email\nu,a@b.example\n",
            "{\"email\":\"a@b.example\",\"user_id\":\"u\"}\n",
            "user_id,email\nu,c@b.example\n",
        ]
        .map(|file| read(RecordKind::Customers, file).remove(0).unwrap()["messageId"].clone());
        assert_eq!(csv, lines);
        assert_ne!(csv, other);
    }

    #[test]
    fn customers_keep_their_traits_and_consents_are_true_or_false() {
        let calls = read(RecordKind::Customers, "user_id,first_seen_at,city,empty\nu,2012-05-01,Shiraz,\n");
        let call = calls[0].as_ref().unwrap();
        assert_eq!(call["traits"], json!({ "city": "Shiraz", "first_seen_at": "2012-05-01T00:00:00.000Z" }));
        assert_eq!(call["timestamp"], "2012-05-01T00:00:00.000Z");
        let file = "user_id,analytics,personalization,at\nu,yes,0,2020-01-01\nu,perhaps,0,2020-01-01\n";
        let calls = read(RecordKind::Consents, file);
        let properties = &calls[0].as_ref().unwrap()["properties"];
        assert_eq!(properties, &json!({ "analytics": true, "personalization": false }));
        assert_eq!(calls[1].as_ref().unwrap_err(), "3 bad_consent");
    }
}
