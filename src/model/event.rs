//! One event as it is stored: validated, enriched, and without the sender's address.

use std::borrow::Cow;

pub use super::item::ItemLine;
use super::{Currency, MessageHash, SiteId, Timestamp, VisitorId};

/// An event ready for the journal. Texts are bounded, free of control characters, and borrowed where they can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The site it happened on.
    pub site: SiteId,
    /// Identity of the message; two events with one hash are one event.
    pub message: MessageHash,
    /// Which call of the Segment specification it came from.
    pub kind: Kind,
    /// Name of a `track` event or of a page or screen; empty when there is none.
    pub name: Cow<'a, str>,
    /// What it means to a shop, derived from the name.
    pub action: Action,
    /// When it happened by the sender's clock, corrected by `sentAt`.
    pub occurred_at: Timestamp,
    /// When the service took it.
    pub received_at: Timestamp,
    /// The browser or device, or nobody without consent.
    pub visitor: VisitorId,
    /// The site's own id of a person, unverified unless `user_verified`; empty when unknown.
    pub user_id: Cow<'a, str>,
    /// Whether `user_id` was signed by the site or sent with a server key.
    pub user_verified: bool,
    /// Start of the session the sender was in; provisional, reports derive sessions from events.
    pub session_start: Timestamp,
    /// Why it is taken for a robot's; empty for people. Only sites that keep robots have such events.
    pub robot: &'static str,
    /// The page it happened on.
    pub page: Page<'a>,
    /// Where the visit came from, as far as this event tells.
    pub traffic: Traffic<'a>,
    /// What it was done with.
    pub device: Device<'a>,
    /// Where it was done.
    pub place: Place,
    /// Language tag such as `en-GB`; empty when unknown.
    pub language: Cow<'a, str>,
    /// IANA time zone of the visitor; empty when unknown.
    pub timezone: Cow<'a, str>,
    /// Screen width in CSS pixels; 0 when unknown.
    pub screen_width: u16,
    /// Screen height in CSS pixels; 0 when unknown.
    pub screen_height: u16,
    /// The items it is about, at most 100: the one of a product event, all of an order or a list.
    pub items: Vec<ItemLine<'a>>,
    /// Category of the item or the list; empty when none.
    pub category: Cow<'a, str>,
    /// Revenue of an order, or price of the item, in minor units of `currency`.
    pub amount_minor: i64,
    /// Currency of `amount_minor`.
    pub currency: Currency,
    /// Order number; empty when it is no order.
    pub order_id: Cow<'a, str>,
    /// Properties and traits as the sender gave them: one JSON object, `{}` when none.
    pub properties: Cow<'a, str>,
    /// What of the site's schema it does not keep to: `property: rule`, at most 16.
    pub violations: Vec<Cow<'a, str>>,
    /// How what the event tells of was drawn, by the service's own word: one JSON object, empty when there is none.
    pub exposure: Cow<'a, str>,
    /// Name and version of the sending library.
    pub library: Cow<'a, str>,
}

/// The calls of the Segment specification. Numbers are stored: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A named thing that was done.
    Track = 1,
    /// A page view on the web.
    Page = 2,
    /// A screen view in an app.
    Screen = 3,
    /// Who the visitor is.
    Identify = 4,
    /// Which group or company the visitor belongs to.
    Group = 5,
    /// Two ids of one person.
    Alias = 6,
}

impl Kind {
    /// The call with this stored number; `None` for one that a newer version wrote.
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

/// What an event means to a shop (Segment's e-commerce specification). Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Action {
    /// Nothing of the below.
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
    /// `Slot Viewed`, `Promotion Viewed`: something personalized was seen.
    SlotViewed = 10,
    /// `Slot Clicked`, `Promotion Clicked`.
    SlotClicked = 11,
}

impl Action {
    /// The meaning of a `track` event's name, compared without regard to case.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        const NAMES: [(&str, Action); 16] = [
            ("Product Viewed", Action::ItemViewed),
            ("Product Clicked", Action::ItemViewed),
            ("Product List Viewed", Action::ListViewed),
            ("Product List Filtered", Action::ListViewed),
            ("Product Added", Action::CartAdded),
            ("Product Removed", Action::CartRemoved),
            ("Cart Viewed", Action::CartViewed),
            ("Checkout Started", Action::CheckoutStarted),
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

