//! What an owner does from the command line, carried out by the running service: one typed operation,
//! one JSON answer. Without a running service the command starts the same rooms itself.

mod sites;
mod users;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
pub use users::{Account, KeyOrder, UserOrder};

use crate::{
    access::{Access, AccessError, COMMAND_LINE},
    catalog::{Catalog, CatalogError},
    collect::Collector,
    config,
    delivery::{Replay, ReplayError},
    import::{self, Chunk, ImportError},
    model::SiteId,
    privacy::{Privacy, PrivacyError},
    removal::{Removal, RemovalError},
    wire::{admin::JournalCounts, item::ItemBody},
};

/// One order of the owner.
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
    /// Removes a site with everything that belongs to it.
    RemoveSite {
        /// The site.
        site: u32,
        /// Its exact name.
        name: String,
    },
    /// About people.
    Users(UserOrder),
    /// About keys of a site.
    Keys(KeyOrder),
    /// Who did what, the newest first.
    ListAudit {
        /// About this site alone.
        site: Option<u32>,
        /// Before the entry with this number.
        before: Option<i64>,
        /// At most so many.
        limit: Option<u32>,
    },
    /// Signs visitor cookies with a new key.
    RotateCookieKey {
        /// Whether cookies that older keys signed are void at once.
        forget_old: bool,
    },
    /// Takes a piece of a file.
    Import {
        /// The site it belongs to.
        site: u32,
        /// The piece.
        chunk: Chunk,
    },
    /// Takes items of a file that the command reads.
    ImportItems {
        /// The site they belong to.
        site: u32,
        /// The items.
        items: Vec<ItemBody>,
    },
    /// Everything stored of a visitor.
    ExportVisitor {
        /// The site.
        site: u32,
        /// The visitor's id.
        visitor: String,
    },
    /// Removes everything stored of a visitor.
    EraseVisitor {
        /// The site.
        site: u32,
        /// The visitor's id.
        visitor: String,
    },
    /// The secret with which a site's servers sign user ids.
    SiteSecret {
        /// The site.
        site: u32,
    },
    /// Names the sites.
    ListSites,
    /// Notes that a site gets an invented past, and answers with the one noted first.
    NoteSeed {
        /// The site.
        site: u32,
        /// What is invented.
        story: String,
    },
    /// Names what is in quarantine, with the reasons.
    ListQuarantine {
        /// At most so many.
        limit: usize,
    },
    /// Sends what is in quarantine once more.
    ReplayQuarantine {
        /// At most so many.
        limit: usize,
    },
    /// Waits until everything kept so far is in the warehouse, or `limit_ms` passed.
    Settle {
        /// Milliseconds.
        limit_ms: u64,
    },
}

/// Why an order was not carried out; each is one clear line.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// A word that is none of the allowed ones.
    #[error("{0}")]
    Unusable(String),
    /// From the catalogue.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// From the gate.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A site could not be removed.
    #[error(transparent)]
    Removal(#[from] RemovalError),
    /// A piece of a file could not be taken.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A visitor could not be exported or erased.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The quarantine could not be read or replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// The rooms an operation needs.
pub struct Operator<'r> {
    /// Sites, items, offers.
    pub catalog: &'r Catalog,
    /// People and keys.
    pub access: &'r Access,
    /// Events.
    pub collector: &'r Collector,
    /// How far the journal's records are.
    pub delivery: &'r (dyn Fn() -> JournalCounts + Send + Sync),
    /// What the warehouse refused.
    pub quarantine: &'r Replay,
    /// Export and erasure.
    pub privacy: &'r Privacy,
    /// Removing sites.
    pub removal: &'r Removal,
    /// `[server]`.
    pub server: &'r config::Server,
}

impl Operator<'_> {
    /// Carries one operation out.
    pub async fn run(&self, operation: Operation) -> Result<Value, OperateError> {
        match operation {
            Operation::AddSite { name, origins } => self.add_site(&name, &origins).await,
            Operation::RemoveSite { site, name } => self.remove_site(site, &name).await,
            Operation::Users(order) => self.users(order).await,
            Operation::Keys(order) => self.keys(order).await,
            Operation::ListAudit { site, before, limit } => self.audit(site, before, limit).await,
            Operation::RotateCookieKey { forget_old } => {
                let rotated = self.access.rotate_cookie_key(forget_old).await?;
                let subject = if forget_old { "old keys forgotten" } else { "" };
                self.access.audit(COMMAND_LINE, "rotate cookie key", subject).await?;
                Ok(json!({ "keys": rotated.keys }))
            }
            Operation::Import { site, chunk } => {
                let site = self.catalog.site(SiteId(site))?;
                Ok(answer(&import::take(self.collector, &site, chunk).await?))
            }
            Operation::ImportItems { site, items } => {
                let site = self.catalog.site(SiteId(site))?;
                Ok(answer(&import::take_items(self.catalog, &site, items).await?))
            }
            Operation::ExportVisitor { site, visitor } => self.export_visitor(site, &visitor).await,
            Operation::EraseVisitor { site, visitor } => self.erase_visitor(site, &visitor).await,
            Operation::SiteSecret { site } => self.site_secret(site).await,
            Operation::ListSites => Ok(self.list_sites()),
            Operation::NoteSeed { site, story } => self.note_seed(site, &story).await,
            Operation::ListQuarantine { limit } => {
                let quarantined = (self.delivery)().quarantined;
                let entries = self.quarantine.list(limit).await?;
                Ok(json!({ "quarantined": quarantined, "entries": entries }))
            }
            Operation::ReplayQuarantine { limit } => Ok(answer(&self.quarantine.replay(limit).await?)),
            Operation::Settle { limit_ms } => Ok(self.settle(limit_ms).await),
        }
    }

    async fn settle(&self, limit_ms: u64) -> Value {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(limit_ms);
        while (self.delivery)().waiting > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        json!({ "waiting": (self.delivery)().waiting })
    }
}

fn answer<T: Serialize>(answer: &T) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}
