//! STORY: what happens to a batch of events.
//!
//! Judged by `ingest`, looked up in `dedup`, made durable by `journal`, folded into live profiles,
//! answered. Nothing is acknowledged before its fsync; an event ends in exactly one counted outcome.
//! What cannot be made durable is not counted at all: nothing was promised, the sender tries again.

use std::{net::IpAddr, sync::Arc};

use crate::{
    clock, config,
    dedup::{Claim, Dedup, FirstCopy, Reservation},
    geo::Geo,
    ingest::{
        self, Caps, Consent, DropReason, Hints, Identity, Progress, Sender, Session, Setting, TokenSigner, Verdict,
        ViewRate, cardinality::Column, enrich::ReadingCache, exposure::ExposureIssue, robots::Robot,
    },
    journal::{self, AppendError, Journal},
    learn::Learn,
    model::{Event, Kind, KnownBy, Position, ProfileEvent, Site, SiteId, Timestamp, VisitorId},
    profiles::{Profiles, reducer},
    salts::Salts,
    store::rows,
    tasks::contained,
    telemetry::{Metrics, Outcome},
    wire::collect::Batch,
};

/// Takes events for all sites.
#[derive(Clone)]
pub struct Collector(Arc<CollectorState>);

struct CollectorState {
    limits: config::Ingest,
    journal: Arc<Journal>,
    dedup: Dedup,
    profiles: Arc<Profiles>,
    learn: Arc<Learn>,
    geo: Arc<Geo>,
    salts: Arc<Salts>,
    readings: ReadingCache,
    pace: ViewRate,
    caps: Caps,
    seal: TokenSigner,
    metrics: Arc<Metrics>,
}

/// One request's events and what is known of their sender.
pub struct Arrival<'r, 'a> {
    /// The site.
    pub site: &'r Site,
    /// The events.
    pub batch: &'r Batch<'a>,
    /// Who is at the other end.
    pub sender: Sender,
    /// User agent of the connection or the imported line.
    pub user_agent: &'r str,
    /// Client hints of the connection.
    pub hints: Hints<'r>,
    /// Address of the visitor, if it is known.
    pub address: Option<IpAddr>,
    /// Who the visitor is.
    pub identity: Identity,
    /// Whether the request came with a `server` key.
    pub server_key: bool,
    /// Whether the events come from a file of the owner's.
    pub from_file: bool,
    /// What the visitor agreed to.
    pub consent: Consent,
    /// Whether the browser signals a refusal.
    pub refusal_signal: bool,
}

/// What became of a request.
#[derive(Debug)]
pub struct Collected {
    /// The counts.
    pub outcome: Outcome,
    /// Where the request's visitor now stands.
    pub session: Option<Session>,
}

/// Why nothing can be promised now. The sender keeps its events and tries again.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The journal does not take them.
    #[error("events cannot be made durable now: {0}")]
    Journal(#[from] AppendError),
    /// The first copy of a message could not be made durable, so this one cannot be called a duplicate.
    #[error("a copy of these events is being written; try again")]
    FirstCopyLost,
}

/// A batch between judgement and durability.
struct Judged {
    outcome: Outcome,
    records: journal::Batch,
    kept: Vec<Kept>,
    copies: Vec<FirstCopy>,
    session: Option<Session>,
}

/// One event on its way to the disk.
struct Kept {
    reservation: Reservation,
    visitor: VisitorId,
    folded: Option<ProfileEvent>,
}

impl Collector {
    /// Puts the state of the path together.
    #[must_use]
    pub fn new(
        limits: config::Ingest,
        journal: Arc<Journal>,
        dedup: Dedup,
        (profiles, learn): (Arc<Profiles>, Arc<Learn>),
        geo: Arc<Geo>,
        (salts, seal): (Arc<Salts>, TokenSigner),
        metrics: Arc<Metrics>,
    ) -> Self {
        let pace = ViewRate::new(limits.pageviews_per_10s_max);
        let caps = Caps::new(&limits);
        let readings = ReadingCache::default();
        Self(Arc::new(CollectorState {
            limits,
            journal,
            dedup,
            profiles,
            learn,
            geo,
            salts,
            readings,
            pace,
            caps,
            seal,
            metrics,
        }))
    }

