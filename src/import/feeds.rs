//! Feeds: each site's feed is fetched on schedule, its items are imported, and items missing from it become
//! unavailable. If suspiciously many are missing at once, they stay until the owner confirms.

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::sync::{Notify, mpsc::channel};
use url::Url;

use super::{
    ImportError,
    items::{self, ChunkReader},
};
use crate::{
    catalog::{Catalog, CatalogError},
    clock, config,
    control::{Control, ControlError, FeedRow},
    feed::{FeedError, ReadOptions},
    fetch::{
        FetchError, Fetcher,
        download::{Fetched, Validators},
    },
    model::{
        ItemId, SiteId,
        feed::{FeedOutcome, FeedRequest, FeedSettings, FeedState},
    },
    tasks::{Stopping, panic_message},
    telemetry::Operations,
};

/// How often due feeds are looked for.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// So many items may be missing from a feed without confirmation, or this share of them, percent.
const MISSING_MIN: usize = 10;
const MISSING_PERCENT: usize = 30;
/// Chunks buffered between the network and the parser.
const CHUNKS: usize = 16;

/// The feeds of all sites; cheap to clone.
#[derive(Clone)]
pub struct Feeds {
    catalog: Arc<Catalog>,
    control: Control,
    fetcher: Fetcher,
    limits: config::Feeds,
    requested: Arc<Notify>,
    operations: Operations,
}

