//! The segments of one visitor, from the profile that decisions use.

use std::sync::Arc;

use super::Personalizer;
use crate::{
    catalog::{SiteSnapshot, condition::Condition},
    clock,
    decide::{self, Context},
    model::{Profile, VisitorId},
    segments::{Evaluator, Explanation},
};

impl Personalizer {
    /// Ids of the segments that a profile belongs to now: those of the site, and those that every site has.
    #[must_use]
    pub fn segments(&self, profile: &Profile, site: &SiteSnapshot) -> (Vec<String>, Vec<String>) {
        let now = clock::now();
        let context = Context::without_page(now, (self.values)(site.site.id, profile), self.settings);
        let facts = decide::facts(profile, site, &context);
        let (builtin, own): (Vec<_>, Vec<_>) =
            site.segments.of(&facts, &site.site, now).into_iter().partition(|segment| segment.is_builtin());
        let ids = |segments: Vec<&crate::segments::CompiledSegment>| {
            segments.into_iter().map(|segment| segment.id.to_string()).collect()
        };
        (ids(own), ids(builtin))
    }

    /// Explains a rule for a visitor; `None` if nothing is known of them.
    pub async fn explain_rule(
        &self,
        site: &Arc<SiteSnapshot>,
        visitor: VisitorId,
        rule: &Condition,
    ) -> Option<Explanation> {
        let profile = self.profile(site.site.id, visitor).await;
        if profile.events == 0 {
            return None;
        }
        let now = clock::now();
        let context = Context::without_page(now, (self.values)(site.site.id, &profile), self.settings);
        let facts = decide::facts(&profile, site, &context);
        Some(Evaluator::new(&facts, &site.site, now).explain(rule))
    }

    /// The value of the person that a profile describes, as decisions see it.
    #[must_use]
    pub fn values(&self) -> super::Values {
        Arc::clone(&self.values)
    }

    /// Limits and constants of decisions.
    #[must_use]
    pub const fn settings(&self) -> decide::Settings {
        self.settings
    }
}