    /// Takes one request's events; returns when what is kept is on disk.
    ///
    /// # Errors
    /// When that cannot be promised now: the sender sends all of it again. What is durable by then, if anything, is
    /// counted as received and kept, and the events sent again as duplicates; nothing else of the request is counted,
    /// so that every counted event has one outcome.
    pub async fn take(&self, arrival: Arrival<'_, '_>) -> Result<Collected, CollectError> {
        let Judged { mut outcome, mut records, kept, copies, session } = self.0.judge(&arrival);
        if !kept.is_empty() {
            outcome.kept = kept.len() as u64;
            // Remembering and counting belong to durability, not to this wait: a client that hangs up,
            // or an fsync that comes too late for the answer, must not lose them.
            let state = Arc::clone(&self.0);
            let site = arrival.site.id;
            records.when_durable(move |range| state.remember(site, range.start, kept));
            self.0.journal.append(records).await?;
        }
        for copy in copies {
            if !copy.kept().await {
                return Err(CollectError::FirstCopyLost);
            }
            outcome.count_dropped(DropReason::Duplicate.as_str());
        }
        let counted = Outcome { received: outcome.received - outcome.kept, kept: 0, ..outcome.clone() };
        self.0.metrics.count(arrival.site.id, &counted);
        Ok(Collected { outcome, session })
    }

    /// The visitor that an address and a user agent stand for today, for sites that take no ids.
    #[must_use]
    pub fn daily_visitor(&self, site: &Site, address: IpAddr, user_agent: &str) -> VisitorId {
        self.0.daily_visitor(site, address, user_agent, clock::now())
    }

    /// Takes notice of a visitor whose id was just made: their profile begins with the first event, without
    /// a look into the warehouse.
    pub fn welcome(&self, site: SiteId, visitor: VisitorId) {
        self.0.profiles.expect(site, visitor);
    }

    /// Counts events whose fate was decided before they could be judged, such as lines of a log that
    /// are no page views.
    pub fn count(&self, site: SiteId, outcome: &Outcome) {
        self.0.metrics.count(site, outcome);
    }

    /// Counts a body that was refused before its events were.
    pub fn refuse(&self, reason: &'static str) {
        self.0.metrics.refuse_body(reason);
    }
}

impl CollectorState {
    fn daily_visitor(&self, site: &Site, address: IpAddr, user_agent: &str, now: Timestamp) -> VisitorId {
        let pause_ms = site.visitors.session_ms(self.limits.session_minutes);
        self.salts.visitor(site.id, pause_ms, address, user_agent, now)
    }

