//! Saved funnels: stored and noted, nothing compiled.

use super::{Catalog, CatalogError};
use crate::model::SiteId;

impl Catalog {
    /// Saves a funnel and gives it its number.
    pub async fn add_funnel(&self, by: &str, site: SiteId, name: &str, question: &str) -> Result<i64, CatalogError> {
        let id = self.control.add_funnel(site, name, question).await?;
        self.note(by, site, "add funnel", name).await?;
        Ok(id)
    }

    /// Changes a funnel. False when there is none with this number on this site.
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
            self.note(by, site, "change funnel", name).await?;
        }
        Ok(existed)
    }

    /// Removes a funnel. False when there was none.
    pub async fn delete_funnel(&self, by: &str, site: SiteId, id: i64) -> Result<bool, CatalogError> {
        let existed = self.control.delete_funnel(site, id).await?;
        if existed {
            self.note(by, site, "delete funnel", &id.to_string()).await?;
        }
        Ok(existed)
    }
}
