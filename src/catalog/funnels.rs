//! Saved funnels: stored and audited, not compiled.

use super::{Catalog, CatalogError};
use crate::model::SiteId;

impl Catalog {
    /// Saves a funnel and returns its number.
    pub async fn add_funnel(&self, by: &str, site: SiteId, name: &str, question: &str) -> Result<i64, CatalogError> {
        let id = self.control.add_funnel(site, name, question).await?;
        self.audit(by, site, "add funnel", name).await?;
        Ok(id)
    }

    /// Changes a funnel. Returns false if the site has none with this number.
    pub async fn change_funnel(
        &self,
        by: &str,
        site: SiteId,
        id: i64,
        name: &str,
        question: &str,
    ) -> Result<bool, CatalogError> {
        let existed = self.control.update_funnel(site, id, name, question).await?;
        if existed {
            self.audit(by, site, "change funnel", name).await?;
        }
        Ok(existed)
    }

    /// Removes a funnel. Returns false if there was none.
    pub async fn delete_funnel(&self, by: &str, site: SiteId, id: i64) -> Result<bool, CatalogError> {
        let existed = self.control.delete_funnel(site, id).await?;
        if existed {
            self.audit(by, site, "delete funnel", &id.to_string()).await?;
        }
        Ok(existed)
    }
}
