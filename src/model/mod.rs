//! The nouns of the house, without any IO: what an event, a visitor, a profile, an item, an offer is.
//!
//! Every room speaks in these words. This room must never read a clock, a file or the network, and
//! never derives public JSON (that is `wire`).

pub mod capture;
pub mod decision;
pub mod event;
pub mod evidence;
pub mod exploration;
pub mod exposure;
pub mod feed;
pub mod ids;
pub mod item;
pub mod item_issue;
pub mod merchandising;
pub mod money;
pub mod offer;
pub mod profile;
pub mod rates;
pub mod schema;
pub mod secret;
pub mod site;
pub mod time;

pub use capture::{Capture, Captures};
pub use decision::{Content, Decision, LeftOut, Ranked, Reason, SlotExplanation, Why, WhyShown};
pub use event::{Action, Channel, Device, DeviceClass, Event, Kind, Page, Place, Traffic};
pub use evidence::Evidence;
pub use exploration::Recommending;
pub use exposure::Exposure;
pub use ids::{ItemId, MessageHash, Position, SiteId, VisitorId};
pub use item::Item;
pub use item_issue::{ItemIssue, ItemIssueKind};
pub use merchandising::MerchandisingRules;
pub use money::{Currency, Money};
pub use offer::{Offer, Op, Rule};
pub use profile::{Profile, ProfileEvent};
pub use secret::Secret;
pub use site::{ConsentDefault, KnownBy, RobotsPolicy, Site, VisitorRules, WithoutConsent};
pub use time::Timestamp;
