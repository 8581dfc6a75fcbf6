//! One event as it is stored: validated, enriched, and without the sender's address.

use std::borrow::Cow;

use strum::{EnumString, IntoStaticStr, VariantArray};

pub use super::item::ItemLine;
use super::{Currency, MessageHash, SiteId, Timestamp, VisitorId};

/// An event ready for the journal. Texts are bounded, free of control characters, and borrowed where possible.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The site it happened on.
    pub site: SiteId,
    /// Identity of the message; events with equal hashes are duplicates.
    pub message: MessageHash,
    /// Which call of the Segment specification it came from.
    pub kind: Kind,
    /// Name of a `track` event, page or screen; empty when there is none.
    pub name: Cow<'a, str>,
    /// Its e-commerce meaning, derived from the name.
    pub action: Action,
    /// When it happened by the sender's clock, corrected by `sentAt`.
    pub occurred_at: Timestamp,
    /// When the service received it.
    pub received_at: Timestamp,
    /// The browser or device; [`VisitorId::ANONYMOUS`] without consent.
    pub visitor: VisitorId,
    /// The site's own id of the user, unverified unless `user_verified`; empty when unknown.
    pub user_id: Cow<'a, str>,
    /// Whether `user_id` was signed by the site or sent with a server key.
    pub user_verified: bool,
    /// Start of the sender's session; provisional: reports derive sessions from events.
    pub session_start: Timestamp,
    /// Why it counts as a bot's event; empty for humans. Only sites that keep bot events have such events.
    pub robot: &'static str,
    /// The page it happened on.
    pub page: Page<'a>,
    /// Traffic source of the visit, as far as this event shows it.
    pub traffic: Traffic<'a>,
    /// Device and browser.
    pub device: Device<'a>,
    /// Where the visitor was.
    pub place: GeoLocation,
    /// Language tag such as `en-GB`; empty when unknown.
    pub language: Cow<'a, str>,
    /// IANA time zone of the visitor; empty when unknown.
    pub timezone: Cow<'a, str>,
    /// Screen width in CSS pixels; 0 when unknown.
    pub screen_width: u16,
    /// Screen height in CSS pixels; 0 when unknown.
    pub screen_height: u16,
    /// The items it is about, at most 100: the one of a product event, or all of an order or list.
    pub items: Vec<ItemLine<'a>>,
    /// Category of the item or the list; empty when none.
    pub category: Cow<'a, str>,
    /// Revenue of an order, or price of the item, in minor units of `currency`.
    pub amount_minor: i64,
    /// Currency of `amount_minor`.
    pub currency: Currency,
    /// Order number; empty if it is no order.
    pub order_id: Cow<'a, str>,
    /// Properties and traits as sent: one JSON object, `{}` when none.
    pub properties: Cow<'a, str>,
    /// Violations of the site's event schema, `property: rule`, at most 16.
    pub violations: Vec<Cow<'a, str>>,
    /// The verified exposure (how the shown items were selected): one JSON object, empty when there is none.
    pub exposure: Cow<'a, str>,
    /// Name and version of the sending library.
    pub library: Cow<'a, str>,
    /// Whether it was sent with a server key: what it says of an order replaces what browsers say.
    pub by_server_key: bool,
    /// Whether a server named a user and no browser or device: the event belongs to the person, and to no session.
    pub user_id_only: bool,
}

impl Event<'_> {
    /// The name of a tracked event, or the type of another call: the name by which webhooks are called.
    #[must_use]
    pub fn name_or_type(&self) -> &str {
        match self.kind {
            Kind::Track => &self.name,
            Kind::Page => "page",
            Kind::Screen => "screen",
            Kind::Identify => "identify",
            Kind::Group => "group",
            Kind::Alias => "alias",
        }
    }
}

/// The calls of the Segment specification. Numbers are stored: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A named action.
    Track = 1,
    /// A page view on the web.
    Page = 2,
    /// A screen view in an app.
    Screen = 3,
    /// Traits of a user.
    Identify = 4,
    /// The group or company a visitor belongs to.
    Group = 5,
    /// Two ids of one user.
    Alias = 6,
}

impl Kind {
    /// The call with this stored number; `None` for numbers written by a newer version.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Track,
            2 => Self::Page,
            3 => Self::Screen,
            4 => Self::Identify,
            5 => Self::Group,
            6 => Self::Alias,
            _ => return None,
        })
    }
}

/// E-commerce meaning of an event (Segment's e-commerce specification). Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Action {
    /// None of the below.
    #[default]
    Other = 0,
    /// `Product Viewed`.
    ItemViewed = 1,
    /// `Product List Viewed`, `Product List Filtered`.
    ListViewed = 2,
    /// `Product Added`.
    CartAdded = 3,
    /// `Product Removed`.
    CartRemoved = 4,
    /// `Cart Viewed`.
    CartViewed = 5,
    /// `Checkout Started`, `Checkout Step Viewed`, `Checkout Step Completed`.
    CheckoutStarted = 6,
    /// `Order Completed`.
    Ordered = 7,
    /// `Order Refunded`, `Order Cancelled`.
    Refunded = 8,
    /// `Products Searched`.
    Searched = 9,
    /// `Slot Viewed`, `Promotion Viewed`: personalized content was seen.
    SlotViewed = 10,
    /// `Slot Clicked`, `Promotion Clicked`.
    SlotClicked = 11,
}

