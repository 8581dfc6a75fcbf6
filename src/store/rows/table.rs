//! The columns of a stored row, in layout order.

/// Layout version written by `encode`.
pub const VERSION: u8 = 4;

/// Layout 3, without who sent an event.
pub(super) const VERSION_3: u8 = 3;
/// The layout before exposures of recommendations were stored.
pub(super) const VERSION_2: u8 = 2;
/// The layout before campaign parameters and schema violations were stored.
pub(super) const VERSION_1: u8 = 1;

/// Columns with their types, in order; the first two come from the journal.
const COLUMNS: [(&str, &str); 53] = [
    ("journal", "UInt64"),
    ("position", "UInt64"),
    ("site_id", "UInt32"),
    ("message", "UInt128"),
    ("kind", "UInt8"),
    ("name", "LowCardinality(String)"),
    ("action", "UInt8"),
    ("occurred_at", "DateTime64(3, 'UTC')"),
    ("received_at", "DateTime64(3, 'UTC')"),
    ("visitor", "UInt128"),
    ("user_id", "String"),
    ("user_verified", "Bool"),
    ("session_start", "DateTime64(3, 'UTC')"),
    ("robot", "LowCardinality(String)"),
    ("host", "LowCardinality(String)"),
    ("path", "String"),
    ("query", "String"),
    ("title", "String"),
    ("referrer_host", "LowCardinality(String)"),
    ("referrer_path", "String"),
    ("channel", "LowCardinality(String)"),
    ("source", "LowCardinality(String)"),
    ("medium", "LowCardinality(String)"),
    ("campaign", "LowCardinality(String)"),
    ("term", "String"),
    ("content", "String"),
    ("click_id", "LowCardinality(String)"),
    ("device", "LowCardinality(String)"),
    ("os", "LowCardinality(String)"),
    ("os_version", "LowCardinality(String)"),
    ("browser", "LowCardinality(String)"),
    ("browser_version", "LowCardinality(String)"),
    ("country", "LowCardinality(String)"),
    ("region", "LowCardinality(String)"),
    ("city", "LowCardinality(String)"),
    ("language", "LowCardinality(String)"),
    ("timezone", "LowCardinality(String)"),
    ("screen_width", "UInt16"),
    ("screen_height", "UInt16"),
    ("items", "Array(String)"),
    ("item_prices", "Array(Int64)"),
    ("item_quantities", "Array(UInt32)"),
    ("category", "LowCardinality(String)"),
    ("amount_minor", "Int64"),
    ("currency", "LowCardinality(String)"),
    ("order_id", "String"),
    ("properties", "String"),
    ("library", "LowCardinality(String)"),
    ("marks", "Map(LowCardinality(String), String)"),
    ("violations", "Array(LowCardinality(String))"),
    ("exposure", "String"),
    ("by_server_key", "Bool"),
    ("user_id_only", "Bool"),
];

/// Number of columns that are not part of a record.
pub(in crate::store) const PREFIX_COLUMNS: usize = 2;
/// Number of columns that a version appended.
const SINCE_VERSION_2: usize = 2;
const SINCE_VERSION_3: usize = 1;
const SINCE_VERSION_4: usize = 2;

/// Whether the layout version is known.
pub(super) const fn is_known(version: u8) -> bool {
    matches!(version, VERSION_1 | VERSION_2 | VERSION_3 | VERSION)
}

/// Names and types of the columns of a known version.
pub(in crate::store) fn columns(version: u8) -> &'static [(&'static str, &'static str)] {
    let missing = match version {
        VERSION_1 => SINCE_VERSION_2 + SINCE_VERSION_3 + SINCE_VERSION_4,
        VERSION_2 => SINCE_VERSION_3 + SINCE_VERSION_4,
        VERSION_3 => SINCE_VERSION_4,
        _ => 0,
    };
    &COLUMNS[..COLUMNS.len() - missing]
}

/// The insert statement for rows of this version in a ClickHouse format (`Native`, `RowBinary`).
#[must_use]
pub fn insert_statement(version: u8, format: &str) -> Option<String> {
    is_known(version).then(|| {
        let names: Vec<&str> = columns(version).iter().map(|(name, _)| *name).collect();
        format!("INSERT INTO events ({}) FORMAT {format}", names.join(", "))
    })
}
