//! STORY: what happens to a personalization request.
//!
//! Identify, consent (at the door), then the live profile under a budget, then one pure decision over
//! the current catalogue and index. It cannot fail: without profile, index or catalogue the answer is
//! poorer, never an error, and says so.

mod preview;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    catalog::{SiteSnapshot, snapshot::Recommend},
    clock, config,
    control::ControlError,
    decide::{self, Context, Exploring, Index, Remembered, Settings},
    ingest::{TokenSigner, exposure::Place},
    learn::{Learn, ModelStatus, Shows},
    model::{Decision, Profile, Recommending, Site, SiteId, Timestamp, VisitorId},
    profiles::{Freshness, Profiles},
    recommend::Model,
    telemetry::Metrics,
};

/// Answers visitors of all sites.
#[derive(Clone)]
pub struct Personalizer {
    profiles: Arc<Profiles>,
    learn: Arc<Learn>,
    shows: Arc<Shows>,
    seal: TokenSigner,
    remembered: Arc<Remembered>,
    settings: Settings,
    limits: config::Decide,
    budget: Duration,
    metrics: Arc<Metrics>,
}

/// A visitor who comes back to a page within this time finds there what was drawn before.
const DICE_STRETCH_MS: i64 = 30 * 60_000;

/// One page's question.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The site.
    pub site: &'a SiteSnapshot,
    /// The visitor; nobody without consent to personalization.
    pub visitor: VisitorId,
    /// The person by the site's own word, sent with the request; empty when it sent none.
    pub user: &'a str,
    /// Whether the visitor's id was made for this very request: there is no history to read.
    pub is_new: bool,
    /// The slots.
    pub slots: &'a [String],
    /// The item on the page; empty when none.
    pub item: &'a str,
    /// What the page says is in the cart; `None` when it does not say.
    pub cart: Option<&'a [String]>,
    /// Path of the page; empty when unknown.
    pub url_path: &'a str,
    /// Language of the page; empty when unknown.
    pub language: &'a str,
    /// Whether explanations are wanted.
    pub explain: bool,
}

/// The answer, with where its time went.
#[derive(Debug)]
pub struct Answer {
    /// By slot.
    pub decisions: Vec<Decision>,
    /// For each decision how its items were drawn, signed; `None` where there are none.
    pub exposures: Vec<Option<String>>,
    /// True when the stored profile could not be read in time.
    pub degraded: bool,
    /// Time until the profile was there.
    pub profile: Duration,
    /// Time of the decision itself.
    pub decide: Duration,
}

impl Personalizer {
    /// Puts the rooms of the path together.
    #[must_use]
    pub fn new(
        profiles: Arc<Profiles>,
        (learn, shows): (Arc<Learn>, Arc<Shows>),
        seal: TokenSigner,
        decide: &config::Decide,
        settings: &config::Profiles,
        metrics: Arc<Metrics>,
    ) -> Self {
        let budget = Duration::from_millis(settings.read_budget_ms);
        Self {
            profiles,
            learn,
            shows,
            seal,
            remembered: Arc::new(Remembered::new(
                decide.remembered_max,
                metrics.visits_asked.clone(),
                metrics.visits_remembered.clone(),
            )),
            settings: Settings::new(decide, settings),
            limits: decide.clone(),
            budget,
            metrics,
        }
    }

    /// What decisions may use about a visitor right now.
    pub async fn profile(&self, site: SiteId, visitor: VisitorId) -> Arc<Profile> {
        self.profiles.known(site, visitor, "", self.budget).await.0
    }

    /// A profile's interest in categories as it is now, strongest first.
    #[must_use]
    pub fn affinities(&self, profile: &Profile, site: &SiteSnapshot) -> Vec<(String, f64)> {
        decide::interest(profile, site, clock::now(), &self.settings)
    }

    /// What a site's recommendations were tuned to, and what an owner chose instead.
    #[must_use]
    pub fn standing(&self, site: SiteId) -> ModelStatus {
        self.learn.standing(site)
    }

