//! Operations on sites and their visitors.

use serde_json::{Value, json};

use super::{OperateError, Operator};
use crate::{
    access::COMMAND_LINE,
    clock,
    model::{SiteId, Timestamp, VisitorId},
};

impl Operator<'_> {
    pub(super) async fn add_site(&self, name: &str, origins: &[String]) -> Result<Value, OperateError> {
        let site = self.catalog.add_site(COMMAND_LINE, name, origins, false).await?;
        Ok(json!({ "site_id": site.id, "write_key": site.write_key }))
    }

    pub(super) async fn remove_site(&self, site: u32, name: &str) -> Result<Value, OperateError> {
        self.removal.remove(COMMAND_LINE, SiteId(site), name).await?;
        Ok(json!({ "site_id": site }))
    }

    pub(super) fn list_sites(&self) -> Value {
        let sites = crate::catalog::by_number(&self.catalog.snapshot());
        let rows = sites.iter().map(|s| {
            json!({
                "site_id": s.site.id, "name": s.site.name, "demo": s.site.demo,
                "origins": s.site.origins, "write_key": s.site.write_key,
                "currency": s.site.currency,
            })
        });
        rows.collect()
    }

    pub(super) async fn site_secret(&self, site: u32) -> Result<Value, OperateError> {
        let site = self.catalog.site(SiteId(site))?;
        self.access.audit_site(site.site.id, COMMAND_LINE, "see secret", &site.site.name).await?;
        Ok(json!({ "secret": &*site.site.secret }))
    }

    pub(super) async fn note_seed(&self, site: u32, story: &str) -> Result<Value, OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        let note = json!({ "story": story, "at": clock::now() }).to_string();
        Ok(serde_json::from_str(&self.catalog.first_seed(site, note).await?).unwrap_or_default())
    }

    pub(super) async fn export_visitor(&self, site: u32, visitor: &str) -> Result<Value, OperateError> {
        let (site, visitor) = self.visitor(site, visitor)?;
        let document = self.privacy.export(site, visitor).await?;
        self.access.audit_site(site, COMMAND_LINE, "export visitor", "").await?;
        Ok(serde_json::to_value(document).unwrap_or_default())
    }

    pub(super) async fn erase_visitor(&self, site: u32, visitor: &str) -> Result<Value, OperateError> {
        let (site, visitor) = self.visitor(site, visitor)?;
        let events = self.privacy.erase(&self.catalog.site(site)?.site, visitor).await?;
        self.access.audit_site(site, COMMAND_LINE, "erase visitor", "").await?;
        Ok(json!({ "erased_events": events }))
    }

    pub(super) async fn apply_erasures(&self) -> Result<Value, OperateError> {
        let mut visitors = 0;
        for site in crate::catalog::by_number(&self.catalog.snapshot()) {
            visitors += self.privacy.apply_erasures(&site.site).await?;
        }
        Ok(json!({ "erased_visitors": visitors }))
    }

    pub(super) async fn prune(&self, site: u32, before: Timestamp, event: Option<&str>) -> Result<Value, OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        let pruned = self.pruner.prune(site, before, event).await?;
        let subject = format!("{} events before {before} {}", pruned.events, event.unwrap_or_default());
        self.access.audit_site(site, COMMAND_LINE, "prune", subject.trim_end()).await?;
        Ok(super::to_json(&pruned))
    }

    pub(super) async fn retention(&self, site: u32) -> Result<Value, OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        let rules = self.pruner.retention(site).await?;
        let rules: Vec<Value> = rules.iter().map(|rule| json!({ "event": rule.event, "days": rule.days })).collect();
        Ok(json!({ "rules": rules }))
    }

    pub(super) async fn set_retention(&self, site: u32, event: &str, days: Option<u32>) -> Result<Value, OperateError> {
        let id = self.catalog.site(SiteId(site))?.site.id;
        self.pruner.set_retention(id, event, days).await?;
        let days = days.map_or_else(|| "forever".to_owned(), |days| format!("{days} days"));
        let subject = [event, " ", &days].concat();
        self.access.audit_site(id, COMMAND_LINE, "set retention", subject.trim_start()).await?;
        self.retention(site).await
    }

    pub(super) async fn apply_retention(&self, site: u32) -> Result<Value, OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        Ok(super::to_json(&self.pruner.apply_retention(site, clock::now()).await?))
    }

    pub(super) async fn trace(&self, site: u32, event: &str) -> Result<Value, OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        Ok(super::to_json(&self.tracer.event(site, event).await?))
    }

    fn visitor(&self, site: u32, visitor: &str) -> Result<(SiteId, VisitorId), OperateError> {
        let site = self.catalog.site(SiteId(site))?.site.id;
        let visitor = visitor.parse().map_err(|error| OperateError::InvalidArgument(format!("{error}")))?;
        Ok((site, visitor))
    }
}
