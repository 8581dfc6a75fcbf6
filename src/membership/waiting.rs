//! Evaluates people whose answers change by time, and visitors that had to wait.

use std::time::Duration;

use super::{Membership, Service, types::Asked};
use crate::{
    clock,
    control::ControlError,
    model::{SiteId, VisitorId},
    segments::RuleSet,
    tasks::Stopping,
    wire::segments::ChangeReason,
};

/// How often due people are looked for.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// People evaluated in one transaction.
const PEOPLE_MAX: u32 = 200;

impl Membership {
    /// Evaluates people when their time has come, until the service stops.
    pub async fn run_waiting(self, mut stopping: Stopping) {
        let service = &self.0;
        while !stopping.sleep(CHECK_INTERVAL).await {
            while !service.followed.load().is_empty() && !stopping.begun() {
                match service.evaluate_due().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "people whose time in a segment is over cannot be evaluated; trying again");
                        break;
                    }
                }
            }
        }
    }
}

impl Service {
    /// Evaluates some that are due; false if there were none.
    async fn evaluate_due(&self) -> Result<bool, ControlError> {
        let now = clock::now();
        let due = self.uses.control.due_segment_people(now, PEOPLE_MAX).await?;
        let mut asked: Vec<Asked> = Vec::with_capacity(due.len());
        for row in &due {
            let (user_id, due) = (row.user_id.clone(), Some(row.person));
            asked.push(Asked { user_id, due, ..all_of(row.site, row.visitor, ChangeReason::Time) });
        }
        for row in self.uses.control.waiting_segment_visitors(now, PEOPLE_MAX).await? {
            let reason = ChangeReason::from_number(row.reason);
            let events = vec![(row.event.into(), RuleSet::default())];
            asked.push(Asked { events, waited: true, ..all_of(row.site, row.visitor, reason) });
        }
        let found = !asked.is_empty();
        self.evaluate(asked, None).await?;
        Ok(found)
    }
}

/// A visitor for whom all rules are asked.
fn all_of(site: SiteId, visitor: VisitorId, reason: ChangeReason) -> Asked {
    Asked {
        site,
        visitor,
        user_id: String::new(),
        reason,
        events: Vec::new(),
        all: true,
        position: None,
        earliest: None,
        waited: false,
        due: None,
    }
}
