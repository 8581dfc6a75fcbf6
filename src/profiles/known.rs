//! What may be used for a decision: the profile of the browser, or of the person when the site said who it is.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Freshness, Job, Profiles, READ_TIME_MAX,
    identities::{self, Person},
    join,
};
use crate::model::{Profile, SiteId, VisitorId};

/// Browsers of one person that a decision looks at, those last heard of.
const BROWSERS_MAX: usize = 16;

/// A question for the visitors of a person. It is carried out even when nobody waits any more, so that
/// the next one finds the answer.
#[derive(Debug)]
pub(super) struct PersonRead {
    person: Person,
    found: oneshot::Sender<(Vec<VisitorId>, bool)>,
}

impl Profiles {
    /// What may be used for a decision about a visitor, waiting at most `budget` for the store: the profile
    /// of the browser, joined with the person's others when the site itself said who that is, with an event
    /// of this browser or with the request (`user`, empty when it did not).
    pub async fn known(
        &self,
        site: SiteId,
        visitor: VisitorId,
        user: &str,
        budget: std::time::Duration,
    ) -> (Arc<Profile>, Freshness) {
        let deadline = Instant::now() + budget;
        let (own, freshness) = self.get(site, visitor, budget).await;
        let user: Box<str> = if user.is_empty() && own.user_verified { own.user_id.clone() } else { user.into() };
        if user.is_empty() || !visitor.is_somebody() {
            return (own, freshness);
        }
        // Another person's past on a shared browser is not this one's.
        let someone_elses = own.user_verified && own.user_id != user;
        let own = if someone_elses { Arc::new(Profile::empty(site, visitor)) } else { own };
        let (visitors, everybody) = self.visitors_of((site, user.clone()), deadline).await;
        let others = visitors.into_iter().filter(|other| *other != visitor).take(BROWSERS_MAX);
        let reads = others.map(|other| self.get(site, other, deadline.saturating_duration_since(Instant::now())));
        let read = join_all(reads).await;
        let complete = |freshness: Freshness| freshness == Freshness::Complete;
        let whole = everybody && complete(freshness) && read.iter().all(|(_, freshness)| complete(*freshness));
        let mut others: Vec<_> = read.into_iter().map(|(profile, _)| profile).collect();
        // A browser is the person's that it was last said to be.
        others.retain(|profile| profile.user_verified && profile.user_id == user);
        let joined = join::join(&own, &others, &user, self.half_life_ms);
        (Arc::new(joined), if whole { Freshness::Complete } else { Freshness::Degraded })
    }

    /// The visitors of a person, and whether nobody is missing.
    async fn visitors_of(&self, person: Person, deadline: Instant) -> (Vec<VisitorId>, bool) {
        if let Some(known) = self.people.hit(&person) {
            return (known, true);
        }
        let (found, answer) = oneshot::channel();
        if self.queue.try_send(Job::Person(PersonRead { person: person.clone(), found })).is_ok()
            && let Ok(Ok(answer)) = timeout_at(deadline, answer).await
        {
            return answer;
        }
        (self.people.without_store(&person), false)
    }

    pub(super) async fn read_person(&self, PersonRead { person, found }: PersonRead) {
        if let Some(known) = self.people.hit(&person) {
            let _ = found.send((known, true));
            return;
        }
        let reading = self.people.begin_reading(person.clone());
        let stored = self.store.visitors_of_person(person.0, &person.1, identities::VISITORS_MAX);
        match timeout(READ_TIME_MAX, stored).await {
            // Who does not wait any more has been answered from memory.
            Ok(Ok(stored)) => drop(found.send(reading.finish(&stored))),
            Ok(Err(error)) => tracing::debug!(%error, "a person's browsers could not be read"),
            Err(_) => tracing::debug!("a person's browsers were not read in time"),
        }
    }
}
