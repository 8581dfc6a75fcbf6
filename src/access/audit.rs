//! The audit log: who did what. Written with every change, read by owners, bounded in size.

use std::time::Duration;

use super::{Access, AccessError, Client, failed_logins::FailedLogins};
use crate::{
    clock,
    control::{AuditRow, UserRow},
    model::SiteId,
    tasks::Stopping,
};

/// How long entries are kept, milliseconds.
const KEPT_MS: i64 = 400 * 86_400_000;
/// How many entries are kept, the newest ones.
const KEPT_MAX: i64 = 1_000_000;
/// Entries deleted per statement.
const PRUNE_BATCH: u32 = 5000;
/// Longest subject of an entry, bytes.
const SUBJECT_MAX: usize = 500;
/// Most entries of a page.
const PAGE_MAX: u32 = 500;
const PAGE_DEFAULT: u32 = 100;
const FLUSH_INTERVAL: Duration = Duration::from_mins(1);
/// Old entries are deleted in every 60th round.
const PRUNE_EVERY: u32 = 60;

/// A page of entries, the newest first.
#[derive(Debug)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditRow>,
    /// `before` of the next page; `None` on the last page.
    pub next: Option<i64>,
}

impl Access {
    /// Adds an entry that concerns no single site.
    pub async fn audit(&self, who: &str, action: &str, subject: &str) -> Result<(), AccessError> {
        Ok(self.control.audit(who, action, clipped(subject)).await?)
    }

    /// Adds an entry about a site.
    pub async fn audit_site(&self, site: SiteId, who: &str, action: &str, subject: &str) -> Result<(), AccessError> {
        Ok(self.control.audit_site(site, who, action, clipped(subject)).await?)
    }

    /// The newest entries with an id below `before`, of one site if given.
    pub async fn audit_page(
        &self,
        site: Option<SiteId>,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<AuditPage, AccessError> {
        self.flush_failures(true).await?;
        let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
        let mut entries = self.control.audit_entries(site, before, limit + 1).await?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| more).map(|entry| entry.id);
        Ok(AuditPage { entries, next })
    }

    /// Background task: writes what need not be written with each request (when keys and logins were last used, counts of
    /// failed logins), and deletes old audit entries, until stopping begins.
    pub async fn run_maintenance(&self, mut stopping: Stopping) {
        let mut round = 0_u32;
        loop {
            let stopped = stopping.sleep(FLUSH_INTERVAL).await;
            if let Err(error) = self.maintain_once(stopped, round.is_multiple_of(PRUNE_EVERY)).await {
                tracing::warn!(%error, "times of last use of keys and logins could not be stored; will retry");
            }
            if stopped {
                return;
            }
            round = round.wrapping_add(1);
        }
    }

    async fn maintain_once(&self, all: bool, prune: bool) -> Result<(), AccessError> {
        self.keys.flush_last_used(&self.control).await?;
        self.flush_last_seen().await?;
        self.flush_failures(all).await?;
        if prune {
            self.prune_audit().await?;
        }
        Ok(())
    }

    /// Deletes entries beyond the limits, in batches.
    async fn prune_audit(&self) -> Result<(), AccessError> {
        let oldest = clock::now().plus(-KEPT_MS);
        while self.control.prune_audit(oldest, KEPT_MAX, PRUNE_BATCH).await? == u64::from(PRUNE_BATCH) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Records a failed login: at once if it is the account's first in a window, otherwise counted for later.
    pub(super) async fn record_failure(
        &self,
        user: Option<i64>,
        client: &Client,
        why: &'static str,
    ) -> Result<(), AccessError> {
        let first = self.failure_log.lock().record(user, client.address, why, clock::steady());
        match first {
            Some(failed) => self.audit_failures(failed).await,
            None => Ok(()),
        }
    }

    async fn flush_failures(&self, all: bool) -> Result<(), AccessError> {
        let due = self.failure_log.lock().take_due(clock::steady(), all);
        for failed in due {
            self.audit_failures(failed).await?;
        }
        Ok(())
    }

    async fn audit_failures(&self, failed: FailedLogins) -> Result<(), AccessError> {
        let user: Option<UserRow> = match failed.user {
            Some(id) => self.control.user(id).await?,
            None => None,
        };
        let who = user.map_or_else(|| "unknown".to_owned(), |user| user.email);
        self.audit(&who, "failed login", &format!("{} from {}", failed.count, failed.network)).await
    }
}

fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(SUBJECT_MAX)]
}
