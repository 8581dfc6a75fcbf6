//! Domain types: event, visitor, profile, item, offer and the rest. No I/O: nothing here reads a clock, a file or the
//! network.
//!
//! Public JSON is defined in `wire`, not here.

pub mod bucket;
pub mod capture;
pub mod contact;
pub mod customer;
pub mod decision;
pub mod event;
pub mod evidence;
pub mod exploration;
pub mod exposure;
pub mod feed;
pub mod history;
pub mod ids;
pub mod item;
pub mod item_issue;
pub mod merchandising;
pub mod money;
pub mod number;
pub mod offer;
pub mod order_record;
pub mod past_event;
pub mod profile;
pub mod rates;
pub mod rule;
pub mod schema;
pub mod secret;
pub mod site;
pub mod slot;
pub mod time;
pub mod traffic_filters;
pub mod value;
pub mod wanted;

pub use bucket::bucket;
pub use capture::{Capture, Captures};
pub use contact::ContactChannel;
pub use customer::{CustomerGroup, NotFitted};
pub use decision::{Content, Decision, ExcludedItem, ItemReason, RankedBy, RankedItem, Reason, SlotExplanation};
pub use event::{Action, Channel, Device, DeviceClass, Event, GeoLocation, Kind, Page, Traffic};
pub use evidence::Evidence;
pub use exploration::ExplorationSettings;
pub use exposure::Exposure;
pub use history::{History, OrderReport, PastEvent};
pub use ids::{ItemId, MessageHash, Position, SiteId, VisitorId};
pub use item::Item;
pub use item_issue::{ItemIssue, ItemIssueKind};
pub use merchandising::MerchandisingRules;
pub use money::{Currency, Money};
pub use number::Number;
pub use offer::{CapPeriod, FrequencyCap, Offer, OfferBudget, OfferSchedule, OfferStatus, Ranking, Weekday};
pub use order_record::{OrderAmount, OrderRecord};
pub use past_event::EventParts;
pub use profile::{Profile, ProfileEvent};
pub use rule::{CountTest, EventRule, EventStep, FollowingEvent, Op, PropertyTest, Rule, SequenceRule, SumTest};
pub use secret::Secret;
pub use site::{ConsentDefault, KnownBy, RobotsPolicy, Site, VisitorRules, WithoutConsent};
pub use slot::{SlotMode, SlotSettings};
pub use time::Timestamp;
pub use traffic_filters::TrafficFilters;
pub use value::{PersonValue, Rfm};
pub use wanted::{WantedEvents, WantedSnapshot};