    /// Lets a model serve a site whatever the trial says, or with `None` the winner again.
    ///
    /// # Errors
    /// When it cannot be kept; nothing has changed then.
    pub async fn choose(&self, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        self.learn.choose(site, model, who).await
    }

    /// Decides every slot of a page.
    pub async fn answer(&self, ask: &Ask<'_>) -> Answer {
        let now = clock::now();
        let dice = self.dice(ask, now);
        let shown = self.shows.of(ask.site.site.id);
        let (items, models) = self.shares(&ask.site.site);
        let exploring = Exploring { dice, items, models, shown: &shown, known_from: self.limits.item_known_views };
        let run = |profile: &Profile, index: &Index, context: &Context<'_>| {
            decide::run(profile, ask.site, index, context, ask.slots)
        };
        let mut answer = self.respond(ask, now, Some(exploring), run).await;
        let visitor = ask.visitor;
        let sign = |decision: &Decision| {
            let place = Place { site: ask.site.site.id, visitor, slot: &decision.slot };
            let items = decision.items.iter().filter_map(|ranked| Some(ask.site.items.at(ranked.number)?.id.trim()));
            let nonce = u32::try_from(dice >> 32).unwrap_or_default();
            Some(self.seal.close(place, decision.exposure.as_ref()?, items, now, nonce))
        };
        answer.exposures = answer.decisions.iter().map(sign).collect();
        answer
    }

    /// Shares of a site's recommended slots in which a place goes to an item that is hardly known, and which
    /// another model ranks, 0 to 0.5 each.
    #[must_use]
    pub fn shares(&self, site: &Site) -> (f64, f64) {
        let chosen = site.recommending;
        (
            Recommending::share(chosen.explore_items_bp, self.limits.explore_items),
            Recommending::share(chosen.explore_models_bp, self.limits.explore_models),
        )
    }

    /// The same for a visitor on a page for a while, so that a request that is sent again gets the same
    /// answer; those who are nobody cannot be told from each other, and each request throws anew.
    fn dice(&self, ask: &Ask<'_>, now: Timestamp) -> u64 {
        if !ask.visitor.is_somebody() {
            return rand::random();
        }
        let stretch = now.0.div_euclid(DICE_STRETCH_MS);
        self.seal.dice(ask.site.site.id, ask.visitor, ask.url_path, ask.item, stretch)
    }

    /// The best items by one model, without offers, by the rules of the first slot asked for: one decision, or
    /// none without items.
    pub async fn recommend(&self, ask: &Ask<'_>, recommend: Recommend) -> Answer {
        let slot = ask.slots.first().map_or("", String::as_str);
        let pick = |profile: &Profile, index: &Index, context: &Context<'_>| {
            decide::recommend(profile, ask.site, index, context, recommend, slot).into_iter().collect()
        };
        self.respond(ask, clock::now(), None, pick).await
    }

    async fn respond(
        &self,
        ask: &Ask<'_>,
        now: Timestamp,
        exploring: Option<Exploring<'_>>,
        decide: impl FnOnce(&Profile, &Index, &Context<'_>) -> Vec<Decision>,
    ) -> Answer {
        let begun = Instant::now();
        let site = ask.site.site.id;
        if ask.is_new {
            self.profiles.expect(site, ask.visitor);
        }
        let (profile, freshness) = self.profiles.known(site, ask.visitor, ask.user, self.budget).await;
        let profiled = begun.elapsed();
        let index = self.learn.index(site);
        let context = Context {
            now,
            item: ask.item,
            cart: ask.cart,
            url_path: ask.url_path,
            language: ask.language,
            explain: ask.explain,
            exploring,
            remembered: Some(&self.remembered),
            settings: self.settings,
        };
        let decisions = decide(&profile, &index, &context);
        let total = begun.elapsed();
        let degraded = freshness == Freshness::Degraded;
        self.metrics.decisions.inc();
        if degraded {
            self.metrics.decisions_degraded.inc();
        }
        self.metrics.decision_seconds.observe(total.as_secs_f64());
        Answer { decisions, exposures: Vec::new(), degraded, profile: profiled, decide: total.saturating_sub(profiled) }
    }
}