    /// Steps that need no waiting: a verdict for each event, and a place in the journal for each new one.
    fn judge(&self, arrival: &Arrival<'_, '_>) -> Judged {
        let (now, claimed_at) = (clock::now(), clock::steady());
        let place = |address| self.geo.place(address);
        let session_of = |visitor| {
            let (start, last) = self.profiles.session_of(arrival.site.id, visitor)?;
            Some(Session { start, last })
        };
        let daily = |address: IpAddr, user_agent: &str| self.daily_visitor(arrival.site, address, user_agent, now);
        let takes_no_ids = arrival.site.visitors.known_by == KnownBy::DailyHash;
        let caps = self.caps.of(arrival.site.id);
        let setting = Setting {
            site: arrival.site,
            sender: arrival.sender,
            user_agent: arrival.user_agent,
            hints: arrival.hints,
            address: arrival.address,
            identity: arrival.identity,
            server_key: arrival.server_key,
            from_file: arrival.from_file,
            consent: arrival.consent,
            refusal_signal: arrival.refusal_signal,
            daily: takes_no_ids.then_some(&daily),
            now,
            entropy: rand::random(),
            limits: &self.limits,
            readings: &self.readings,
            pace: &self.pace,
            caps: &caps,
            seal: &self.seal,
            session_of: &session_of,
            place: &place,
        };
        let mut progress = Progress::default();
        let mut judged = Judged {
            outcome: Outcome { received: arrival.batch.events.len() as u64, ..Outcome::default() },
            records: journal::Batch::default(),
            kept: Vec::with_capacity(arrival.batch.events.len()),
            copies: Vec::new(),
            session: None,
        };
        for (index, raw) in arrival.batch.events.iter().enumerate() {
            if index >= self.limits.batch_events_max {
                judged.outcome.count_rejected("too_many_events");
                continue;
            }
            match ingest::run(&setting, arrival.batch, &mut progress, raw) {
                Verdict::Drop(reason) => {
                    if let DropReason::Robot(robot) = reason {
                        judged.outcome.notice(robot.counted_as());
                    }
                    judged.outcome.count_dropped(reason.as_str());
                }
                Verdict::Reject(reason) => judged.outcome.count_rejected(reason.as_str()),
                Verdict::Keep(event) => match self.dedup.claim(event.message.0, claimed_at) {
                    Claim::Duplicate => {
                        judged.outcome.count_dropped(DropReason::Duplicate.as_str());
                    }
                    Claim::InFlight(waiter) => judged.copies.push(waiter),
                    Claim::New(reservation) => {
                        self.notice(&event, arrival.sender, &mut judged.outcome);
                        judged.records.push(event.message.0, |out| rows::encode(&event, out));
                        // Robots and visitors who are nobody have no profile.
                        let folds = event.visitor.is_somebody() && event.robot.is_empty();
                        let folded = folds.then(|| reducer::event_of(&event, self.journal.id(), Position::default()));
                        judged.kept.push(Kept { reservation, visitor: event.visitor, folded });
                    }
                },
            }
        }
        judged.session = progress.sessions.of(arrival.identity.visitor);
        judged
    }

    /// Takes note of what a new event tells besides itself.
    fn notice(&self, event: &Event<'_>, sender: Sender, outcome: &mut Outcome) {
        if let Some(robot) = Robot::from_word(event.robot) {
            outcome.notice(robot.counted_as());
        }
        for (name, _) in &event.traffic.marks {
            if let Some(column) = Column::from_name(name) {
                outcome.notice(column.counted_as());
            }
        }
        // An event that breaks several rules is one event that breaks the rules.
        let mut broken = false;
        for violation in &event.violations {
            match ExposureIssue::of_words(violation) {
                Some(flaw) => outcome.notice(flaw.counted_as()),
                None => broken = true,
            }
        }
        if broken {
            outcome.notice("rules_broken");
        }
        let is_view = matches!(event.kind, Kind::Page | Kind::Screen) && sender != Sender::Server;
        if is_view && event.visitor.is_somebody() {
            self.pace.note(event.site, event.visitor, event.occurred_at);
        }
    }

    /// Into the live profile and into what is learned. This runs on the journal's thread, which all events need: a
    /// panic costs this one update, and the profile is read from the store again.
    fn fold(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        let folded = contained("folding an event into its profile", &self.metrics.failures.hook_panics, || {
            self.profiles.apply(site, visitor, event);
            self.learn.push(site, visitor, event);
        });
        if folded.is_none() {
            contained("forgetting a profile", &self.metrics.failures.hook_panics, || {
                self.profiles.forget(site, visitor);
            });
        }
    }

    /// What follows durability: the ids are known from now on, and the very next decision sees the events.
    fn remember(&self, site: SiteId, first: Position, kept: Vec<Kept>) {
        let durable = kept.len() as u64;
        self.metrics.count(site, &Outcome { received: durable, kept: durable, ..Outcome::default() });
        for (offset, one) in (0..).zip(kept) {
            let position = first.plus(offset);
            one.reservation.keep(position);
            if let Some(event) = one.folded {
                let event = ProfileEvent { position, ..event };
                self.fold(site, one.visitor, &event);
            }
        }
    }
}
