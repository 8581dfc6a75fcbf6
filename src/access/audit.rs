//! The audit: who did what, written with every change, read by owners, bounded.

use std::time::Duration;

use super::{Access, AccessError, Client, lock, traces::FailedLogins};
use crate::{
    clock,
    control::{AuditRow, UserRow},
    model::SiteId,
    tasks::Stopping,
};

/// How long entries are kept, milliseconds.
const KEPT_MS: i64 = 400 * 86_400_000;
/// The newest so many are kept.
const KEPT_MAX: i64 = 1_000_000;
/// Entries removed at once.
const PRUNED_AT_ONCE: u32 = 5000;
/// Longest text of an entry.
const SUBJECT_MAX: usize = 500;
/// Entries of one page.
const PAGE_MAX: u32 = 500;
const PAGE_DEFAULT: u32 = 100;
const KEEP_EVERY: Duration = Duration::from_mins(1);
/// Old entries are looked for once in so many rounds.
const PRUNE_EVERY: u32 = 60;

/// Some entries, the newest first.
#[derive(Debug)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditRow>,
    /// What to give as `before` for those before them; `None` at the end.
    pub next: Option<i64>,
}

impl Access {
    /// Notes who did what that concerns no single site.
    pub async fn audit(&self, who: &str, action: &str, subject: &str) -> Result<(), AccessError> {
        Ok(self.control.audit(who, action, clipped(subject)).await?)
    }

    /// Notes who did what to a site or something of it.
    pub async fn audit_site(&self, site: SiteId, who: &str, action: &str, subject: &str) -> Result<(), AccessError> {
        Ok(self.control.audit_site(site, who, action, clipped(subject)).await?)
    }

    /// The newest entries below number `before`, those of one site if named.
    pub async fn audit_page(
        &self,
        site: Option<SiteId>,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<AuditPage, AccessError> {
        self.note_failures(true).await?;
        let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
        let mut entries = self.control.audit_entries(site, before, limit + 1).await?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| more).map(|entry| entry.id);
        Ok(AuditPage { entries, next })
    }

    /// Keeps what need not be written with each request: when keys and logins were last used, counts of failed
    /// logins; and removes old entries of the audit. Until stopping begins.
    pub async fn keep(&self, mut stopping: Stopping) {
        let mut round = 0_u32;
        loop {
            let stopped = stopping.sleep(KEEP_EVERY).await;
            if let Err(error) = self.keep_once(stopped, round.is_multiple_of(PRUNE_EVERY)).await {
                tracing::warn!(%error, "when keys and logins were used could not be noted; it is tried again");
            }
            if stopped {
                return;
            }
            round = round.wrapping_add(1);
        }
    }

    async fn keep_once(&self, all: bool, prune: bool) -> Result<(), AccessError> {
        self.keys.note_used(&self.control).await?;
        self.note_seen().await?;
        self.note_failures(all).await?;
        if prune {
            self.prune_audit().await?;
        }
        Ok(())
    }

    /// Removes what is older than it is kept, a little at a time.
    async fn prune_audit(&self) -> Result<(), AccessError> {
        let oldest = clock::now().plus(-KEPT_MS);
        while self.control.prune_audit(oldest, KEPT_MAX, PRUNED_AT_ONCE).await? == u64::from(PRUNED_AT_ONCE) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Notes a failed login: at once if it is the first of its account for a while, else counted.
    pub(super) async fn note_failure(
        &self,
        user: Option<i64>,
        client: &Client,
        why: &'static str,
    ) -> Result<(), AccessError> {
        let first = lock(&self.traces).failed(user, client.address, why, clock::steady());
        match first {
            Some(failed) => self.note_failed(failed).await,
            None => Ok(()),
        }
    }

    async fn note_failures(&self, all: bool) -> Result<(), AccessError> {
        let due = lock(&self.traces).take_due(clock::steady(), all);
        for failed in due {
            self.note_failed(failed).await?;
        }
        Ok(())
    }

    async fn note_failed(&self, failed: FailedLogins) -> Result<(), AccessError> {
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
