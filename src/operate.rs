//! What an owner does from the command line, carried out by the running service: one typed operation,
//! one JSON answer. Without a running service the command starts the same rooms itself.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    access::{Access, AccessError},
    catalog::{Catalog, CatalogError},
    clock,
    collect::Collector,
    control::{Role, Scope},
    delivery::{Replay, ReplayError},
    import::{self, Chunk, ImportError},
    model::{SiteId, VisitorId},
    privacy::{Privacy, PrivacyError},
    wire::{admin::JournalCounts, item::ItemBody},
};

/// Who acts, in the audit log.
const BY: &str = "command line";

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
    /// Adds a user.
    AddUser {
        /// Login name.
        email: String,
        /// owner, marketer or viewer.
        role: String,
        /// At least 8 characters.
        password: String,
    },
    /// Makes a program's key.
    AddKey {
        /// The site it opens.
        site: u32,
        /// read, server or admin.
        scope: String,
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
}

impl Operator<'_> {
    fn visitor(&self, site: u32, visitor: &str) -> Result<(SiteId, VisitorId), OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        let visitor = visitor.parse().map_err(|error| OperateError::Unusable(format!("{error}")))?;
        Ok((site, visitor))
    }

    /// Carries one operation out.
    pub async fn run(&self, operation: Operation) -> Result<Value, OperateError> {
        match operation {
            Operation::AddSite { name, origins } => {
                let site = self.catalog.add_site(BY, &name, &origins, false).await?;
                Ok(json!({ "site_id": site.id, "write_key": site.write_key }))
            }
            Operation::AddUser { email, role, password } => {
                let role = Role::from_word(&role)
                    .ok_or_else(|| OperateError::Unusable("--role must be owner, marketer or viewer".into()))?;
                let user_id = self.access.add_user(&email, role, &password).await?;
                self.access.audit(BY, "add user", &format!("{email}, {}", role.as_str())).await?;
                Ok(json!({ "user_id": user_id }))
            }
            Operation::AddKey { site, scope } => {
                let scope = Scope::from_word(&scope)
                    .ok_or_else(|| OperateError::Unusable("--scope must be read, server or admin".into()))?;
                self.catalog.site(SiteId(site))?;
                let key = self.access.add_key(SiteId(site), scope).await?;
                self.access.audit(BY, "add key", &format!("{} of site {site}", scope.as_str())).await?;
                Ok(json!({ "key": key }))
            }
            Operation::RotateCookieKey { forget_old } => {
                let rotated = self.access.rotate_cookie_key(forget_old).await?;
                self.access.audit(BY, "rotate cookie key", if forget_old { "old keys forgotten" } else { "" }).await?;
                Ok(json!({ "keys": rotated.keys }))
            }
            Operation::Import { site, chunk } => {
                let site = self.catalog.site(SiteId(site))?;
                let counts = import::take(self.collector, &site, chunk).await?;
                Ok(serde_json::to_value(counts).unwrap_or_default())
            }
            Operation::ImportItems { site, items } => {
                let site = self.catalog.site(SiteId(site))?;
                let counts = import::take_items(self.catalog, &site, items).await?;
                Ok(serde_json::to_value(counts).unwrap_or_default())
            }
            Operation::ExportVisitor { site, visitor } => {
                let (site, visitor) = self.visitor(site, &visitor)?;
                let document = self.privacy.export(site, visitor).await?;
                self.access.audit(BY, "export visitor", &format!("of site {site}")).await?;
                Ok(document)
            }
            Operation::EraseVisitor { site, visitor } => {
                let (site, visitor) = self.visitor(site, &visitor)?;
                let events = self.privacy.erase(site, visitor).await?;
                self.access.audit(BY, "erase visitor", &format!("of site {site}")).await?;
                Ok(json!({ "erased_events": events }))
            }
            Operation::SiteSecret { site } => {
                let site = self.catalog.site(SiteId(site))?;
                self.access.audit(BY, "see secret", &site.site.name).await?;
                Ok(json!({ "secret": site.site.secret }))
            }
            Operation::ListSites => {
                let sites = crate::catalog::by_number(&self.catalog.snapshot());
                Ok(sites
                    .iter()
                    .map(|s| {
                        json!({
                            "site_id": s.site.id, "name": s.site.name, "demo": s.site.demo,
                            "origins": s.site.origins, "write_key": s.site.write_key,
                            "currency": s.site.currency,
                        })
                    })
                    .collect())
            }
            Operation::NoteSeed { site, story } => {
                let site = self.catalog.site(SiteId(site))?.site.id;
                let note = json!({ "story": story, "at": clock::now() }).to_string();
                Ok(serde_json::from_str(&self.catalog.first_seed(site, note).await?).unwrap_or_default())
            }
            Operation::ListQuarantine { limit } => {
                let quarantined = (self.delivery)().quarantined;
                let entries = self.quarantine.list(limit).await?;
                Ok(json!({ "quarantined": quarantined, "entries": entries }))
            }
            Operation::ReplayQuarantine { limit } => {
                Ok(serde_json::to_value(self.quarantine.replay(limit).await?).unwrap_or_default())
            }
            Operation::Settle { limit_ms } => {
                let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(limit_ms);
                while (self.delivery)().waiting > 0 && tokio::time::Instant::now() < deadline {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                Ok(json!({ "waiting": (self.delivery)().waiting }))
            }
        }
    }
}
