//! Requests of `POST /v1/decide` and `GET /v1/recommend`; the responses are in [`super::decided_items`].

use serde::Deserialize;
use utoipa::ToSchema;

/// Request for decisions.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DecideRequest {
    /// The site's write key, unless it is in the query or the `Authorization` header.
    #[serde(default)]
    pub key: Option<String>,
    /// The same by another name.
    #[serde(default, rename = "writeKey")]
    pub write_key: Option<String>,
    /// Visitor id proposed by the tracker.
    #[serde(default)]
    pub visitor: Option<String>,
    /// The visitor id was created on this page, so there is no history to load.
    #[serde(default)]
    pub fresh: bool,
    /// The visitor reset their identity in this browser: use `visitor` and ignore the cookie.
    #[serde(default)]
    pub reset: bool,
    /// The site's user id. Accepted only with a valid `signature` or a `server` key; the decision then also uses
    /// the history of the user's other browsers.
    #[serde(default)]
    pub user_id: Option<String>,
    /// HMAC-SHA256 of `user_id` with the site's secret, in hexadecimal.
    #[serde(default)]
    pub signature: Option<String>,
    /// Version of the settings the tracker has; empty if it has none.
    #[serde(default)]
    pub settings: Option<String>,
    /// Cross-domain link from another origin of the site.
    #[serde(default)]
    pub link: Option<LinkBody>,
    /// Slots to fill.
    #[serde(default)]
    pub slots: Vec<String>,
    /// Keys of experiments whose variants are asked for.
    #[serde(default)]
    pub experiments: Vec<String>,
    /// Whether the variants are shown now, so that they count as exposures; true by default.
    #[serde(default)]
    pub expose: Option<bool>,
    /// The current page.
    #[serde(default)]
    pub context: PageContext,
    /// Consent of the visitor.
    #[serde(default)]
    pub consent: Option<ConsentBody>,
}

/// Cross-domain link: the token in the page's address, and the referring page.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct LinkBody {
    /// The token, as issued by the service.
    #[serde(default)]
    pub token: String,
    /// Address or origin of the referring page.
    #[serde(default)]
    pub referrer: String,
}

/// The current page.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PageContext {
    /// Address of the page.
    #[serde(default)]
    pub url: String,
    /// Where the contact takes place: `web` (also if absent), `app`, `email`, `sms`, `push`, `call_centre` or `shop`;
    /// `contact_channel` in rules.
    #[serde(default)]
    pub channel: Option<String>,
    /// The item shown on the page.
    #[serde(default)]
    pub item: Option<String>,
    /// Language of the page, such as `fa`; absent: the browser's first preferred language.
    #[serde(default)]
    pub language: Option<String>,
    /// Items in the cart; absent if unknown.
    #[serde(default)]
    pub cart: Option<Vec<String>>,
}

impl PageContext {
    /// Returns the cart, empty if unknown.
    #[must_use]
    pub fn cart_or_empty(&self) -> &[String] {
        self.cart.as_deref().unwrap_or_default()
    }
}

/// A visitor's consent by purpose; absent means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConsentBody {
    /// Consent to analytics under a visitor id.
    #[serde(default)]
    pub analytics: Option<bool>,
    /// Consent to personalization.
    #[serde(default)]
    pub personalization: Option<bool>,
}

/// Query parameters of `GET /v1/recommend`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct RecommendQuery {
    /// The site's write key.
    #[serde(default)]
    pub key: Option<String>,
    /// The same by another name.
    #[serde(default, rename = "writeKey")]
    pub write_key: Option<String>,
    /// Visitor id.
    #[serde(default)]
    pub visitor: Option<String>,
    /// The item being viewed.
    #[serde(default)]
    pub item: Option<String>,
    /// Number of items to return.
    #[serde(default)]
    pub k: Option<usize>,
    /// The slot whose merchandising rules apply; absent: the site's rules.
    #[serde(default)]
    pub slot: Option<String>,
    /// Language of the page.
    #[serde(default)]
    pub language: Option<String>,
    /// Recommendation model: `auto` (default), `trending`, `viewed_together`, `affinity`, `recently_viewed`,
    /// `session_neighbours`, `sequential_rules`, `bought_together`, `cross_sell`, `up_sell` or `similar_items`.
    #[serde(default)]
    pub model: Option<String>,
}
