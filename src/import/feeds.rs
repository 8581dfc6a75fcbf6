//! Feeds: each site's address is visited in its time, its items are taken, and those that left it become
//! unavailable. When suspiciously many left at once, they stay until the owner says that it is so.

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::sync::{Notify, mpsc::channel};
use url::Url;

use super::{
    ImportError,
    items::{self, Pieces},
};
use crate::{
    catalog::{Catalog, CatalogError},
    clock, config,
    control::{Control, ControlError, FeedRow},
    feed::{FeedError, Setting},
    fetch::{
        FetchError, Fetcher,
        download::{Fetched, State},
    },
    model::{
        ItemId, SiteId,
        feed::{FeedOutcome, FeedRequest, FeedSettings, FeedState},
    },
    tasks::{Stopping, panic_message},
};

/// How often is looked whether a feed is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many items may leave a feed without a question, and this share of it, percent.
const LEAVE_MIN: usize = 10;
const LEAVE_PERCENT: usize = 30;
/// Pieces that wait between the network and the reader.
const PIECES: usize = 16;

/// The feeds of all sites; cheap to clone.
#[derive(Clone)]
pub struct Feeds {
    catalog: Arc<Catalog>,
    control: Control,
    fetcher: Fetcher,
    limits: config::Feeds,
    asked: Arc<Notify>,
}

