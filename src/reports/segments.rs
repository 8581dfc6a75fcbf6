//! People for whom a rule holds, counted over the stored past as of now.
//!
//! The engine counts those of whom SQL can say exactly whether the rule holds (`store::people`). The events of the others
//! are folded into a profile, as live profiles are, and the rule is evaluated over it, so that every rule has the same
//! meaning here and in decisions.

use super::{Report, ReportError, ReportRun, Reports, moment, non_empty, people::are_joined};
use crate::{
    catalog::{condition::Condition, snapshot::SiteSnapshot},
    decide::{self, Context, Settings},
    model::{PersonValue, Position, Profile, SiteId, Timestamp, VisitorId, WantedEvents},
    profiles::{join, reducer, rules::Params},
    segments::{Evaluator, Held},
    store::{
        StoredEvent,
        people::{Histories, PeopleOf, Plan},
    },
    wire::{
        reports::CountUnit,
        segments::{SegmentCount, SegmentMember, SegmentMembers},
    },
};

/// Browsers of one person that are joined; more are no person.
const BROWSERS_MAX: usize = Plan::BROWSERS_MAX;
/// People whose events are read at once for a page of members, at least.
const CANDIDATES_MIN: usize = 1000;

/// A rule with what its evaluation needs beside the stored events.
pub struct PeopleQuestion<'a> {
    /// The site.
    pub site: &'a SiteSnapshot,
    /// The rule.
    pub rule: &'a Condition,
    /// Limits and constants of decisions.
    pub settings: Settings,
    /// Finds the value of a person.
    pub values: &'a (dyn Fn(SiteId, &Profile) -> Option<PersonValue> + Send + Sync),
    /// The time as of which it is evaluated.
    pub now: Timestamp,
}

/// A person for whom the rule was evaluated.
struct Person {
    /// The visitor that stands for the person.
    id: VisitorId,
    /// All visitors of the person.
    visitors: Vec<VisitorId>,
    user_id: String,
    held: Held,
}

impl Reports {
    /// Counts the people for whom a rule holds.
    ///
    /// # Errors
    /// If the queue is full, or the warehouse fails.
    pub async fn count_people(&self, question: &PeopleQuestion<'_>) -> Result<SegmentCount, ReportError> {
        let run = self.start(Report::Segments);
        let plan = Plan::new(question.rule, &question.site.site, question.now);
        let of = self.people_of(&run, question).await?;
        let mut count = SegmentCount { people: 0, visitors: 0 };
        let mut histories = Histories::Unclear;
        if plan.selects() {
            let store = run.store().await?.without_session();
            let certain = run.finish(store.count_certain(of, &plan)).await?;
            (count.people, count.visitors) = (certain.people, certain.visitors);
            if certain.unclear == 0 {
                return Ok(count);
            }
            // Without the other events, some visitors of a person may be missing.
            if !plan.needs_profile() && certain.visitors_max <= 1 && !of.joined {
                histories = Histories::UnclearWanted;
            }
        }
        let read = PeopleRead { run: &run, question, plan: &plan, of };
        read.for_each(histories, |person| {
            if person.held.holds {
                count.people += 1;
                count.visitors += person.visitors.len() as u64;
            }
            true
        })
        .await?;
        Ok(count)
    }

    /// The people for whom a rule holds, in order of visitor id: at most `limit` after `after`.
    ///
    /// # Errors
    /// If the queue is full, or the warehouse fails.
    pub async fn people(
        &self,
        question: &PeopleQuestion<'_>,
        after: VisitorId,
        limit: usize,
    ) -> Result<SegmentMembers, ReportError> {
        let run = self.start(Report::Segments);
        let plan = Plan::new(question.rule, &question.site.site, question.now);
        let read = PeopleRead { run: &run, question, plan: &plan, of: self.people_of(&run, question).await? };
        let mut members = Vec::new();
        let mut next = None;
        let (mut last, mut reached) = (VisitorId(0), after);
        let read_max = (limit + 1).max(CANDIDATES_MIN);
        while next.is_none() {
            let mut number = 0;
            read.for_each(Histories::Next { after: reached, limit: read_max as u64 }, |person| {
                (number, reached) = (number + 1, person.id);
                if !person.held.holds {
                    return true;
                }
                if members.len() == limit {
                    next = Some(last.to_string());
                    return false;
                }
                last = person.id;
                members.push(SegmentMember {
                    visitor: person.id.to_string(),
                    user_id: non_empty(person.user_id),
                    since: person.held.since.map(|since| moment(since.0)),
                });
                true
            })
            .await?;
            if number < read_max {
                break;
            }
        }
        Ok(SegmentMembers { members, next })
    }

