//! Request flow of a batch of events.
//!
//! Each event is validated and enriched by `ingest`, deduplicated by `dedup`, made durable by `journal` and applied to
//! live profiles; then the request is answered. Nothing is acknowledged before its fsync, and every event has exactly one
//! counted outcome. What cannot be made durable is not counted: the sender gets an error and retries.

mod exposures;

use std::{net::IpAddr, sync::Arc};

pub use exposures::{ExposureBatch, Exposures, ShownVariant};

use crate::{
    clock, config,
    dedup::{Claim, Dedup, FirstCopy, Reservation},
    erasures::Erasures,
    geo::Geo,
    ingest::{
        self, CardinalityLimits, ClientHints, Consent, DropReason, Identity, ParseCache, Progress, RequestContext,
        Sender, Session, TokenSigner, Verdict, ViewRate, cardinality::Column, exposure::ExposureIssue,
        user_agent::Robot,
    },
    journal::{self, AppendError, Journal},
    learn::Learn,
    model::{Event, Kind, KnownBy, Position, ProfileEvent, Site, SiteId, Timestamp, VisitorId},
    offers::Offers,
    profiles::{Profiles, reducer},
    salts::Salts,
    store::rows,
    tasks::catch_panic,
    telemetry::{Metrics, Outcome},
    wire::collect::Batch,
};

/// Collects events for all sites. Cheap to clone.
#[derive(Clone)]
pub struct Collector(Arc<CollectorState>);

struct CollectorState {
    limits: config::Ingest,
    journal: Arc<Journal>,
    dedup: Dedup,
    profiles: Arc<Profiles>,
    learn: Arc<Learn>,
    offers: Offers,
    geo: Arc<Geo>,
    salts: Arc<Salts>,
    erasures: Arc<Erasures>,
    parse_cache: ParseCache,
    view_rate: ViewRate,
    cardinality: CardinalityLimits,
    token_signer: TokenSigner,
    metrics: Arc<Metrics>,
}

/// What a [`Collector`] works with.
pub struct Dependencies {
    /// Configured limits.
    pub limits: config::Ingest,
    /// Makes events durable.
    pub journal: Arc<Journal>,
    /// Message ids seen before.
    pub dedup: Dedup,
    /// Live profiles.
    pub profiles: Arc<Profiles>,
    /// Learns from events.
    pub learn: Arc<Learn>,
    /// Confirms impressions of limited offers.
    pub offers: Offers,
    /// Location database.
    pub geo: Arc<Geo>,
    /// Salts of cookieless sites.
    pub salts: Arc<Salts>,
    /// People who were erased.
    pub erasures: Arc<Erasures>,
    /// Verifies tokens of shown decisions.
    pub token_signer: TokenSigner,
    /// Counts outcomes.
    pub metrics: Arc<Metrics>,
}

/// The events of one request and what is known about their sender.
pub struct IncomingBatch<'r, 'a> {
    /// The site.
    pub site: &'r Site,
    /// The events.
    pub batch: &'r Batch<'a>,
    /// Who sent the request.
    pub sender: Sender,
    /// User agent of the connection or the imported line.
    pub user_agent: &'r str,
    /// Client hints of the connection.
    pub hints: ClientHints<'r>,
    /// IP address of the visitor, if known.
    pub address: Option<IpAddr>,
    /// The request's visitor.
    pub identity: Identity,
    /// Whether the request came with a `server` key.
    pub server_key: bool,
    /// Whether the owner imports the events from a file.
    pub from_file: bool,
    /// What the visitor agreed to.
    pub consent: Consent,
    /// Whether the browser signals a refusal.
    pub refusal_signal: bool,
}

/// The result of a request.
#[derive(Debug)]
pub struct Collected {
    /// The counts.
    pub outcome: Outcome,
    /// Current session of the request's visitor.
    pub session: Option<Session>,
}

/// Why events cannot be acknowledged now. The sender retries.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The journal refused them.
    #[error("events cannot be made durable now: {0}")]
    Journal(#[from] AppendError),
    /// The first copy of a message could not be made durable, so this one is not a duplicate.
    #[error("a copy of these events is being written; try again")]
    FirstCopyLost,
}

/// A batch between ingest and journal.
struct ProcessedBatch {
    outcome: Outcome,
    records: journal::Batch,
    kept: Vec<KeptEvent>,
    first_copies: Vec<FirstCopy>,
    session: Option<Session>,
}

/// An event that is being made durable.
struct KeptEvent {
    reservation: Reservation,
    visitor: VisitorId,
    profile_event: Option<ProfileEvent>,
}