impl Action {
    /// The meaning of a `track` event's name, case-insensitive.
    #[must_use]
    pub fn from_event_name(name: &str) -> Self {
        const NAMES: [(&str, Action); 18] = [
            ("Product Viewed", Action::ItemViewed),
            ("Product Clicked", Action::ItemViewed),
            ("Product List Viewed", Action::ListViewed),
            ("Product List Filtered", Action::ListViewed),
            ("Product Added", Action::CartAdded),
            ("Product Removed", Action::CartRemoved),
            ("Cart Viewed", Action::CartViewed),
            ("Checkout Started", Action::CheckoutStarted),
            ("Checkout Step Viewed", Action::CheckoutStarted),
            ("Checkout Step Completed", Action::CheckoutStarted),
            ("Order Completed", Action::Ordered),
            ("Order Refunded", Action::Refunded),
            ("Order Cancelled", Action::Refunded),
            ("Products Searched", Action::Searched),
            ("Slot Viewed", Action::SlotViewed),
            ("Promotion Viewed", Action::SlotViewed),
            ("Slot Clicked", Action::SlotClicked),
            ("Promotion Clicked", Action::SlotClicked),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Self::Other, |(_, action)| *action)
    }

    /// The action with this stored number; `Other` for numbers written by a newer version.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::ItemViewed,
            2 => Self::ListViewed,
            3 => Self::CartAdded,
            4 => Self::CartRemoved,
            5 => Self::CartViewed,
            6 => Self::CheckoutStarted,
            7 => Self::Ordered,
            8 => Self::Refunded,
            9 => Self::Searched,
            10 => Self::SlotViewed,
            11 => Self::SlotClicked,
            _ => Self::Other,
        }
    }
}

/// The page of an event; empty texts if there was none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page<'a> {
    /// Host without port, lowercase.
    pub host: Cow<'a, str>,
    /// Path, beginning with `/`.
    pub path: Cow<'a, str>,
    /// Allow-listed query parameters only.
    pub query: Cow<'a, str>,
    /// Page title.
    pub title: Cow<'a, str>,
    /// Referrer host, lowercase, without `www.`; the site's own host is kept.
    pub referrer_host: Cow<'a, str>,
    /// Referrer path.
    pub referrer_path: Cow<'a, str>,
}

/// Traffic source of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic<'a> {
    /// Channel group.
    pub channel: Channel,
    /// `utm_source`, or the name or host of the referrer.
    pub source: Cow<'a, str>,
    /// `utm_medium`, or what the referrer implies.
    pub medium: Cow<'a, str>,
    /// `utm_campaign`.
    pub campaign: Cow<'a, str>,
    /// `utm_term`, or the search keywords where the referrer still contains them.
    pub term: Cow<'a, str>,
    /// `utm_content`.
    pub content: Cow<'a, str>,
    /// The click-id parameter that was present, such as `gclid`; its value is not kept.
    pub click_id: &'static str,
    /// Other campaign parameters, such as `utm_id`, with their values.
    pub campaign_params: Vec<(&'static str, Cow<'a, str>)>,
}

/// Channels after GA4's default channel group, plus AI assistants. Stored by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "title_case")]
pub enum Channel {
    /// Not the first event of a visit: the referrer is the same site.
    #[default]
    Internal,
    /// No referrer and no campaign.
    Direct,
    /// Unpaid search results.
    OrganicSearch,
    /// Paid search results.
    PaidSearch,
    /// Unpaid social networks.
    OrganicSocial,
    /// Paid social networks.
    PaidSocial,
    /// Unpaid video sites.
    OrganicVideo,
    /// Paid video sites.
    PaidVideo,
    /// Unpaid shopping sites.
    OrganicShopping,
    /// Paid shopping sites.
    PaidShopping,
    /// Another paid medium.
    PaidOther,
    /// Banners and other display advertising.
    Display,
    /// E-mail.
    Email,
    /// Text messages.
    #[strum(serialize = "SMS")]
    Sms,
    /// Notifications of an app or browser.
    #[strum(serialize = "Mobile Push Notifications")]
    Push,
    /// Affiliate partners.
    Affiliates,
    /// Audio advertising.
    Audio,
    /// Chatbots and assistants built on language models.
    #[strum(serialize = "AI Assistants")]
    AiAssistant,
    /// Links on other sites.
    Referral,
    /// Campaigns across several networks of one advertiser.
    #[strum(serialize = "Cross-network")]
    CrossNetwork,
    /// Campaign parameters that fit no channel.
    Unassigned,
}

impl Channel {
    /// Every channel.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The channel with this stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Name as stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Device, operating system and browser.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device<'a> {
    /// Device class.
    pub class: DeviceClass,
    /// Operating system's name.
    pub os: Cow<'a, str>,
    /// Operating system's version.
    pub os_version: Cow<'a, str>,
    /// Browser's name.
    pub browser: Cow<'a, str>,
    /// Browser's version.
    pub browser_version: Cow<'a, str>,
}

/// Classes of devices. Stored by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum DeviceClass {
    /// Not known.
    #[default]
    #[strum(serialize = "")]
    Unknown,
    /// A computer.
    Desktop,
    /// A telephone.
    Mobile,
    /// A tablet.
    Tablet,
    /// A television or console.
    Appliance,
}

impl DeviceClass {
    /// Every class.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The class with this stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Name as stored and shown; empty when unknown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Location of an IP address; empty texts where the database does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeoLocation {
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// Name of the first subdivision, in English.
    pub region: String,
    /// Name of the city, in English.
    pub city: String,
}