    /// All visitors of the people for whom a rule holds; `None` if there are more than `max`.
    pub(super) async fn members(
        &self,
        run: &ReportRun<'_>,
        question: &PeopleQuestion<'_>,
        max: usize,
    ) -> Result<Option<Vec<VisitorId>>, ReportError> {
        let plan = Plan::new(question.rule, &question.site.site, question.now);
        let of = self.people_of(run, question).await?;
        let mut members = Vec::new();
        if plan.selects() {
            let store = run.store().await?.without_session();
            members = run.finish(store.certain_visitors(of, &plan, max + 1)).await?;
            let unclear = run.finish(store.count_certain(of, &plan)).await?.unclear;
            if unclear == 0 || members.len() > max {
                return Ok((members.len() <= max).then_some(members));
            }
        }
        let read = PeopleRead { run, question, plan: &plan, of };
        read.for_each(Histories::Unclear, |person| {
            if person.held.holds {
                members.extend(person.visitors);
            }
            members.len() <= max
        })
        .await?;
        Ok((members.len() <= max).then_some(members))
    }

    async fn people_of(&self, run: &ReportRun<'_>, question: &PeopleQuestion<'_>) -> Result<PeopleOf, ReportError> {
        let site = question.site.site.id;
        let session_ms = question.site.site.visitors.session_ms(self.shared.session_minutes);
        Ok(PeopleOf { site, session_ms, joined: are_joined(run, site, CountUnit::Person).await? })
    }
}

/// A question whose people are read.
struct PeopleRead<'a> {
    run: &'a ReportRun<'a>,
    question: &'a PeopleQuestion<'a>,
    plan: &'a Plan,
    of: PeopleOf,
}

impl PeopleRead<'_> {
    /// Evaluates the rule for each person whose events are read, in order, until `with` returns false.
    async fn for_each(&self, histories: Histories, mut with: impl FnMut(Person) -> bool) -> Result<(), ReportError> {
        let Self { run, question, plan, of } = self;
        let params = Params { half_life_ms: question.settings.half_life_ms, session_ms: of.session_ms };
        let mut folding: Option<Folding> = None;
        let mut done = false;
        let store = run.store().await?.without_session();
        let each = |row: StoredEvent| {
            if folding.as_ref().is_some_and(|person| person.id != row.person())
                && let Some(person) = folding.take()
                && !with(person.finish(question, &params))
            {
                done = true;
                return false;
            }
            folding.get_or_insert_with(|| Folding::new(row.person())).add(&row, of.site, plan.wanted(), &params);
            true
        };
        run.finish(store.for_each_person_event(*of, plan, histories, each)).await?;
        if let Some(person) = folding.filter(|_| !done) {
            with(person.finish(question, &params));
        }
        Ok(())
    }
}

/// A person whose events are being read.
struct Folding {
    id: VisitorId,
    profiles: Vec<std::sync::Arc<Profile>>,
    /// The profile of the visitor whose events are being read.
    current: Option<Profile>,
    visitors: Vec<VisitorId>,
    user: (Timestamp, String),
}

impl Folding {
    fn new(id: VisitorId) -> Self {
        Self {
            id,
            profiles: Vec::new(),
            current: None,
            visitors: Vec::new(),
            user: (Timestamp(i64::MIN), String::new()),
        }
    }

    fn add(&mut self, row: &StoredEvent, site: SiteId, wanted: &WantedEvents, params: &Params) {
        let Some(mut event) = row.profile_event() else { return };
        if self.current.as_ref().is_none_or(|profile| profile.visitor != row.visitor()) {
            self.end_visitor();
            self.visitors.push(row.visitor());
            self.current = Some(Profile::empty(site, row.visitor()));
        }
        let Some(profile) = &mut self.current else { return };
        if !event.user_id.is_empty() && event.occurred_at >= self.user.0 {
            self.user = (event.occurred_at, event.user_id.to_string());
        }
        event.past = row.past_events(wanted);
        // Stored events are folded in order of time; a profile accepts ascending positions only.
        event.position = profile.folded.map_or(Position(0), |folded| folded.plus(1));
        reducer::fold(profile, &event, params);
    }

    fn end_visitor(&mut self) {
        if let Some(profile) = self.current.take()
            && self.profiles.len() < BROWSERS_MAX
        {
            self.profiles.push(std::sync::Arc::new(profile));
        }
    }

    fn finish(mut self, question: &PeopleQuestion<'_>, params: &Params) -> Person {
        self.end_visitor();
        // The browser used last is the one whose session counts.
        self.profiles.sort_by_key(|profile| std::cmp::Reverse(profile.last_seen));
        let profile = match &*self.profiles {
            [] => Profile::empty(question.site.site.id, self.id),
            [one] => Profile::clone(one),
            [own, others @ ..] => join::join(own, others, &self.user.1, params.half_life_ms),
        };
        let value = (question.values)(question.site.site.id, &profile);
        let context = Context::without_page(question.now, value, question.settings);
        let facts = decide::facts(&profile, question.site, &context);
        let held = Evaluator::new(&facts, &question.site.site, question.now).held(question.rule);
        Person { id: self.id, visitors: self.visitors, user_id: self.user.1, held }
    }
}
