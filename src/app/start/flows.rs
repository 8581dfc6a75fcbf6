//! The request flows of a running service.

use std::sync::Arc;

use super::{
    membership::{self, CustomerValues},
    modules::{Context, Local, Pipeline},
};
use crate::{
    app::parts,
    clock,
    collect::{Collector, Dependencies, Exposures},
    customers::Customers,
    geo::Geo,
    import::feeds::Feeds,
    membership::{Membership, Values as _},
    personalize::Personalizer,
    privacy::Privacy,
    reports::Reports,
    salts::Salts,
    tasks::Tasks,
};

/// The request flows, and what only they need.
pub(super) struct Flows {
    pub(super) collector: Collector,
    pub(super) exposures: Arc<Exposures>,
    pub(super) personalizer: Personalizer,
    pub(super) reports: Reports,
    pub(super) customers: Arc<Customers>,
    pub(super) membership: Membership,
    pub(super) privacy: Privacy,
    pub(super) feeds: Feeds,
    pub(super) geo: Arc<Geo>,
    pub(super) salts: Arc<Salts>,
}

impl Flows {
    pub(super) async fn open(
        context: &Context<'_>,
        local: &Local,
        pipeline: &Pipeline,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let Context { config, data_dir, metrics, .. } = context;
        let Pipeline { store, profiles, learning, .. } = pipeline;
        let token_signer = parts::exposure_signer(&local.control).await?;
        let feeds = parts::feeds(&local.catalog, &local.control, &config.feeds, metrics, tasks);
        let salts = Arc::new(Salts::open(data_dir, clock::now()));
        let geo = parts::geo(&config.geo, metrics, tasks)?;
        let collector = Collector::new(Dependencies {
            limits: config.ingest.clone(),
            journal: Arc::clone(&local.durable.journal),
            dedup: local.durable.dedup.clone(),
            profiles: Arc::clone(profiles),
            learn: Arc::clone(&learning.learn),
            offers: local.offers.clone(),
            geo: Arc::clone(&geo),
            salts: Arc::clone(&salts),
            erasures: Arc::clone(&local.erasures),
            token_signer: token_signer.clone(),
            metrics: Arc::clone(metrics),
        });
        let exposures = Arc::new(Exposures::new(Arc::clone(metrics)));
        let (queued, storing) = (Arc::clone(&exposures), collector.clone());
        tasks.spawn_restarting("experiment_exposures", move |stopping| {
            Arc::clone(&queued).run(storing.clone(), stopping)
        });
        let personalizer = Personalizer::new(
            Arc::clone(profiles),
            (Arc::clone(&learning.learn), Arc::clone(&learning.impressions)),
            token_signer,
            &config.decide,
            &config.profiles,
            Arc::clone(metrics),
            local.offers.clone(),
        );
        let customers = parts::customers(config, &local.catalog, store, metrics, tasks);
        parts::finished_days(config, &local.catalog, store, metrics, tasks);
        let known = CustomerValues(Arc::clone(&customers));
        let personalizer =
            personalizer.with_values(Arc::new(move |site, profile: &crate::model::Profile| known.of(site, profile)));
        let session_minutes = config.ingest.session_minutes;
        let reports = Reports::with_queue(store.clone(), session_minutes, &config.reports, metrics.reports.clone());
        let journal = Arc::clone(&local.durable.journal);
        let membership = membership::open((context, local, pipeline), (&personalizer, &customers), tasks).await?;
        let followers = (local.webhooks.clone(), membership.clone(), local.offers.clone());
        let erasures = Arc::clone(&local.erasures);
        let privacy =
            Privacy::new(store.clone(), journal, Arc::clone(profiles), &pipeline.delivery, followers, erasures);
        Ok(Self { collector, exposures, personalizer, reports, customers, membership, privacy, feeds, geo, salts })
    }
}
