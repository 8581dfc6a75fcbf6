//! Request flow of a personalization request.
//!
//! After identification and consent (in `http`): the live profile within a time budget, then one pure decision over the
//! current catalogue and index. It cannot fail: without profile, index or catalogue the result is less personal and
//! marked as degraded, never an error.

mod experiments;
mod offers;
mod preview;
mod segments;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

pub use experiments::{Evaluated, FlagSubject};

use crate::{
    catalog::{SiteSnapshot, snapshot::Recommend},
    clock, config,
    control::ControlError,
    decide::{self, Context, Exploration, Index, OfferState, SessionCache, Settings},
    ingest::{TokenSigner, exposure::SlotContext},
    learn::{Impressions, Learn, ModelStatus},
    model::{ContactChannel, Decision, ExplorationSettings, PersonValue, Profile, Site, SiteId, Timestamp, VisitorId},
    offers::Offers,
    profiles::{Freshness, Profiles},
    recommend::Model,
    telemetry::Metrics,
    wire::interests::Interests,
};

/// Personalizes pages for the visitors of all sites.
#[derive(Clone)]
pub struct Personalizer {
    profiles: Arc<Profiles>,
    learn: Arc<Learn>,
    impressions: Arc<Impressions>,
    signer: TokenSigner,
    session_cache: Arc<SessionCache>,
    settings: Settings,
    limits: config::Decide,
    budget: Duration,
    metrics: Arc<Metrics>,
    values: Values,
    offers: Offers,
}

/// Finds the value of the person that a profile describes.
pub type Values = Arc<dyn Fn(SiteId, &Profile) -> Option<PersonValue> + Send + Sync>;

/// Time to read a profile where it is the answer: longer than a page waits for a decision.
const PROFILE_BUDGET: Duration = Duration::from_secs(2);

/// A visitor who returns to a page within this period gets the same random draws.
const SEED_PERIOD_MS: i64 = 30 * 60_000;

/// A request to personalize a page.
#[derive(Debug)]
pub struct PersonalizationRequest<'a> {
    /// The site.
    pub site: &'a SiteSnapshot,
    /// The visitor; anonymous without consent to personalization.
    pub visitor: VisitorId,
    /// The user id verified by the site; empty if the request has none.
    pub user: &'a str,
    /// Whether the visitor id was created by this request: there is no history to read.
    pub is_new: bool,
    /// The slots.
    pub slots: &'a [String],
    /// Keys of the experiments.
    pub experiments: &'a [String],
    /// The item of the page; empty if none.
    pub item: &'a str,
    /// The cart as the page reports it; `None` if it does not.
    pub cart: Option<&'a [String]>,
    /// Path of the page; empty if unknown.
    pub url_path: &'a str,
    /// Where the contact takes place.
    pub channel: ContactChannel,
    /// Language of the page; empty if unknown.
    pub language: &'a str,
    /// Whether explanations are requested.
    pub explain: bool,
    /// What of limited offers the request may get.
    pub access: OfferAccess,
}

/// What of limited offers a request may get.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfferAccess {
    /// Whether it may get coupons: with a signed cookie, or of a person that the site has proven.
    pub coupons: bool,
    /// The address whose network is bounded; `None` if the site has proven the person.
    pub bounded_address: Option<IpAddr>,
}

/// The decisions, with timings.
#[derive(Debug)]
pub struct Answer<'a> {
    /// By slot.
    pub decisions: Vec<Decision>,
    /// The experiments that the person takes part in.
    pub variants: Vec<Evaluated<'a>>,
    /// For each decision the signed exposure token; `None` without items.
    pub exposures: Vec<Option<String>>,
    /// Whether the stored profile could not be read in time.
    pub degraded: bool,
    /// Time to get the profile.
    pub profile: Duration,
    /// Time to decide.
    pub decide: Duration,
}

impl Personalizer {
    /// Connects the services that a request needs.
    #[must_use]
    pub fn new(
        profiles: Arc<Profiles>,
        (learn, impressions): (Arc<Learn>, Arc<Impressions>),
        signer: TokenSigner,
        decide: &config::Decide,
        settings: &config::Profiles,
        metrics: Arc<Metrics>,
        offers: Offers,
    ) -> Self {
        let budget = Duration::from_millis(settings.read_budget_ms);
        Self {
            profiles,
            learn,
            impressions,
            signer,
            session_cache: Arc::new(SessionCache::new(
                decide.remembered_max,
                metrics.session_lookups.clone(),
                metrics.session_cache_hits.clone(),
            )),
            settings: Settings::new(decide, settings),
            limits: decide.clone(),
            budget,
            metrics,
            values: Arc::new(|_, _| None),
            offers,
        }
    }

    /// The same with the values of people.
    #[must_use]
    pub fn with_values(self, values: Values) -> Self {
        Self { values, ..self }
    }

    /// The profile that decisions use for a visitor.
    pub async fn profile(&self, site: SiteId, visitor: VisitorId) -> Arc<Profile> {
        self.profiles.known(site, visitor, "", PROFILE_BUDGET).await.0
    }

