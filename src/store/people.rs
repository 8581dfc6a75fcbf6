//! The stored events of a site's people, for rules that are evaluated over the past.

use super::{Param, Statement, Store, StoreError, StoredEvent, statement};
use crate::model::{SiteId, VisitorId};

const HISTORIES: &str = include_str!("sql/segments.histories.sql");

impl Store {
    /// Calls `with` for every stored event of the people of a site after `after`, in order of person, visitor and time,
    /// until it returns false. Properties are read for events with these names, and for page views if `page_views`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn for_each_person_event(
        &self,
        site: SiteId,
        after: VisitorId,
        (names, page_views): (Vec<String>, bool),
        mut with: impl FnMut(StoredEvent) -> bool,
    ) -> Result<(), StoreError> {
        let statement = Statement::with(HISTORIES, &statement::people(true));
        let params = [
            ("site", Param::U32(site.0)),
            ("after", Param::U128(after.0)),
            ("names", Param::ArrayStr(names)),
            ("page_views", Param::U8(u8::from(page_views))),
        ];
        let limit = self.limits.time_left(self.query_timeout);
        let mut query = self.read_only_query(statement.as_str(), limit);
        for (name, value) in &params {
            query = query.param(name, value);
        }
        let read = async {
            let mut rows = query.fetch::<StoredEvent>()?;
            while let Some(row) = rows.next().await? {
                if !with(row) {
                    break;
                }
            }
            Ok(())
        };
        self.within(limit, read).await
    }
}