impl Feeds {
    /// Configured by `[feeds]`.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, control: Control, config: &config::Feeds, operations: Operations) -> Self {
        let fetcher = Fetcher::with_limits(config.inside_networks.clone(), Duration::from_millis(config.timeout_ms))
            .with_silence_limit(Duration::from_millis(config.silence_ms));
        Self { catalog, control, fetcher, limits: config.clone(), requested: Arc::default(), operations }
    }

    /// Size and time limits of an item file.
    #[must_use]
    pub const fn limits(&self) -> &config::Feeds {
        &self.limits
    }

    /// A site's feed; `None` if it has none.
    ///
    /// # Errors
    /// If there is no such site, or the control database failed.
    pub async fn feed(&self, site: SiteId) -> Result<Option<FeedRow>, CatalogError> {
        self.catalog.site(site)?;
        Ok(self.control.feed(site).await?)
    }

    /// Sets a site's feed, which is then fetched immediately.
    ///
    /// # Errors
    /// If the URL or the fetch interval is invalid.
    pub async fn put(&self, by: &str, site: SiteId, settings: &FeedSettings) -> Result<(), CatalogError> {
        self.catalog.site(site)?;
        feed_url(&settings.url).map_err(CatalogError::Invalid)?;
        if !FeedSettings::MINUTES.contains(&settings.every_minutes) {
            return Err(CatalogError::Invalid("`every_minutes` must be 5 to 10080".into()));
        }
        self.control.put_feed(site, settings).await?;
        self.requested.notify_one();
        self.catalog.audit(by, site, "change feed", &settings.url).await
    }

    /// Removes a site's feed; its items stay. Returns false if there was none.
    ///
    /// # Errors
    /// If there is no such site, or the control database failed.
    pub async fn delete(&self, by: &str, site: SiteId) -> Result<bool, CatalogError> {
        self.catalog.site(site)?;
        let existed = self.control.delete_feed(site).await?;
        if existed {
            self.catalog.audit(by, site, "delete feed", &format!("of site {site}")).await?;
        }
        Ok(existed)
    }

    /// Requests a fetch before its scheduled time. Returns false if there is no feed.
    ///
    /// # Errors
    /// If there is no such site, or the control database failed.
    pub async fn request(&self, by: &str, site: SiteId, request: FeedRequest) -> Result<bool, CatalogError> {
        self.catalog.site(site)?;
        let known = self.control.request_feed(site, Some(request)).await?;
        self.requested.notify_one();
        if known {
            let action = if request == FeedRequest::Confirm { "confirm feed" } else { "visit feed" };
            self.catalog.audit(by, site, action, &format!("of site {site}")).await?;
        }
        Ok(known)
    }

    /// Fetches feeds on schedule, several sites' concurrently, until the service stops. Each has its own time limit.
    pub async fn run(self, mut stopping: Stopping) {
        let mut visits = FuturesUnordered::new();
        let mut running: HashSet<SiteId> = HashSet::new();
        let running_max = self.limits.at_once.max(1);
        loop {
            tokio::select! {
                stop = stopping.sleep(CHECK_INTERVAL) => if stop { return },
                () = self.requested.notified() => {}
                Some(site) = visits.next() => { running.remove(&site); }
            }
            if running.len() >= running_max {
                continue;
            }
            for feed in self.due(&running).await.into_iter().take(running_max - running.len()) {
                running.insert(feed.site);
                visits.push(self.visit_one(feed));
            }
        }
    }

    /// Due feeds: requested ones first, then those that waited longest.
    async fn due(&self, running: &HashSet<SiteId>) -> Vec<FeedRow> {
        let feeds = self.control.feeds().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "loading feeds failed");
            Vec::new()
        });
        let is_next = |feed: &FeedRow| is_due(feed) && !running.contains(&feed.site);
        let mut due: Vec<FeedRow> = feeds.into_iter().filter(is_next).collect();
        due.sort_by_key(|feed| (feed.requested.is_none(), feed.state.started_at));
        due
    }

    async fn visit_one(&self, feed: FeedRow) -> SiteId {
        // A panic over one feed must not end the fetching of others.
        match AssertUnwindSafe(self.visit(&feed)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(site = %feed.site, %error, "storing the result of a feed failed"),
            Err(panic) => {
                tracing::error!(site = %feed.site, message = panic_message(&*panic), "fetching a feed panicked");
            }
        }
        feed.site
    }

    async fn visit(&self, feed: &FeedRow) -> Result<(), ControlError> {
        let started_at = Some(clock::now());
        self.control.request_feed(feed.site, None).await?;
        self.control.put_feed_state(feed.site, &FeedState { started_at, ..feed.state.clone() }).await?;
        let state = self.import(feed).await.unwrap_or_else(|message| FeedState {
            outcome: Some(FeedOutcome::Failed),
            message,
            ..feed.state.clone()
        });
        self.operations.count_feed_visit(match state.outcome {
            Some(FeedOutcome::Taken) => "taken",
            Some(FeedOutcome::Unchanged) => "unchanged",
            Some(FeedOutcome::Withheld) => "withheld",
            Some(FeedOutcome::Failed) | None => "failed",
        });
        self.control
            .put_feed_state(feed.site, &FeedState { started_at, finished_at: Some(clock::now()), ..state })
            .await
    }

    /// Fetches, parses and stores concurrently; the error is one line for the owner.
    async fn import(&self, feed: &FeedRow) -> Result<FeedState, String> {
        let site = self.catalog.site(feed.site).map_err(|e| e.to_string())?;
        let url = feed_url(&feed.settings.url)?;
        let known = match feed.requested {
            Some(_) => Validators::default(),
            None => Validators { etag: feed.state.etag.clone(), last_modified: feed.state.last_modified.clone() },
        };
        let options = ReadOptions { currency: site.site.currency, now: clock::now(), bytes_max: self.limits.bytes_max };
        let (sender, receiver) = channel(CHUNKS);
        let (fetched, imported) = tokio::join!(
            self.fetcher.download(&url, &known, sender, self.limits.bytes_max),
            items::import(&self.catalog, feed.site, ChunkReader::from(receiver), options)
        );
        let imported = imported.map_err(|e: ImportError| e.to_string())?;
        if let Some(error) = imported.error.filter(|error| !matches!(error, FeedError::Empty)) {
            return Err(error.to_string());
        }
        let failed = |error: FetchError| match error {
            FetchError::PrivateAddress(host) => {
                format!(
                    "{host} resolves to a private network address; feeds.inside_networks of the configuration may allow it"
                )
            }
            other => other.to_string(),
        };
        let validators = match fetched.map_err(failed)? {
            Fetched::Unchanged => {
                return Ok(FeedState {
                    outcome: Some(FeedOutcome::Unchanged),
                    message: String::new(),
                    ..feed.state.clone()
                });
            }
            Fetched::Whole(validators) => validators,
        };
        if imported.ids.is_empty() {
            return Err("it has no valid items".into());
        }
        let items = imported.ids.len() as u64;
        let (withdrawn, withheld) = self.withdraw_missing(feed, imported.ids).await.map_err(|e| e.to_string())?;
        let outcome = if withheld > 0 { FeedOutcome::Withheld } else { FeedOutcome::Taken };
        // An unconfirmed state must be fetched again.
        let validators = if withheld > 0 { Validators::default() } else { validators };
        Ok(FeedState {
            outcome: Some(outcome),
            message: String::new(),
            items,
            withdrawn: withdrawn as u64,
            withheld: withheld as u64,
            etag: validators.etag,
            last_modified: validators.last_modified,
            counts: serde_json::to_value(&imported.counts).unwrap_or_default(),
            ..FeedState::default()
        })
    }

    /// Makes items missing from the feed unavailable, unless there are suspiciously many. Returns how many were made
    /// unavailable, and how many await confirmation.
    async fn withdraw_missing(&self, feed: &FeedRow, ids: Vec<ItemId>) -> Result<(usize, usize), CatalogError> {
        let before: HashSet<ItemId> = self.control.feed_items(feed.site).await?.into_iter().map(ItemId::from).collect();
        let now: HashSet<&ItemId> = ids.iter().collect();
        let missing: Vec<ItemId> = before.iter().filter(|id| !now.contains(id)).cloned().collect();
        let added: Vec<ItemId> = ids.iter().filter(|id| !before.contains(*id)).cloned().collect();
        let suspicious = missing.len() > MISSING_MIN.max(before.len() * MISSING_PERCENT / 100);
        if suspicious && feed.requested != Some(FeedRequest::Confirm) {
            self.control.change_feed_items(feed.site, &added, &[]).await?;
            return Ok((0, missing.len()));
        }
        self.catalog.withdraw_items(feed.site, &missing).await?;
        self.control.change_feed_items(feed.site, &added, &missing).await?;
        Ok((missing.len(), 0))
    }
}

fn is_due(feed: &FeedRow) -> bool {
    let pause = i64::from(feed.settings.every_minutes) * 60_000;
    let in_time = feed.state.started_at.is_none_or(|at| clock::now().since(at) >= pause);
    feed.requested.is_some() || (feed.settings.enabled && in_time)
}

/// Validates a feed's URL. Whether it may be opened is checked on each fetch, by the addresses it resolves to then.
fn feed_url(text: &str) -> Result<Url, String> {
    let refuse = || "`url` must be an address such as https://shop.example/products.xml".to_owned();
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= 2000).ok_or_else(refuse)?;
    let fits = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if !fits || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse());
    }
    url.set_fragment(None);
    Ok(url)
}
