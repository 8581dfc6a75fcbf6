//! What `POST /v1/decide` and `GET /v1/recommend` are asked; what they answer is in `shown`.

use serde::Deserialize;
use utoipa::ToSchema;

/// What a page asks.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DecideRequest {
    /// The site's write key, unless it is in the query or the `Authorization` header.
    #[serde(default)]
    pub key: Option<String>,
    /// The id the tracker proposes.
    #[serde(default)]
    pub visitor: Option<String>,
    /// The proposed id was made on this page: it has no history to look for.
    #[serde(default)]
    pub fresh: bool,
    /// The visitor asked to be forgotten by this browser: the proposal counts, the old cookie does not.
    #[serde(default)]
    pub reset: bool,
    /// The site's id of the person. Believed with a `signature` or a `server` key: the decision then uses
    /// what the person's other browsers did.
    #[serde(default)]
    pub user_id: Option<String>,
    /// HMAC-SHA256 of `user_id` with the site's secret, hexadecimal.
    #[serde(default)]
    pub signature: Option<String>,
    /// The settings the tracker has: the name of their state, empty when it has none.
    #[serde(default)]
    pub settings: Option<String>,
    /// What the visitor brought along from another origin of the site.
    #[serde(default)]
    pub link: Option<LinkBody>,
    /// The slots of the page.
    #[serde(default)]
    pub slots: Vec<String>,
    /// Where the visitor is.
    #[serde(default)]
    pub context: PageContext,
    /// What the visitor agreed to.
    #[serde(default)]
    pub consent: Option<ConsentBody>,
}

/// A token from the address of the page, and the page before.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct LinkBody {
    /// As the service made it.
    #[serde(default)]
    pub token: String,
    /// Address or origin of the page before.
    #[serde(default)]
    pub referrer: String,
}

/// Where the visitor is.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PageContext {
    /// Address of the page.
    #[serde(default)]
    pub url: String,
    /// The item shown on the page.
    #[serde(default)]
    pub item: Option<String>,
    /// Language of the page, such as `fa`; absent: the first one that the visitor's browser asks for.
    #[serde(default)]
    pub language: Option<String>,
    /// Items in the cart; absent when the page does not say.
    #[serde(default)]
    pub cart: Option<Vec<String>>,
}

impl PageContext {
    /// The cart, empty when the page does not say.
    #[must_use]
    pub fn cart_or_empty(&self) -> &[String] {
        self.cart.as_deref().unwrap_or_default()
    }
}

/// What a visitor agreed to, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConsentBody {
    /// May be measured.
    #[serde(default)]
    pub analytics: Option<bool>,
    /// May be answered personally.
    #[serde(default)]
    pub personalization: Option<bool>,
}

/// What `GET /v1/recommend` takes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct RecommendQuery {
    /// The site's write key.
    #[serde(default)]
    pub key: Option<String>,
    /// The visitor.
    #[serde(default)]
    pub visitor: Option<String>,
    /// The item being looked at.
    #[serde(default)]
    pub item: Option<String>,
    /// How many.
    #[serde(default)]
    pub k: Option<usize>,
    /// The slot whose rules hold; without it, the site's.
    #[serde(default)]
    pub slot: Option<String>,
    /// Language of the page.
    #[serde(default)]
    pub language: Option<String>,
    /// How they are found: `auto` (default), `trending`, `viewed_together`, `affinity`, `recently_viewed`,
    /// `session_neighbours`, `sequential_rules`, `bought_together`, `cross_sell`, `up_sell` or `similar_items`.
    #[serde(default)]
    pub model: Option<String>,
}
