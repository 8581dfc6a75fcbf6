//! Rehearsal of an offer: the recorded impressions of its slot are replayed through the decision, with the offer added.
//!
//! Each browser's stored events are folded into a profile, as live profiles are; at each impression of the slot the
//! decision is made with what was known then. Impressions that the offer would have had count towards its caps and budget.

use std::collections::{BTreeMap, HashSet};

use super::{Report, ReportError, Reports};
use crate::{
    catalog::snapshot::{CompiledOffer, SiteSnapshot},
    decide::{self, Context, OfferState, Rehearsed, Settings, Skip},
    model::{ContactChannel, PersonValue, Profile, SiteId, Timestamp, VisitorId, WantedEvents},
    profiles::{reducer, rules::Params},
    store::{
        StoredEvent,
        people::{Histories, PeopleOf, Plan},
    },
    wire::offers::Rehearsal,
};

const SLOT: &str = "slot";

/// An offer to rehearse, with what its evaluation needs beside the stored events.
pub struct RehearsalQuestion<'a> {
    /// The site, with the offer live.
    pub site: &'a SiteSnapshot,
    /// The slot.
    pub slot: &'a str,
    /// The offer's id.
    pub offer: &'a str,
    /// Coupons that it can give; `None` if it gives none.
    pub coupons: Option<u64>,
    /// Impressions from here on are replayed.
    pub since: Timestamp,
    /// Limits and constants of decisions.
    pub settings: Settings,
    /// Finds the value of a person.
    pub values: &'a (dyn Fn(SiteId, &Profile) -> Option<PersonValue> + Send + Sync),
}

impl Reports {
    /// Who would have seen an offer, how often, and instead of what.
    ///
    /// # Errors
    /// If the queue is full, or the warehouse fails.
    pub async fn rehearse(&self, question: &RehearsalQuestion<'_>) -> Result<Rehearsal, ReportError> {
        let mut wanted = question.site.wanted.wanted.clone();
        wanted.add_value(CompiledOffer::VIEWED, CompiledOffer::VIEWED_OFFER);
        wanted.add_value(CompiledOffer::VIEWED, SLOT);
        let session_ms = question.site.site.visitors.session_ms(self.shared.session_minutes);
        let params = Params { half_life_ms: question.settings.half_life_ms, session_ms };
        let plan = Plan::everyone(wanted.clone());
        let of = PeopleOf { site: question.site.site.id, session_ms, joined: true };
        let mut replay = Replay::new(question, wanted, params);
        let run = self.start(Report::Rehearsal);
        let store = run.store().await?;
        let read = store.for_each_person_event(of, &plan, Histories::Unclear, |row| {
            replay.add(&row);
            true
        });
        run.finish(read).await?;
        Ok(replay.finish())
    }
}

/// The replay of all people, one browser at a time.
struct Replay<'a> {
    question: &'a RehearsalQuestion<'a>,
    wanted: WantedEvents,
    params: Params,
    profile: Profile,
    /// Impressions that the offer would have had in this browser, beyond those that it had.
    simulated: Vec<(Box<str>, Timestamp)>,
    person: VisitorId,
    /// Whether the person would have seen it, and else why not the last time.
    seen: bool,
    last_skip: Option<Skip>,
    coupons_of: HashSet<VisitorId>,
    answer: Rehearsal,
}

impl<'a> Replay<'a> {
    fn new(question: &'a RehearsalQuestion<'a>, wanted: WantedEvents, params: Params) -> Self {
        let answer = Rehearsal { people: 0, impressions: 0, displaces: BTreeMap::new(), never: BTreeMap::new() };
        let (profile, person) = (Profile::empty(question.site.site.id, VisitorId(0)), VisitorId(0));
        let (simulated, coupons_of) = (Vec::new(), HashSet::new());
        Self { question, wanted, params, profile, simulated, person, seen: false, last_skip: None, coupons_of, answer }
    }

    fn add(&mut self, row: &StoredEvent) {
        let Some(mut event) = row.profile_event() else { return };
        if row.person() != self.person {
            self.end_person();
            self.person = row.person();
        }
        if row.visitor() != self.profile.visitor {
            self.profile = Profile::empty(self.question.site.site.id, row.visitor());
            self.simulated.clear();
        }
        event.past = row.past_events(&self.wanted);
        if event.occurred_at >= self.question.since {
            let past = event.past.iter().find(|past| &*past.name == CompiledOffer::VIEWED);
            let text = |name| past.and_then(|past| past.value(name)).and_then(serde_json::Value::as_str);
            if text(SLOT) == Some(self.question.slot) {
                let recorded = text(CompiledOffer::VIEWED_OFFER).map(str::to_owned);
                self.impression(event.occurred_at, &event.path, recorded.as_deref());
            }
        }
        // Stored events are folded in order of time; a profile accepts ascending positions only.
        event.position = self.profile.folded.map_or(crate::model::Position(0), |folded| folded.plus(1));
        reducer::fold(&mut self.profile, &event, &self.params);
    }

    fn impression(&mut self, at: Timestamp, path: &str, recorded: Option<&str>) {
        let question = self.question;
        let unit = if self.profile.user_verified {
            ["user:", &self.profile.user_id].concat()
        } else {
            ["visitor:", &self.profile.visitor.to_string()].concat()
        };
        let state = OfferState {
            unit: Some(&unit),
            reserved: &self.simulated,
            refused: &[],
            may_get_coupons: true,
            history_is_complete: true,
        };
        let value = (question.values)(question.site.site.id, &self.profile);
        let page = Context::without_page(at, value, question.settings);
        let channel = ContactChannel::Web.as_str();
        let context = Context { url_path: path, contact_channel: channel, offers: state, ..page };
        let rehearsed = decide::rehearse(&self.profile, question.site, &context, question.slot, question.offer);
        match self.left().map_or(rehearsed, Rehearsed::Skipped) {
            Rehearsed::Shown => {
                self.seen = true;
                self.answer.impressions += 1;
                self.coupons_of.extend(question.coupons.map(|_| self.person));
                if recorded != Some(question.offer) {
                    self.simulated.push((question.offer.into(), at));
                    if let Some(other) = recorded.filter(|other| !other.is_empty()) {
                        *self.answer.displaces.entry(other.to_owned()).or_default() += 1;
                    }
                }
            }
            Rehearsed::HeldOut => self.last_skip = None,
            Rehearsed::Skipped(skip) => self.last_skip = Some(skip),
        }
    }

    /// Why nothing is left for this person; `None` if something is.
    fn left(&self) -> Option<Skip> {
        let offer = self.question.site.offer(self.question.slot, self.question.offer)?;
        if offer.budget.is_some_and(|total| self.answer.impressions >= total) {
            return Some(Skip::Budget);
        }
        let is_new = !self.coupons_of.contains(&self.person);
        let given = self.coupons_of.len() as u64;
        self.question.coupons.is_some_and(|total| is_new && given >= total).then_some(Skip::NoCoupon)
    }

    fn end_person(&mut self) {
        if self.seen {
            self.answer.people += 1;
        } else if let Some(skip) = self.last_skip {
            *self.answer.never.entry(skip.as_str().to_owned()).or_default() += 1;
        }
        (self.seen, self.last_skip) = (false, None);
    }

    fn finish(mut self) -> Rehearsal {
        self.end_person();
        self.answer
    }
}
