//! Changes to segments, and who uses them.

use std::sync::Arc;

use super::{
    Catalog, CatalogError, SiteSnapshot, compile,
    edit::as_json,
    experiments::{compiled_experiments, stored_experiments},
    stored_offers,
};
use crate::{
    control::Control,
    model::{Offer, Rule, SiteId, StoredExperiment},
    segments::{CompiledSegment, SegmentSet},
    wire::segments::{ListedSegment, SegmentBody},
};

/// Longest name, bytes.
const NAME_MAX: usize = 200;
/// Users of a segment that a message names.
const NAMED_MAX: usize = 5;

impl Catalog {
    /// The segments of a site as marketers wrote them, and those that every site has.
    pub async fn segments(&self, id: SiteId) -> Result<Vec<ListedSegment>, CatalogError> {
        self.site(id)?;
        let own = stored_segments(&self.control, id).await?.into_iter();
        let builtin = SegmentSet::BUILTIN.iter().filter_map(|(id, name)| {
            let rule = compile::builtin_segment(id)?;
            Some(SegmentBody { id: (*id).to_owned(), name: (*name).to_owned(), rule })
        });
        let own = own.map(|segment| ListedSegment { segment, builtin: false });
        Ok(own.chain(builtin.map(|segment| ListedSegment { segment, builtin: true })).collect())
    }

    /// Adds a segment under a new id.
    pub async fn add_segment(&self, by: &str, id: SiteId, segment: SegmentBody) -> Result<(), CatalogError> {
        self.store_segment(by, "add segment", id, segment).await
    }

    /// Stores a segment, replacing the one with the same id.
    pub async fn put_segment(&self, by: &str, id: SiteId, segment: SegmentBody) -> Result<(), CatalogError> {
        self.store_segment(by, "change segment", id, segment).await
    }

    async fn store_segment(
        &self,
        by: &str,
        action: &'static str,
        id: SiteId,
        segment: SegmentBody,
    ) -> Result<(), CatalogError> {
        if segment.name.len() > NAME_MAX || segment.name.chars().any(char::is_control) {
            return Err(CatalogError::Invalid(format!("`name` has at most {NAME_MAX} bytes, on one line")));
        }
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut segments = stored_segments(&self.control, id).await?;
        if action == "add segment" && segments.iter().any(|known| known.id == segment.id) {
            return Err(CatalogError::AlreadyExists(format!("a segment `{}` exists already", segment.id)));
        }
        segments.retain(|known| known.id != segment.id);
        // First: if its reference closes a circle, the message begins with it.
        segments.insert(0, segment.clone());
        let compiled = self.with_segments(&site, &segments).await?;
        self.control.put_segment(id, &segment.id, &as_json(&segment)?).await?;
        self.publish(compiled);
        self.audit(by, id, action, &segment.id).await
    }

    /// Removes a segment that nothing uses. Returns false if there was none.
    pub async fn delete_segment(&self, by: &str, id: SiteId, segment: &str) -> Result<bool, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut segments = stored_segments(&self.control, id).await?;
        let known = segments.len();
        segments.retain(|other| other.id != segment);
        if segments.len() == known {
            if segment.starts_with(CompiledSegment::BUILTIN_PREFIX) && site.segments.get(segment).is_some() {
                return Err(CatalogError::Invalid(format!("`{segment}` is built in and cannot be removed")));
            }
            return Ok(false);
        }
        let offers = stored_offers(&self.control, id).await?;
        let users = users_of(segment, &segments, &offers, &stored_experiments(&self.control, id).await?);
        if !users.is_empty() {
            let named = users[..users.len().min(NAMED_MAX)].join(", ");
            let more = users.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(CatalogError::InUse(format!("segment `{segment}` is used by {named}{more}")));
        }
        let compiled = self.with_segments(&site, &segments).await?;
        if !self.control.delete_segment(id, segment).await? {
            return Ok(false);
        }
        self.publish(compiled);
        self.audit(by, id, "delete segment", segment).await?;
        Ok(true)
    }

    /// The site with these segments; its offers and experiments are compiled again, because they include the rules of segments.
    async fn with_segments(&self, site: &SiteSnapshot, segments: &[SegmentBody]) -> Result<SiteSnapshot, CatalogError> {
        let segments = compiled_segments(segments)?;
        let offers = stored_offers(&self.control, site.site.id).await?;
        let experiments = stored_experiments(&self.control, site.site.id).await?;
        let experiments = compiled_experiments(&experiments, &segments)?;
        let compiled = compile::compile_with(site.site.clone(), Arc::clone(&site.items), &offers, segments);
        let compiled = compiled.map_err(|error| CatalogError::Invalid(error.to_string()))?;
        Ok(compiled.with_experiments(experiments).keeping(site))
    }
}

/// Offers, experiments and segments whose rules refer to a segment.
fn users_of(id: &str, segments: &[SegmentBody], offers: &[Offer], experiments: &[StoredExperiment]) -> Vec<String> {
    let of = |what: &str, name: &str, rule: &Rule| rule.refers_to(id).then(|| format!("{what} `{name}`"));
    let segments = segments.iter().filter_map(|segment| of("segment", &segment.id, &segment.rule));
    let offers = offers.iter().filter_map(|offer| of("offer", &offer.id, &offer.when));
    let experiments = experiments.iter().map(|stored| &stored.experiment);
    let experiments = experiments.filter_map(|known| of("experiment", &known.key, &known.when));
    segments.chain(offers).chain(experiments).collect()
}

fn compiled_segments(segments: &[SegmentBody]) -> Result<SegmentSet, CatalogError> {
    let rules: Vec<_> = segments.iter().map(|segment| (segment.id.as_str(), &segment.rule)).collect();
    compile::compile_segments(&rules).map_err(|error| CatalogError::Invalid(error.to_string()))
}

pub(super) async fn stored_segments(control: &Control, site: SiteId) -> Result<Vec<SegmentBody>, CatalogError> {
    let read = |body: &String| {
        serde_json::from_str::<SegmentBody>(body)
            .inspect_err(|error| tracing::warn!(%site, %error, "a stored segment is skipped"))
            .ok()
    };
    Ok(control.segments(site).await?.iter().filter_map(read).collect())
}

/// The stored segments, compiled; what no longer compiles is left out with a warning, and so is what refers to it.
pub(super) async fn usable_segments(control: &Control, site: SiteId) -> Result<SegmentSet, CatalogError> {
    let mut segments = stored_segments(control, site).await?;
    loop {
        let rules: Vec<_> = segments.iter().map(|segment| (segment.id.as_str(), &segment.rule)).collect();
        match compile::compile_segments(&rules) {
            Ok(set) => return Ok(set),
            Err(error) => {
                tracing::warn!(%site, %error, "a stored segment is skipped");
                let known = segments.len();
                segments.retain(|segment| segment.id != error.which);
                if segments.len() == known {
                    return Err(CatalogError::Invalid(error.to_string()));
                }
            }
        }
    }
}
