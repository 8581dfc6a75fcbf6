//! Who a visitor is, as far as reports join histories: an unsigned word is enough for them.

use crate::{
    model::{Site, VisitorId},
    store::Param,
};

use super::{Asked, ReportError};

const PERSON_OF: &str = include_str!("../store/sql/reports.person_of.sql");
const RENAMED: &str = include_str!("../store/sql/reports.person_renamed.sql");
const BEFORE: &str = include_str!("../store/sql/reports.person_before.sql");
const VISITORS: &str = include_str!("../store/sql/reports.person_visitors.sql");

/// Times that a person may have been renamed.
const RENAMED_MAX: usize = 8;
/// Names of one person.
const NAMES_MAX: u32 = 64;
/// Browsers of one person.
const VISITORS_MAX: u32 = 100;

impl Asked<'_> {
    /// The visitors that are one person with this one, itself first.
    pub(super) async fn visitors_joined(&self, site: &Site, visitor: VisitorId) -> Result<Vec<VisitorId>, ReportError> {
        let who = [("site", Param::U32(site.id.0)), ("visitor", Param::U128(visitor.0))];
        let Some(mut user) = self.query::<String>(PERSON_OF, &who).await?.pop() else {
            return Ok(vec![visitor]);
        };
        for _ in 0..RENAMED_MAX {
            let Some(now) = self.names(RENAMED, site, &[user.clone()]).await?.pop() else { break };
            user = now;
        }
        let mut names = vec![user];
        let mut latest = names.clone();
        for _ in 0..RENAMED_MAX {
            latest = self.names(BEFORE, site, &latest).await?;
            latest.retain(|name| !names.contains(name));
            if latest.is_empty() || names.len() >= NAMES_MAX as usize {
                break;
            }
            names.extend(latest.iter().cloned());
        }
        let people =
            [("site", Param::U32(site.id.0)), ("users", Param::ArrayStr(names)), ("limit", Param::U32(VISITORS_MAX))];
        let mut visitors = self.query::<u128>(VISITORS, &people).await?;
        visitors.retain(|id| *id != visitor.0);
        Ok([visitor].into_iter().chain(visitors.into_iter().map(VisitorId)).collect())
    }

    async fn names(&self, question: &'static str, site: &Site, users: &[String]) -> Result<Vec<String>, ReportError> {
        let params = [
            ("site", Param::U32(site.id.0)),
            ("users", Param::ArrayStr(users.to_vec())),
            ("limit", Param::U32(NAMES_MAX)),
        ];
        self.query(question, &params).await
    }
}
