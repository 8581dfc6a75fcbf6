//! Connects the members of segments with live profiles, values of customers and webhooks.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt};

use super::modules::{Context, Local, Pipeline};
use crate::{
    control::NewDelivery,
    customers::Customers,
    membership::{Calls, Dependencies, Membership, People, Values},
    model::{PersonValue, Profile, SiteId, VisitorId},
    personalize::Personalizer,
    profiles::{Freshness, Profiles},
    tasks::Tasks,
    webhooks::{Webhooks, event::WebhookEvent},
};

/// Live profiles.
struct LiveProfiles(Arc<Profiles>);

impl People for LiveProfiles {
    fn known<'a>(
        &'a self,
        site: SiteId,
        visitor: VisitorId,
        user: &'a str,
        budget: Duration,
    ) -> BoxFuture<'a, (Arc<Profile>, bool)> {
        async move {
            let (profile, freshness) = self.0.known(site, visitor, user, budget).await;
            (profile, freshness == Freshness::Complete)
        }
        .boxed()
    }
}

/// The values of customers, as decisions see them.
pub(super) struct CustomerValues(pub(super) Arc<Customers>);

impl Values for CustomerValues {
    fn of(&self, site: SiteId, profile: &Profile) -> Option<PersonValue> {
        let user_id = Some(&*profile.user_id).filter(|id| profile.user_verified && !id.is_empty());
        match user_id {
            Some(user_id) => self.0.values().of(site, Some(user_id), Some(profile.visitor)),
            None => self.0.values().of_proven(site, profile.visitor),
        }
    }

    fn generation(&self) -> Option<u64> {
        let values = self.0.values();
        values.is_computed().then(|| values.generation())
    }
}

/// The webhooks' queue.
struct WebhookCalls(Webhooks);

impl Calls for WebhookCalls {
    fn are_wanted(&self, site: SiteId, name: &str) -> bool {
        self.0.are_called_for(site, name)
    }

    fn of(&self, site: SiteId, event: &WebhookEvent, identity: &[u8]) -> Vec<NewDelivery> {
        self.0.calls(site, event, identity)
    }

    fn were_queued(&self, dropped: u64) {
        self.0.were_queued(dropped);
    }
}

/// Loads which segments are followed, and starts following.
pub(super) async fn open(
    (context, local, pipeline): (&Context<'_>, &Local, &Pipeline),
    (personalizer, customers): (&Personalizer, &Arc<Customers>),
    tasks: &mut Tasks,
) -> anyhow::Result<Membership> {
    let config = context.config;
    let membership = Membership::open(Dependencies {
        control: local.control.clone(),
        journal: Arc::clone(&local.durable.journal),
        store: pipeline.store.clone(),
        delivered: pipeline.delivery.delivered(),
        sites: local.catalog.cell(),
        people: Arc::new(LiveProfiles(Arc::clone(&pipeline.profiles))),
        values: Arc::new(CustomerValues(Arc::clone(customers))),
        calls: Arc::new(WebhookCalls(local.webhooks.clone())),
        settings: personalizer.settings(),
        session_minutes: config.ingest.session_minutes,
        config: config.membership.clone(),
        calls_waiting_max: config.webhooks.waiting_max,
        metrics: context.metrics.operations.membership.clone(),
        needed_from: Arc::clone(&local.durable.segments_need_from),
    })
    .await?;
    let (follow, waiting, count) = (membership.clone(), membership.clone(), membership.clone());
    tasks.spawn_restarting("segment_events", move |stopping| follow.clone().run_follow(stopping));
    tasks.spawn_restarting("segment_times", move |stopping| waiting.clone().run_waiting(stopping));
    tasks.spawn_restarting("segment_counts", move |stopping| count.clone().run_count(stopping));
    let (values, upkeep) = (membership.clone(), membership.clone());
    tasks.spawn_restarting("segment_values", move |stopping| values.clone().run_values(stopping));
    tasks.spawn_restarting("segment_upkeep", move |stopping| upkeep.clone().run_upkeep(stopping));
    Ok(membership)
}
