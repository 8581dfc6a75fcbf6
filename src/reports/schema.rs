//! Which events a site sends, with which properties.

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, refuse};
use crate::{
    model::{Site, Timestamp},
    store::Param,
    wire::reports::{EventSchema, Schema},
};

const SCHEMA: &str = include_str!("../store/sql/reports.schema.sql");
const DAYS_DEFAULT: u32 = 30;
const DAYS_MAX: u32 = 400;
const NAMES_MAX: u32 = 500;
const DAY_MS: i64 = 86_400_000;

#[derive(Row, Deserialize)]
struct Found {
    name: String,
    count: u64,
    properties: Vec<String>,
}

impl Reports {
    /// The events of the last days (30 when not said), the most frequent first.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn schema(&self, site: &Site, days: Option<u32>, now: Timestamp) -> Result<Schema, ReportError> {
        let days = days.unwrap_or(DAYS_DEFAULT);
        if !(1..=DAYS_MAX).contains(&days) {
            return refuse("days must be 1 to 400");
        }
        let params = [
            ("site", Param::U32(site.id.0)),
            ("from_ms", Param::I64(now.0 - i64::from(days) * DAY_MS)),
            // Clocks that run ahead are let in.
            ("to_ms", Param::I64(now.0 + DAY_MS)),
            ("limit", Param::U32(NAMES_MAX)),
        ];
        let found: Vec<Found> = self.ask(Report::Schema).query(SCHEMA, &params).await?;
        let event = |f: Found| EventSchema { name: f.name, count: f.count, properties: f.properties };
        Ok(Schema { events: found.into_iter().map(event).collect() })
    }
}
