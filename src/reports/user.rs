//! Visitors of the same user, as far as reports merge their histories; unverified user ids count too.

use crate::{
    model::{Site, VisitorId},
    store::Param,
};

use super::{ReportError, ReportRun};

const USER_OF_VISITOR: &str = include_str!("../store/sql/reports.visitor_user.sql");
const CURRENT_ID: &str = include_str!("../store/sql/reports.user_current_id.sql");
const PREVIOUS_IDS: &str = include_str!("../store/sql/reports.user_previous_ids.sql");
const VISITORS: &str = include_str!("../store/sql/reports.user_visitors.sql");

/// Maximum length of a chain of aliases.
const ALIASES_MAX: usize = 8;
/// Maximum number of ids of one user.
const IDS_MAX: u32 = 64;
/// Maximum number of visitors of one user.
const VISITORS_MAX: u32 = 100;

impl ReportRun<'_> {
    /// All visitors of this visitor's user, itself first.
    pub(super) async fn visitors_of_same_user(
        &self,
        site: &Site,
        visitor: VisitorId,
    ) -> Result<Vec<VisitorId>, ReportError> {
        let params = [("site", Param::U32(site.id.0)), ("visitor", Param::U128(visitor.0))];
        let Some(mut user) = self.query::<String>(USER_OF_VISITOR, &params).await?.pop() else {
            return Ok(vec![visitor]);
        };
        for _ in 0..ALIASES_MAX {
            let Some(current) = self.user_ids(CURRENT_ID, site, &[user.clone()]).await?.pop() else { break };
            user = current;
        }
        let mut ids = vec![user];
        let mut latest = ids.clone();
        for _ in 0..ALIASES_MAX {
            latest = self.user_ids(PREVIOUS_IDS, site, &latest).await?;
            latest.retain(|id| !ids.contains(id));
            if latest.is_empty() || ids.len() >= IDS_MAX as usize {
                break;
            }
            ids.extend(latest.iter().cloned());
        }
        let params =
            [("site", Param::U32(site.id.0)), ("users", Param::ArrayStr(ids)), ("limit", Param::U32(VISITORS_MAX))];
        let mut visitors = self.query::<u128>(VISITORS, &params).await?;
        visitors.retain(|id| *id != visitor.0);
        Ok([visitor].into_iter().chain(visitors.into_iter().map(VisitorId)).collect())
    }

    async fn user_ids(&self, sql: &'static str, site: &Site, users: &[String]) -> Result<Vec<String>, ReportError> {
        let params = [
            ("site", Param::U32(site.id.0)),
            ("users", Param::ArrayStr(users.to_vec())),
            ("limit", Param::U32(IDS_MAX)),
        ];
        self.query(sql, &params).await
    }
}