impl Feeds {
    /// As `[feeds]` says.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, control: Control, config: &config::Feeds) -> Self {
        let fetcher = Fetcher::reaching(config.inside_networks.clone(), Duration::from_millis(config.timeout_ms))
            .giving_up_after(Duration::from_millis(config.silence_ms));
        Self { catalog, control, fetcher, limits: config.clone(), asked: Arc::default() }
    }

    /// How large a file of items may be, and how long it may take.
    #[must_use]
    pub const fn limits(&self) -> &config::Feeds {
        &self.limits
    }

    /// A site's feed.
    ///
    /// # Errors
    /// When there is no such site, or the control database failed.
    pub async fn of(&self, site: SiteId) -> Result<Option<FeedRow>, CatalogError> {
        self.catalog.site(site)?;
        Ok(self.control.feed(site).await?)
    }

    /// Changes a site's feed; it is visited at once.
    ///
    /// # Errors
    /// When the address or the time between visits cannot be used.
    pub async fn put(&self, by: &str, site: SiteId, settings: &FeedSettings) -> Result<(), CatalogError> {
        self.catalog.site(site)?;
        address(&settings.url).map_err(CatalogError::Invalid)?;
        if !FeedSettings::MINUTES.contains(&settings.every_minutes) {
            return Err(CatalogError::Invalid("`every_minutes` must be 5 to 10080".into()));
        }
        self.control.put_feed(site, settings).await?;
        self.asked.notify_one();
        self.catalog.note(by, site, "change feed", &settings.url).await
    }

    /// Forgets a site's feed; its items stay. False when there was none.
    ///
    /// # Errors
    /// When there is no such site, or the control database failed.
    pub async fn delete(&self, by: &str, site: SiteId) -> Result<bool, CatalogError> {
        self.catalog.site(site)?;
        let existed = self.control.delete_feed(site).await?;
        if existed {
            self.catalog.note(by, site, "delete feed", &format!("of site {site}")).await?;
        }
        Ok(existed)
    }

    /// Asks for a visit before its time. False when there is no feed.
    ///
    /// # Errors
    /// When there is no such site, or the control database failed.
    pub async fn request(&self, by: &str, site: SiteId, request: FeedRequest) -> Result<bool, CatalogError> {
        self.catalog.site(site)?;
        let known = self.control.request_feed(site, Some(request)).await?;
        self.asked.notify_one();
        if known {
            let action = if request == FeedRequest::Confirm { "confirm feed" } else { "visit feed" };
            self.catalog.note(by, site, action, &format!("of site {site}")).await?;
        }
        Ok(known)
    }

    /// Visits feeds in their time, some sites' at once, until stopping begins. Each has a time limit of its own.
    pub async fn run(self, mut stopping: Stopping) {
        let mut visits = FuturesUnordered::new();
        let mut under_way: HashSet<SiteId> = HashSet::new();
        let places = self.limits.at_once.max(1);
        loop {
            tokio::select! {
                stop = stopping.sleep(LOOK_EVERY) => if stop { return },
                () = self.asked.notified() => {}
                Some(site) = visits.next() => { under_way.remove(&site); }
            }
            if under_way.len() >= places {
                continue;
            }
            for feed in self.due(&under_way).await.into_iter().take(places - under_way.len()) {
                under_way.insert(feed.site);
                visits.push(self.visit_one(feed));
            }
        }
    }

    /// Feeds whose time has come: those somebody asks for first, then those that waited longest.
    async fn due(&self, under_way: &HashSet<SiteId>) -> Vec<FeedRow> {
        let feeds = self.control.feeds().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "feeds cannot be looked up");
            Vec::new()
        });
        let is_next = |feed: &FeedRow| is_due(feed) && !under_way.contains(&feed.site);
        let mut due: Vec<FeedRow> = feeds.into_iter().filter(is_next).collect();
        due.sort_by_key(|feed| (feed.requested.is_none(), feed.state.started_at));
        due
    }

    async fn visit_one(&self, feed: FeedRow) -> SiteId {
        // A panic over one feed must not end the visits to the others.
        match AssertUnwindSafe(self.visit(&feed)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(site = %feed.site, %error, "how a feed went cannot be noted"),
            Err(panic) => {
                tracing::error!(site = %feed.site, message = panic_message(&*panic), "visiting a feed panicked");
            }
        }
        feed.site
    }

    async fn visit(&self, feed: &FeedRow) -> Result<(), ControlError> {
        let started_at = Some(clock::now());
        self.control.request_feed(feed.site, None).await?;
        self.control.put_feed_state(feed.site, &FeedState { started_at, ..feed.state.clone() }).await?;
        let state = self.take(feed).await.unwrap_or_else(|message| FeedState {
            outcome: Some(FeedOutcome::Failed),
            message,
            ..feed.state.clone()
        });
        self.control
            .put_feed_state(feed.site, &FeedState { started_at, finished_at: Some(clock::now()), ..state })
            .await
    }

    /// Fetches, reads and stores side by side; the error is one line for the owner.
    async fn take(&self, feed: &FeedRow) -> Result<FeedState, String> {
        let site = self.catalog.site(feed.site).map_err(|e| e.to_string())?;
        let url = address(&feed.settings.url)?;
        let known = match feed.requested {
            Some(_) => State::default(),
            None => State { etag: feed.state.etag.clone(), last_modified: feed.state.last_modified.clone() },
        };
        let setting = Setting { currency: site.site.currency, now: clock::now(), bytes_max: self.limits.bytes_max };
        let (sender, receiver) = channel(PIECES);
        let (fetched, taken) = tokio::join!(
            self.fetcher.download(&url, &known, sender, self.limits.bytes_max),
            items::take(&self.catalog, feed.site, Pieces::from(receiver), setting)
        );
        let taken = taken.map_err(|e: ImportError| e.to_string())?;
        if let Some(error) = taken.broken.filter(|error| !matches!(error, FeedError::Empty)) {
            return Err(error.to_string());
        }
        let failed = |error: FetchError| match error {
            FetchError::Inside(host) => {
                format!(
                    "{host} leads to an address inside a network; feeds.inside_networks of the configuration may allow it"
                )
            }
            other => other.to_string(),
        };
        let state = match fetched.map_err(failed)? {
            Fetched::Unchanged => {
                return Ok(FeedState {
                    outcome: Some(FeedOutcome::Unchanged),
                    message: String::new(),
                    ..feed.state.clone()
                });
            }
            Fetched::Whole(state) => state,
        };
        if taken.ids.is_empty() {
            return Err("there is no usable item in it".into());
        }
        let items = taken.ids.len() as u64;
        let (withdrawn, withheld) = self.follow(feed, taken.ids).await.map_err(|e| e.to_string())?;
        let outcome = if withheld > 0 { FeedOutcome::Withheld } else { FeedOutcome::Taken };
        // A state that is not believed must be looked at again.
        let state = if withheld > 0 { State::default() } else { state };
        Ok(FeedState {
            outcome: Some(outcome),
            message: String::new(),
            items,
            withdrawn: withdrawn as u64,
            withheld: withheld as u64,
            etag: state.etag,
            last_modified: state.last_modified,
            counts: serde_json::to_value(&taken.counts).unwrap_or_default(),
            ..FeedState::default()
        })
    }

    /// Makes what left the feed unavailable, unless that is too much to believe; tells how many were, and how
    /// many wait for a word.
    async fn follow(&self, feed: &FeedRow, ids: Vec<ItemId>) -> Result<(usize, usize), CatalogError> {
        let before: HashSet<ItemId> = self.control.feed_items(feed.site).await?.into_iter().map(ItemId::from).collect();
        let now: HashSet<&ItemId> = ids.iter().collect();
        let left: Vec<ItemId> = before.iter().filter(|id| !now.contains(id)).cloned().collect();
        let come: Vec<ItemId> = ids.iter().filter(|id| !before.contains(*id)).cloned().collect();
        let suspicious = left.len() > LEAVE_MIN.max(before.len() * LEAVE_PERCENT / 100);
        if suspicious && feed.requested != Some(FeedRequest::Confirm) {
            self.control.change_feed_items(feed.site, &come, &[]).await?;
            return Ok((0, left.len()));
        }
        self.catalog.withdraw_items(feed.site, &left).await?;
        self.control.change_feed_items(feed.site, &come, &left).await?;
        Ok((left.len(), 0))
    }
}

fn is_due(feed: &FeedRow) -> bool {
    let pause = i64::from(feed.settings.every_minutes) * 60_000;
    let in_time = feed.state.started_at.is_none_or(|at| clock::now().since(at) >= pause);
    feed.requested.is_some() || (feed.settings.enabled && in_time)
}

/// The address of a feed. Whether it may be opened is judged when it is, by where its name leads then.
fn address(text: &str) -> Result<Url, String> {
    let refuse = || "`url` must be an address such as https://shop.example/products.xml".to_owned();
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= 2000).ok_or_else(refuse)?;
    let fits = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if !fits || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse());
    }
    url.set_fragment(None);
    Ok(url)
}
