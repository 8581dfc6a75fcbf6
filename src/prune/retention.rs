//! Retention: how long a site keeps events, by name, applied twice a day.

use std::time::Duration;

use super::{PruneError, Pruned, Pruner};
use crate::{
    control::RetentionRow,
    model::{SiteId, Timestamp},
    tasks::Stopping,
};

/// The longest retention: a hundred years, days.
const DAYS_MAX: u32 = 36_500;
/// Rules of one site.
const RULES_MAX: usize = 200;
/// Maximum length of an event's name, bytes.
const NAME_BYTES_MAX: usize = 200;
const DAY_MS: i64 = 86_400_000;
/// Events that are being delivered are waited for until the next round.
const FIRST_AFTER: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_hours(12);

impl Pruner {
    /// The rules of a site.
    ///
    /// # Errors
    /// If the control database fails.
    pub async fn retention(&self, site: SiteId) -> Result<Vec<RetentionRow>, PruneError> {
        let mut rows = self.control.retention().await?;
        rows.retain(|row| row.site == site);
        Ok(rows)
    }

    /// Keeps a site's events of a name, or of every name without a rule of its own, for so many days; forever without.
    ///
    /// # Errors
    /// If a value is out of its range, or the control database fails.
    pub async fn set_retention(&self, site: SiteId, event: &str, days: Option<u32>) -> Result<(), PruneError> {
        let Some(days) = days else {
            self.control.delete_retention(site, event).await?;
            return Ok(());
        };
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(PruneError::Invalid("retention is between 1 and 36500 days"));
        }
        if event.len() > NAME_BYTES_MAX {
            return Err(PruneError::Invalid("an event's name has at most 200 bytes"));
        }
        let rules = self.retention(site).await?;
        if rules.len() >= RULES_MAX && rules.iter().all(|rule| rule.event != event) {
            return Err(PruneError::Invalid("a site has at most 200 rules of retention"));
        }
        Ok(self.control.put_retention(&RetentionRow { site, event: event.to_owned(), days }).await?)
    }

    /// Removes what is older than the rules of a site allow, as of `now`.
    ///
    /// # Errors
    /// If events may not be delivered yet, or the warehouse fails; the next call removes the rest.
    pub async fn apply_retention(&self, site: SiteId, now: Timestamp) -> Result<Pruned, PruneError> {
        let rules = self.retention(site).await?;
        let mut pruned = Pruned::default();
        for rule in &rules {
            let before = now.plus(-i64::from(rule.days) * DAY_MS);
            let removed = if rule.event.is_empty() {
                let kept: Vec<&str> =
                    rules.iter().map(|rule| rule.event.as_str()).filter(|name| !name.is_empty()).collect();
                self.prune_except(site, before, &kept).await?
            } else {
                self.prune(site, before, Some(&rule.event)).await?
            };
            pruned.events += removed.events;
            pruned.quarantined += removed.quarantined;
        }
        Ok(pruned)
    }

    /// All names but some. Without exceptions rows go by their time alone, sums and identities too.
    async fn prune_except(&self, site: SiteId, before: Timestamp, kept: &[&str]) -> Result<Pruned, PruneError> {
        if kept.is_empty() {
            return self.prune(site, before, None).await;
        }
        let mut pruned = Pruned::default();
        for name in self.store.event_names_before(site, before).await? {
            if !kept.contains(&name.as_str()) {
                let removed = self.prune(site, before, Some(&name)).await?;
                pruned.events += removed.events;
                pruned.quarantined += removed.quarantined;
            }
        }
        Ok(pruned)
    }

    /// Applies the rules of all sites, until the service stops.
    pub async fn run_retention(self, now: fn() -> Timestamp, mut stopping: Stopping) {
        let mut pause = FIRST_AFTER;
        while !stopping.sleep(pause).await {
            pause = INTERVAL;
            let rules = match self.control.retention().await {
                Ok(rules) => rules,
                Err(error) => {
                    tracing::error!(%error, "the rules of retention cannot be read");
                    continue;
                }
            };
            let mut sites: Vec<SiteId> = rules.iter().map(|rule| rule.site).collect();
            sites.dedup();
            for site in sites {
                match self.apply_retention(site, now()).await {
                    Ok(pruned) if pruned.events > 0 => {
                        tracing::info!(%site, events = pruned.events, "events past their retention were removed");
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%site, %error, "retention was not applied; it will be tried again"),
                }
            }
        }
    }
}
