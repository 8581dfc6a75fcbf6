//! Looks a person up by what other systems know of them, and lists the contacts with them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Report, ReportError, Reports, event_name, moment, period::DAY_MS};
use crate::{
    clock,
    model::{Site, VisitorId},
    store::{Param, Row},
    wire::customers::{ContactBody, LookupBy},
};

const BY_USER: &str = include_str!("../store/sql/reports.person_by_user.sql");
const BY_HASH: &str = include_str!("../store/sql/reports.person_by_hash.sql");
const CONTACTS: &str = include_str!("../store/sql/reports.visitor_contacts.sql");
/// Maximum number of contacts.
const CONTACTS_MAX: u32 = 100;
/// How far contacts reach back, which limits the days that are read.
const CONTACTS_MS: i64 = 366 * DAY_MS;

#[derive(Row, Deserialize)]
struct ContactRow {
    at_ms: i64,
    kind: u8,
    name: String,
    contact_channel: String,
    properties: String,
}

impl Reports {
    /// The visitor of a user id or of the hash of an e-mail address or phone number.
    ///
    /// # Errors
    /// If there is no such person, or the warehouse fails.
    pub async fn find_person(&self, site: &Site, by: &LookupBy) -> Result<VisitorId, ReportError> {
        let run = self.start(Report::Visitor);
        let site = ("site", Param::U32(site.id.0));
        let found = match by {
            LookupBy::UserId(user) => run.query::<u128>(BY_USER, &[site, ("user", user.as_str().into())]).await?,
            LookupBy::EmailHash(hash) => run.query(BY_HASH, &by_hash(site, hash, "email")).await?,
            LookupBy::PhoneHash(hash) => run.query(BY_HASH, &by_hash(site, hash, "phone")).await?,
        };
        found.into_iter().next().map(VisitorId).ok_or(ReportError::NotFound("no such person"))
    }

    /// The latest contacts with a person, given by all their visitor ids, newest first.
    ///
    /// # Errors
    /// If the warehouse fails.
    pub async fn contacts(&self, site: &Site, visitors: &[VisitorId]) -> Result<Vec<ContactBody>, ReportError> {
        let now = clock::now();
        let params = [
            ("site", Param::U32(site.id.0)),
            ("visitors", Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect())),
            ("from_ms", Param::I64(now.plus(-CONTACTS_MS).0)),
            ("to_ms", Param::I64(now.plus(DAY_MS).0)),
            ("limit", Param::U32(CONTACTS_MAX)),
        ];
        let rows: Vec<ContactRow> = self.start(Report::Visitor).query(CONTACTS, &params).await?;
        Ok(rows.into_iter().map(contact).collect())
    }
}

fn by_hash(site: (&'static str, Param), hash: &str, field: &'static str) -> [(&'static str, Param); 3] {
    [site, ("hash", hash.into()), ("field", field.into())]
}

fn contact(row: ContactRow) -> ContactBody {
    ContactBody {
        at: moment(row.at_ms),
        event: event_name(row.kind, row.name),
        channel: row.contact_channel,
        properties: RawValue::from_string(row.properties).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}
