//! The nouns of the house, without any IO: what an event, a visitor, a profile, an item, an offer is.
//!
//! Every room speaks in these words. This room must never read a clock, a file or the network, and
//! never derives public JSON (that is `wire`).

pub mod capture;
pub mod decision;
pub mod event;
pub mod evidence;
pub mod exposure;
pub mod feed;
pub mod ids;
pub mod item;
pub mod item_flaw;
pub mod money;
pub mod offer;
pub mod profile;
pub mod rates;
pub mod recommending;
pub mod schema;
pub mod secret;
pub mod shelf;
pub mod site;
pub mod time;

pub use capture::{Capture, Captures};
pub use decision::{Content, Decision, LeftOut, Ranked, Reason, ShelfExplanation, Why, WhyShown};
pub use event::{Action, Channel, Device, DeviceClass, Event, Kind, Page, Place, Traffic};
pub use evidence::Evidence;
pub use exposure::Exposure;
pub use ids::{ItemId, MessageHash, Position, SiteId, VisitorId};
pub use item::Item;
pub use item_flaw::{FlawKind, ItemFlaw};
pub use money::{Currency, Money};
pub use offer::{Offer, Op, Rule};
pub use profile::{Profile, ProfileEvent};
pub use recommending::Recommending;
pub use secret::Secret;
pub use shelf::ShelfRules;
pub use site::{ConsentDefault, KnownBy, RobotsPolicy, Site, VisitorRules, WithoutConsent};
pub use time::Timestamp;
