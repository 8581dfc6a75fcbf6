//! Admin operations of the command line: a typed operation in, JSON out. The running service executes them; if none is
//! running, the command starts the same modules itself.

mod sites;
mod users;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
pub use users::{Account, KeyOperation, UserOperation};

use crate::{
    access::{Access, AccessError, COMMAND_LINE},
    backup::{Backup, BackupError},
    catalog::{Catalog, CatalogError},
    collect::Collector,
    config,
    delivery::{DeliveryStatus, Replay, ReplayError},
    import::{self, Chunk, ImportError},
    model::{SiteId, Timestamp},
    privacy::{Privacy, PrivacyError},
    prune::{PruneError, Pruner},
    removal::{Removal, RemovalError},
    trace::{TraceError, Tracer},
    wire::item::ItemBody,
};

/// One admin operation. Serialized between the command and the running service.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// Adds a site.
    AddSite {
        /// Name.
        name: String,
        /// Origins of its pages.
        origins: Vec<String>,
    },
    /// Removes a site with all its data.
    RemoveSite {
        /// The site.
        site: u32,
        /// Its exact name, as confirmation.
        name: String,
    },
    /// Manages users.
    Users(UserOperation),
    /// Manages the API keys of a site.
    Keys(KeyOperation),
    /// Lists the audit log, newest entry first.
    ListAudit {
        /// Only entries about this site.
        site: Option<u32>,
        /// Only entries before this id.
        before: Option<i64>,
        /// Maximum number.
        limit: Option<u32>,
    },
    /// Signs visitor cookies with a new key.
    RotateCookieKey {
        /// Whether cookies signed with older keys become invalid immediately.
        forget_old: bool,
    },
    /// Imports a chunk of a file.
    Import {
        /// The site.
        site: u32,
        /// The chunk.
        chunk: Chunk,
    },
    /// Imports catalog items from a file that the command reads.
    ImportItems {
        /// The site.
        site: u32,
        /// The items.
        items: Vec<ItemBody>,
    },
    /// Exports everything stored about a visitor.
    ExportVisitor {
        /// The site.
        site: u32,
        /// Visitor id.
        visitor: String,
    },
    /// Erases everything stored about a visitor.
    EraseVisitor {
        /// The site.
        site: u32,
        /// Visitor id.
        visitor: String,
    },
    /// Removes events by age.
    Prune {
        /// The site.
        site: u32,
        /// Events that occurred before this time.
        before: Timestamp,
        /// Only events of this name.
        event: Option<String>,
    },
    /// Lists the rules of retention of a site.
    ListRetention {
        /// The site.
        site: u32,
    },
    /// Sets how long a site keeps events.
    SetRetention {
        /// The site.
        site: u32,
        /// Name of the events; empty for all that have no rule of their own.
        event: String,
        /// Days; forever without.
        days: Option<u32>,
    },
    /// Removes what is older than the rules of retention of a site allow.
    ApplyRetention {
        /// The site.
        site: u32,
    },
    /// Traces one event.
    Trace {
        /// The site.
        site: u32,
        /// Its message id as it was sent, or the hash of it.
        event: String,
    },
    /// Makes a snapshot of all data in the data directory, for a backup.
    Snapshot,
    /// Removes what a restored backup has of people who were erased since.
    ApplyErasures,
    /// Returns the secret that a site's servers use to sign user ids.
    SiteSecret {
        /// The site.
        site: u32,
    },
    /// Lists the sites.
    ListSites,
    /// Records that a site gets generated demo data; returns the first such record.
    NoteSeed {
        /// The site.
        site: u32,
        /// Name of the generated data.
        story: String,
    },
    /// Lists quarantined events with the reasons.
    ListQuarantine {
        /// Maximum number.
        limit: usize,
    },
    /// Sends quarantined events to the warehouse again.
    ReplayQuarantine {
        /// Maximum number.
        limit: usize,
    },
    /// Waits until all events kept so far are in the warehouse, at most `limit_ms`.
    Settle {
        /// Time limit in milliseconds.
        limit_ms: u64,
    },
}

impl Operation {
    /// Whether it only asks for something, which cannot be there before the service ran for the first time.
    #[must_use]
    pub const fn only_asks(&self) -> bool {
        matches!(
            self,
            Self::ListSites | Self::ListAudit { .. } | Self::ListQuarantine { .. } | Self::ExportVisitor { .. }
        )
    }
}

