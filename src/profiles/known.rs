//! The profile a decision may use: of the browser, or of the user if the site verified who it is.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Freshness, Job, Profiles, READ_TIMEOUT,
    identities::{self, UserKey},
    join,
};
use crate::model::{Profile, SiteId, VisitorId};

/// Browsers of one user that a decision considers, most recently linked first.
const BROWSERS_MAX: usize = 16;

/// A request for the visitors of a user. It is answered even if the requester stopped waiting, so that the next request
/// finds the result.
#[derive(Debug)]
pub(super) struct VisitorsRequest {
    user: UserKey,
    answer: oneshot::Sender<(Vec<VisitorId>, bool)>,
}

impl Profiles {
    /// The profile that a decision about a visitor may use, waiting at most `budget` for the store: the profile of the
    /// browser, joined with the user's others if the site verified the user, with an event of this browser or with the
    /// request (`user`; empty if it did not).
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
        if user.is_empty() || !visitor.is_identified() {
            return (own, freshness);
        }
        // On a shared browser, another user's history is not used.
        let belongs_to_another = own.user_verified && own.user_id != user;
        let own = if belongs_to_another { Arc::new(Profile::empty(site, visitor)) } else { own };
        let (visitors, all_known) = self.visitors_of((site, user.clone()), deadline).await;
        let others = visitors.into_iter().filter(|other| *other != visitor).take(BROWSERS_MAX);
        let reads = others.map(|other| self.get(site, other, deadline.saturating_duration_since(Instant::now())));
        let read = join_all(reads).await;
        let is_complete = |freshness: Freshness| freshness == Freshness::Complete;
        let complete = all_known && is_complete(freshness) && read.iter().all(|(_, freshness)| is_complete(*freshness));
        let mut others: Vec<_> = read.into_iter().map(|(profile, _)| profile).collect();
        // A browser belongs to the user it was last linked to.
        others.retain(|profile| profile.user_verified && profile.user_id == user);
        let joined = join::join(&own, &others, &user, self.half_life_ms);
        (Arc::new(joined), if complete { Freshness::Complete } else { Freshness::Degraded })
    }

    /// The visitors of a user, and whether none is missing.
    async fn visitors_of(&self, user: UserKey, deadline: Instant) -> (Vec<VisitorId>, bool) {
        if let Some(known) = self.identities.hit(&user) {
            return (known, true);
        }
        let (answer, answered) = oneshot::channel();
        if self.queue.try_send(Job::UserVisitors(VisitorsRequest { user: user.clone(), answer })).is_ok()
            && let Ok(Ok(answer)) = timeout_at(deadline, answered).await
        {
            return answer;
        }
        (self.identities.without_store(&user), false)
    }

    pub(super) async fn read_visitors(&self, VisitorsRequest { user, answer }: VisitorsRequest) {
        if let Some(known) = self.identities.hit(&user) {
            let _ = answer.send((known, true));
            return;
        }
        let read = self.identities.begin_read(user.clone());
        let stored = self.store.visitors_of_user(user.0, &user.1, identities::VISITORS_MAX);
        match timeout(READ_TIMEOUT, stored).await {
            // A requester that stopped waiting was answered from memory.
            Ok(Ok(stored)) => drop(answer.send(read.finish(&stored))),
            Ok(Err(error)) => tracing::debug!(%error, "reading the browsers of a user failed"),
            Err(_) => tracing::debug!("reading the browsers of a user timed out"),
        }
    }
}