    /// A profile's current interests, strongest first.
    #[must_use]
    pub fn interests(&self, profile: &Profile, site: &SiteSnapshot) -> Interests {
        decide::interests(profile, site, &self.learn.index(site.site.id), clock::now(), &self.settings)
    }

    /// The tuned model of a site, and the owner's choice if it differs.
    #[must_use]
    pub fn model_status(&self, site: SiteId) -> ModelStatus {
        self.learn.model_status(site)
    }

    /// Sets the model that serves a site regardless of the evaluation; `None`: the winner again.
    ///
    /// # Errors
    /// If the choice cannot be stored; nothing changes then.
    pub async fn choose(&self, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        self.learn.choose(site, model, who).await
    }

    /// Decides every slot of a page.
    pub async fn answer<'a>(&self, request: &PersonalizationRequest<'a>) -> Answer<'a> {
        let now = clock::now();
        let seed = self.seed(request, now);
        let impressions = self.impressions.for_site(request.site.site.id);
        let (items, models) = self.shares(&request.site.site);
        let known_from = self.limits.item_known_views;
        let exploration = Exploration { seed, items, models, impressions: &impressions, known_from };
        self.offers.record_slots(request.site.site.id, request.slots, request.url_path, now);
        let mut answer = self.decide_and_reserve(request, now, exploration).await;
        let visitor = request.visitor;
        let sign = |decision: &Decision| {
            let place = SlotContext { site: request.site.site.id, visitor, slot: &decision.slot };
            let items =
                decision.items.iter().filter_map(|ranked| Some(request.site.items.at(ranked.number)?.id.trim()));
            let nonce = u32::try_from(seed >> 32).unwrap_or_default();
            Some(self.signer.sign(place, decision.exposure.as_ref()?, items, now, nonce))
        };
        answer.exposures = answer.decisions.iter().map(sign).collect();
        answer
    }

    /// Shares of a site's recommended slots in which one position goes to a rarely shown item, and which another model
    /// ranks, 0 to 0.5 each.
    #[must_use]
    pub fn shares(&self, site: &Site) -> (f64, f64) {
        let chosen = site.exploration;
        (
            ExplorationSettings::share(chosen.explore_items_bp, self.limits.explore_items),
            ExplorationSettings::share(chosen.explore_models_bp, self.limits.explore_models),
        )
    }

    /// The random seed of a request: constant for a visitor on a page for a period, so that a repeated request gets the
    /// same result. Anonymous visitors cannot be distinguished and get a new seed per request.
    fn seed(&self, request: &PersonalizationRequest<'_>, now: Timestamp) -> u64 {
        if !request.visitor.is_identified() {
            return rand::random();
        }
        let period = now.0.div_euclid(SEED_PERIOD_MS);
        self.signer.seed(request.site.site.id, request.visitor, request.url_path, request.item, period)
    }

    /// The best items by one model, without offers, by the rules of the first requested slot: one decision, or none
    /// without items.
    pub async fn recommend<'a>(&self, request: &PersonalizationRequest<'a>, recommend: Recommend) -> Answer<'a> {
        let slot = request.slots.first().map_or("", String::as_str);
        let pick = |profile: &Profile, index: &Index, context: &Context<'_>| -> Vec<Decision> {
            decide::recommend(profile, request.site, index, context, recommend, slot).into_iter().collect()
        };
        let (start, now) = (Instant::now(), clock::now());
        let (profile, freshness) = self.known(request).await;
        let profile_time = start.elapsed();
        let context = self.context(request, now, &profile, None, OfferState::UNRECOGNIZED);
        let decisions = pick(&profile, &self.learn.index(request.site.site.id), &context);
        self.finish(decisions, freshness, profile_time, start)
    }

    /// The profile that decisions of a request use.
    async fn known(&self, request: &PersonalizationRequest<'_>) -> (Arc<Profile>, Freshness) {
        let site = request.site.site.id;
        if request.is_new {
            self.profiles.start_profile(site, request.visitor);
        }
        self.profiles.known(site, request.visitor, request.user, self.budget).await
    }

    fn context<'a>(
        &'a self,
        request: &PersonalizationRequest<'a>,
        now: Timestamp,
        profile: &Profile,
        exploration: Option<Exploration<'a>>,
        offers: OfferState<'a>,
    ) -> Context<'a> {
        Context {
            now,
            item: request.item,
            cart: request.cart,
            url_path: request.url_path,
            contact_channel: request.channel.as_str(),
            language: request.language,
            value: (self.values)(request.site.site.id, profile),
            explain: request.explain,
            exploration,
            session_cache: Some(&self.session_cache),
            offers,
            settings: self.settings,
        }
    }

    /// The answer, counted.
    fn finish(
        &self,
        decisions: Vec<Decision>,
        freshness: Freshness,
        profile: Duration,
        start: Instant,
    ) -> Answer<'static> {
        let total = start.elapsed();
        let degraded = freshness == Freshness::Degraded;
        self.metrics.decisions.inc();
        if degraded {
            self.metrics.decisions_degraded.inc();
        }
        self.metrics.decision_seconds.observe(total.as_secs_f64());
        let (variants, exposures) = (Vec::new(), Vec::new());
        Answer { decisions, variants, exposures, degraded, profile, decide: total.saturating_sub(profile) }
    }
}