/// Why an operation failed, in one line.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// An invalid argument.
    #[error("{0}")]
    InvalidArgument(String),
    /// Error of the catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Error of users, logins or keys.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A site could not be removed.
    #[error(transparent)]
    Removal(#[from] RemovalError),
    /// A chunk of a file could not be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A visitor could not be exported or erased.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// Events could not be removed by age.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// An event could not be traced.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// No snapshot could be made.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The quarantine could not be read or replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Executes admin operations with these services.
pub struct Operator<'r> {
    /// Sites, items, offers.
    pub catalog: &'r Catalog,
    /// Users and API keys.
    pub access: &'r Access,
    /// Collection of events.
    pub collector: &'r Collector,
    /// Delivery status of the journal's records.
    pub delivery: &'r DeliveryStatus,
    /// Events that the warehouse refused.
    pub quarantine: &'r Replay,
    /// Export and erasure of visitors.
    pub privacy: &'r Privacy,
    /// Removal of sites.
    pub removal: &'r Removal,
    /// Removal of events by age.
    pub pruner: &'r Pruner,
    /// Tracing of events.
    pub tracer: &'r Tracer,
    /// Snapshots for backups.
    pub backup: &'r Backup,
    /// `[server]`.
    pub server: &'r config::Server,
}

impl Operator<'_> {
    /// Executes one operation.
    pub async fn run(&self, operation: Operation) -> Result<Value, OperateError> {
        match operation {
            Operation::AddSite { name, origins } => self.add_site(&name, &origins).await,
            Operation::RemoveSite { site, name } => self.remove_site(site, &name).await,
            Operation::Users(operation) => self.users(operation).await,
            Operation::Keys(operation) => self.keys(operation).await,
            Operation::ListAudit { site, before, limit } => self.audit(site, before, limit).await,
            Operation::RotateCookieKey { forget_old } => {
                let rotated = self.access.rotate_cookie_key(forget_old).await?;
                let subject = if forget_old { "old keys forgotten" } else { "" };
                self.access.audit(COMMAND_LINE, "rotate cookie key", subject).await?;
                Ok(json!({ "keys": rotated.keys }))
            }
            Operation::Import { site, chunk } => {
                let site = self.catalog.site(SiteId(site))?;
                Ok(to_json(&import::import_chunk(self.collector, &site, chunk).await?))
            }
            Operation::ImportItems { site, items } => {
                let site = self.catalog.site(SiteId(site))?;
                Ok(to_json(&import::import_items(self.catalog, &site, items).await?))
            }
            Operation::ExportVisitor { site, visitor } => self.export_visitor(site, &visitor).await,
            Operation::EraseVisitor { site, visitor } => self.erase_visitor(site, &visitor).await,
            Operation::Prune { site, before, event } => self.prune(site, before, event.as_deref()).await,
            Operation::ListRetention { site } => self.retention(site).await,
            Operation::SetRetention { site, event, days } => self.set_retention(site, &event, days).await,
            Operation::ApplyRetention { site } => self.apply_retention(site).await,
            Operation::Trace { site, event } => self.trace(site, &event).await,
            Operation::Snapshot => {
                let snapshot = self.backup.snapshot().await?;
                self.access.audit(COMMAND_LINE, "backup", "").await?;
                Ok(to_json(&snapshot))
            }
            Operation::ApplyErasures => self.apply_erasures().await,
            Operation::SiteSecret { site } => self.site_secret(site).await,
            Operation::ListSites => Ok(self.list_sites()),
            Operation::NoteSeed { site, story } => self.note_seed(site, &story).await,
            Operation::ListQuarantine { limit } => {
                let quarantined = self.delivery.counts().quarantined;
                let entries = self.quarantine.list(limit).await?;
                Ok(json!({ "quarantined": quarantined, "entries": entries }))
            }
            Operation::ReplayQuarantine { limit } => Ok(to_json(&self.quarantine.replay(limit).await?)),
            Operation::Settle { limit_ms } => Ok(self.wait_until_delivered(limit_ms).await),
        }
    }

    async fn wait_until_delivered(&self, limit_ms: u64) -> Value {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(limit_ms);
        while self.delivery.counts().waiting > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        json!({ "waiting": self.delivery.counts().waiting })
    }
}

fn to_json<T: Serialize>(result: &T) -> Value {
    serde_json::to_value(result).unwrap_or_default()
}