impl Collector {
    /// Creates the collector.
    #[must_use]
    pub fn new(dependencies: Dependencies) -> Self {
        let Dependencies {
            limits,
            journal,
            dedup,
            profiles,
            learn,
            offers,
            geo,
            salts,
            erasures,
            token_signer,
            metrics,
        } = dependencies;
        Self(Arc::new(CollectorState {
            parse_cache: ParseCache::default(),
            view_rate: ViewRate::new(limits.pageviews_per_10s_max),
            cardinality: CardinalityLimits::new(&limits),
            limits,
            journal,
            dedup,
            profiles,
            learn,
            offers,
            geo,
            salts,
            erasures,
            token_signer,
            metrics,
        }))
    }

    /// Collects the events of one request; returns when the kept ones are on disk.
    ///
    /// # Errors
    /// If they cannot be made durable now: the sender then sends all of them again. Events that became durable anyway are
    /// counted as received and kept, and as duplicates when sent again; nothing else of the request is counted, so that
    /// every counted event has one outcome.
    pub async fn collect(&self, incoming: IncomingBatch<'_, '_>) -> Result<Collected, CollectError> {
        let ProcessedBatch { mut outcome, mut records, kept, first_copies, session } = self.0.process(&incoming);
        if !kept.is_empty() {
            outcome.kept = kept.len() as u64;
            // Runs when the batch is durable, whether or not this future still exists: neither a disconnected client nor a
            // late fsync may skip it.
            let state = Arc::clone(&self.0);
            let site = incoming.site.id;
            records.when_durable(move |range| state.on_durable(site, range.start, kept));
            self.0.journal.append(records).await?;
        }
        for copy in first_copies {
            if !copy.is_kept().await {
                return Err(CollectError::FirstCopyLost);
            }
            outcome.count_dropped(DropReason::Duplicate.as_str());
        }
        let counted = Outcome { received: outcome.received - outcome.kept, kept: 0, ..outcome.clone() };
        self.0.metrics.count(incoming.site.id, &counted);
        Ok(Collected { outcome, session })
    }

    /// Returns today's visitor id of an address and a user agent, for cookieless sites.
    #[must_use]
    pub fn daily_visitor(&self, site: &Site, address: IpAddr, user_agent: &str) -> VisitorId {
        self.0.daily_visitor(site, address, user_agent, clock::now())
    }

    /// Starts an empty profile for a visitor with a new id, so that the warehouse is not queried for one.
    pub fn start_profile(&self, site: SiteId, visitor: VisitorId) {
        self.0.profiles.start_profile(site, visitor);
    }

    /// Counts events whose outcome was known before ingest, such as log lines that are no page views.
    pub fn count(&self, site: SiteId, outcome: &Outcome) {
        self.0.metrics.count(site, outcome);
    }

    /// Counts a body that was refused before its events were read.
    pub fn count_refused_body(&self, reason: &'static str) {
        self.0.metrics.refuse_body(reason);
    }
}

impl CollectorState {
    fn daily_visitor(&self, site: &Site, address: IpAddr, user_agent: &str, now: Timestamp) -> VisitorId {
        let pause_ms = site.visitors.session_ms(self.limits.session_minutes);
        self.salts.visitor(site.id, pause_ms, address, user_agent, now)
    }