    /// The action with this stored number; `Other` for one that a newer version wrote.
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

/// The page of an event; every text empty when there was none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page<'a> {
    /// Host without port, lowercase.
    pub host: Cow<'a, str>,
    /// Path, beginning with `/`.
    pub path: Cow<'a, str>,
    /// Allow-listed query parameters only.
    pub query: Cow<'a, str>,
    /// Title as the page gave it.
    pub title: Cow<'a, str>,
    /// Host of the page before, lowercase, without `www.`; the site's own host is kept.
    pub referrer_host: Cow<'a, str>,
    /// Path of the page before.
    pub referrer_path: Cow<'a, str>,
}

/// Where a visit came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic<'a> {
    /// Class of the source.
    pub channel: Channel,
    /// `utm_source`, or the name or host of the referrer.
    pub source: Cow<'a, str>,
    /// `utm_medium`, or what the referrer implies.
    pub medium: Cow<'a, str>,
    /// `utm_campaign`.
    pub campaign: Cow<'a, str>,
    /// `utm_term`, or the search words where the referrer still tells them.
    pub term: Cow<'a, str>,
    /// `utm_content`.
    pub content: Cow<'a, str>,
    /// Which advertising click id was present, such as `gclid`; the value is not kept.
    pub click_id: &'static str,
    /// The rarer campaign marks, such as `utm_id`, each with its value.
    pub marks: Vec<(&'static str, Cow<'a, str>)>,
}

/// Classes of traffic, after GA4's default channel group, with AI assistants. Stored by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Channel {
    /// Not the first event of a visit: the page before was on the same site.
    #[default]
    Internal,
    /// No referrer and no campaign.
    Direct,
    /// Search results, not paid.
    OrganicSearch,
    /// Search results, paid.
    PaidSearch,
    /// Social networks, not paid.
    OrganicSocial,
    /// Social networks, paid.
    PaidSocial,
    /// Video sites, not paid.
    OrganicVideo,
    /// Video sites, paid.
    PaidVideo,
    /// Shopping sites, not paid.
    OrganicShopping,
    /// Shopping sites, paid.
    PaidShopping,
    /// Another paid medium.
    PaidOther,
    /// Banners and other displays.
    Display,
    /// E-mail.
    Email,
    /// Text messages.
    Sms,
    /// Notifications of an app or browser.
    Push,
    /// Partners paid by result.
    Affiliates,
    /// Audio advertising.
    Audio,
    /// Chatbots and assistants built on language models.
    AiAssistant,
    /// Links on other sites.
    Referral,
    /// Campaigns of one advertiser across several networks.
    CrossNetwork,
    /// Campaign marks that fit no class.
    Unassigned,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 21] = [
        Self::Internal,
        Self::Direct,
        Self::OrganicSearch,
        Self::PaidSearch,
        Self::OrganicSocial,
        Self::PaidSocial,
        Self::OrganicVideo,
        Self::PaidVideo,
        Self::OrganicShopping,
        Self::PaidShopping,
        Self::PaidOther,
        Self::Display,
        Self::Email,
        Self::Sms,
        Self::Push,
        Self::Affiliates,
        Self::Audio,
        Self::AiAssistant,
        Self::Referral,
        Self::CrossNetwork,
        Self::Unassigned,
    ];

    /// The channel with this stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }

    /// Name as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "Internal",
            Self::Direct => "Direct",
            Self::OrganicSearch => "Organic Search",
            Self::PaidSearch => "Paid Search",
            Self::OrganicSocial => "Organic Social",
            Self::PaidSocial => "Paid Social",
            Self::OrganicVideo => "Organic Video",
            Self::PaidVideo => "Paid Video",
            Self::OrganicShopping => "Organic Shopping",
            Self::PaidShopping => "Paid Shopping",
            Self::PaidOther => "Paid Other",
            Self::Display => "Display",
            Self::Email => "Email",
            Self::Sms => "SMS",
            Self::Push => "Mobile Push Notifications",
            Self::Affiliates => "Affiliates",
            Self::Audio => "Audio",
            Self::AiAssistant => "AI Assistants",
            Self::Referral => "Referral",
            Self::CrossNetwork => "Cross-network",
            Self::Unassigned => "Unassigned",
        }
    }
}

/// What the visitor used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device<'a> {
    /// Class of the device.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeviceClass {
    /// Not known.
    #[default]
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
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Desktop, Self::Mobile, Self::Tablet, Self::Appliance];

    /// The class with this stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Name as stored and shown; empty when unknown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Appliance => "appliance",
        }
    }
}

/// Where an address lies; every text empty when the database does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// Name of the first subdivision, in English.
    pub region: String,
    /// Name of the city, in English.
    pub city: String,
}
