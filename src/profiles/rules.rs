//! Parameters of the fold, by site.

use std::sync::Arc;

use crate::{
    config,
    model::{SiteId, WantedSnapshot, time::half_life_ms},
};

/// Parameters of the fold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Half-life of interest in a category, milliseconds.
    pub half_life_ms: f64,
    /// A session ends after this long without an event, milliseconds.
    pub session_ms: i64,
}

impl Params {
    /// From the configuration.
    #[must_use]
    pub fn new(profiles: &config::Profiles, session_minutes: u64) -> Self {
        let minutes = i64::try_from(session_minutes).unwrap_or(i64::MAX);
        Self {
            half_life_ms: half_life_ms(profiles.affinity_half_life_days),
            session_ms: minutes.saturating_mul(60_000),
        }
    }
}

/// What a site sets for its profiles.
#[derive(Debug, Clone, Default)]
pub struct SiteChoices {
    /// Session timeout in minutes; `None` for the default.
    pub session_minutes: Option<u32>,
    /// Past events that its rules need.
    pub wanted: Arc<WantedSnapshot>,
}

/// The choices of a site; `None` for the defaults.
pub type ChoicesOfSite = Arc<dyn Fn(SiteId) -> Option<SiteChoices> + Send + Sync>;

/// The parameters of every site.
#[derive(Clone)]
pub struct Rules {
    common: Params,
    choices: Option<ChoicesOfSite>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rules").field(&self.common).finish()
    }
}

impl Rules {
    /// The same parameters for all sites, except for sites with choices of their own.
    #[must_use]
    pub const fn new(common: Params, choices: Option<ChoicesOfSite>) -> Self {
        Self { common, choices }
    }

    /// The parameters of one site.
    #[must_use]
    pub fn for_site(&self, site: SiteId) -> Params {
        match self.choices(site).session_minutes {
            Some(minutes) => Params { session_ms: i64::from(minutes) * 60_000, ..self.common },
            None => self.common,
        }
    }

    /// The past events that a site's rules need.
    #[must_use]
    pub fn wanted(&self, site: SiteId) -> Arc<WantedSnapshot> {
        self.choices(site).wanted
    }

    fn choices(&self, site: SiteId) -> SiteChoices {
        self.choices.as_ref().and_then(|of_site| of_site(site)).unwrap_or_default()
    }
}
