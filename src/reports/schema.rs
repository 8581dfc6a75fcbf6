//! Events of a site and their properties.

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, invalid, period::DAY_MS};
use crate::{
    model::{Site, Timestamp},
    store::Param,
    wire::reports::{EventSchema, Schema},
};

const SCHEMA: &str = include_str!("../store/sql/reports.schema.sql");
const DAYS_DEFAULT: u32 = 30;
const DAYS_MAX: u32 = 400;
const NAMES_MAX: u32 = 500;

#[derive(Row, Deserialize)]
struct EventRecord {
    name: String,
    count: u64,
    properties: Vec<String>,
}

impl Reports {
    /// The events of the last days (30 by default), the most frequent first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn schema(&self, site: &Site, days: Option<u32>, now: Timestamp) -> Result<Schema, ReportError> {
        let days = days.unwrap_or(DAYS_DEFAULT);
        if !(1..=DAYS_MAX).contains(&days) {
            return invalid("days must be 1 to 400");
        }
        let params = [
            ("site", Param::U32(site.id.0)),
            ("from_ms", Param::I64(now.0 - i64::from(days) * DAY_MS)),
            // Includes events of clocks that run ahead.
            ("to_ms", Param::I64(now.0 + DAY_MS)),
            ("limit", Param::U32(NAMES_MAX)),
        ];
        let records: Vec<EventRecord> = self.start(Report::Schema).query(SCHEMA, &params).await?;
        let event =
            |record: EventRecord| EventSchema { name: record.name, count: record.count, properties: record.properties };
        Ok(Schema { events: records.into_iter().map(event).collect() })
    }
}
