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

/// What sites set for their profiles. Asked for every event and every profile that is used.
pub trait SiteChoices: Send + Sync {
    /// Session timeout in minutes; `None` for the default.
    fn session_minutes(&self, _: SiteId) -> Option<u32> {
        None
    }

    /// Past events that the site's rules need.
    fn wanted(&self, _: SiteId) -> Arc<WantedSnapshot> {
        Arc::default()
    }

    /// The version of [`Self::wanted`].
    fn wanted_version(&self, site: SiteId) -> u64 {
        self.wanted(site).version
    }
}

/// The defaults.
struct NoChoices;

impl SiteChoices for NoChoices {}

/// The parameters of every site.
#[derive(Clone)]
pub struct Rules {
    common: Params,
    choices: Arc<dyn SiteChoices>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rules").field(&self.common).finish()
    }
}

impl Rules {
    /// The same parameters for all sites, except for sites with choices of their own.
    #[must_use]
    pub fn new(common: Params, choices: Option<Arc<dyn SiteChoices>>) -> Self {
        Self { common, choices: choices.unwrap_or_else(|| Arc::new(NoChoices)) }
    }

    /// The parameters of one site.
    #[must_use]
    pub fn for_site(&self, site: SiteId) -> Params {
        match self.choices.session_minutes(site) {
            Some(minutes) => Params { session_ms: i64::from(minutes) * 60_000, ..self.common },
            None => self.common,
        }
    }

    /// The past events that a site's rules need.
    #[must_use]
    pub fn wanted(&self, site: SiteId) -> Arc<WantedSnapshot> {
        self.choices.wanted(site)
    }

    /// The version of [`Self::wanted`].
    #[must_use]
    pub fn wanted_version(&self, site: SiteId) -> u64 {
        self.choices.wanted_version(site)
    }
}