    /// The synchronous part: a verdict for each event, and a journal record for each new one.
    fn process(&self, incoming: &IncomingBatch<'_, '_>) -> ProcessedBatch {
        let (now, claimed_at) = (clock::now(), clock::steady());
        let locate = |address| self.geo.locate(address);
        let session_of = |visitor| {
            let (start, last) = self.profiles.session_of(incoming.site.id, visitor)?;
            Some(Session { start, last })
        };
        let daily = |address: IpAddr, user_agent: &str| self.daily_visitor(incoming.site, address, user_agent, now);
        let cookieless = incoming.site.visitors.known_by == KnownBy::DailyHash;
        let cardinality = self.cardinality.for_site(incoming.site.id);
        let request = RequestContext {
            site: incoming.site,
            sender: incoming.sender,
            user_agent: incoming.user_agent,
            hints: incoming.hints,
            address: incoming.address,
            identity: incoming.identity,
            server_key: incoming.server_key,
            from_file: incoming.from_file,
            consent: incoming.consent,
            refusal_signal: incoming.refusal_signal,
            daily: cookieless.then_some(&daily),
            now,
            entropy: rand::random(),
            limits: &self.limits,
            parse_cache: &self.parse_cache,
            view_rate: &self.view_rate,
            cardinality: &cardinality,
            token_signer: &self.token_signer,
            session_of: &session_of,
            locate: &locate,
        };
        let wanted = self.profiles.wanted(incoming.site.id);
        let mut progress = Progress::default();
        let mut processed = ProcessedBatch {
            outcome: Outcome { received: incoming.batch.events.len() as u64, ..Outcome::default() },
            records: journal::Batch::default(),
            kept: Vec::with_capacity(incoming.batch.events.len()),
            first_copies: Vec::new(),
            session: None,
        };
        for (index, raw) in incoming.batch.events.iter().enumerate() {
            if index >= self.limits.batch_events_max {
                processed.outcome.count_rejected("too_many_events");
                continue;
            }
            match ingest::run(&request, incoming.batch, &mut progress, raw) {
                Verdict::Drop(reason) => {
                    if let DropReason::Robot(robot) = reason {
                        processed.outcome.notice(robot.counted_as());
                    }
                    processed.outcome.count_dropped(reason.as_str());
                }
                Verdict::Reject(reason) => processed.outcome.count_rejected(reason.as_str()),
                Verdict::Keep(event)
                    if self.erasures.covers(incoming.site, event.visitor, &event.user_id, event.occurred_at) =>
                {
                    processed.outcome.count_dropped(DropReason::Erased.as_str());
                }
                Verdict::Keep(event) => match self.dedup.claim(event.message.0, claimed_at) {
                    Claim::Duplicate => {
                        processed.outcome.count_dropped(DropReason::Duplicate.as_str());
                    }
                    Claim::InFlight(first_copy) => processed.first_copies.push(first_copy),
                    Claim::New(reservation) => {
                        self.count_details(&event, incoming.sender, &mut processed.outcome);
                        processed.records.push(event.message.0, |out| rows::encode(&event, out));
                        // Robots and anonymous visitors have no profile.
                        let has_profile = event.visitor.is_identified() && event.robot.is_empty();
                        let profile_event = has_profile
                            .then(|| reducer::profile_event(&event, self.journal.id(), Position::default(), &wanted));
                        processed.kept.push(KeptEvent { reservation, visitor: event.visitor, profile_event });
                    }
                },
            }
        }
        processed.session = progress.sessions.current(incoming.identity.visitor);
        processed
    }

    /// Counts kept robots, bucketed values, invalid exposures and schema violations of a new event, and records its page
    /// view.
    fn count_details(&self, event: &Event<'_>, sender: Sender, outcome: &mut Outcome) {
        if let Some(robot) = Robot::from_name(event.robot) {
            outcome.notice(robot.counted_as());
        }
        for (name, _) in &event.traffic.campaign_params {
            if let Some(column) = Column::from_name(name) {
                outcome.notice(column.counted_as());
            }
        }
        // An event with several schema violations is counted once.
        let mut violates_schema = false;
        for violation in &event.violations {
            match ExposureIssue::from_violation(violation) {
                Some(issue) => outcome.notice(issue.counted_as()),
                None => violates_schema = true,
            }
        }
        if violates_schema {
            outcome.notice("rules_broken");
        }
        let is_view = matches!(event.kind, Kind::Page | Kind::Screen) && sender != Sender::Server;
        if is_view && event.visitor.is_identified() {
            self.view_rate.record(event.site, event.visitor, event.occurred_at);
        }
    }

    /// Applies an event to the live profile and passes it to the learner. Runs on the journal's thread, which all events
    /// need: a panic loses only this update, and the profile is loaded from the store again.
    fn apply(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        let applied = catch_panic("applying an event to its profile", &self.metrics.failures.hook_panics, || {
            self.profiles.apply(site, visitor, event);
            self.learn.push(site, visitor, event);
            confirm_offer(&self.offers, &self.profiles, (site, visitor), event);
        });
        if applied.is_none() {
            catch_panic("dropping a profile", &self.metrics.failures.hook_panics, || {
                self.profiles.forget(site, visitor);
            });
        }
    }

    /// Runs on the journal's thread when events are durable: keeps their message ids and updates profiles, so that the next
    /// decision sees the events.
    fn on_durable(&self, site: SiteId, first: Position, kept: Vec<KeptEvent>) {
        let durable = kept.len() as u64;
        self.metrics.count(site, &Outcome { received: durable, kept: durable, ..Outcome::default() });
        for (offset, kept_event) in (0..).zip(kept) {
            let position = first.plus(offset);
            kept_event.reservation.keep(position);
            if let Some(event) = kept_event.profile_event {
                let event = event.at_position(position);
                self.apply(site, kept_event.visitor, &event);
            }
        }
    }
}

/// Confirms the offer of an impression, once the profile knows of it.
pub fn confirm_offer(offers: &Offers, profiles: &Profiles, of: (SiteId, VisitorId), event: &ProfileEvent) {
    if event.offer.is_empty() {
        return;
    }
    let (site, visitor) = of;
    let user = if event.user_verified { Some(event.user_id.clone()) } else { profiles.verified_user(site, visitor) };
    offers.confirm(site, visitor, user.as_deref().unwrap_or_default(), &event.offer, event.occurred_at);
}
