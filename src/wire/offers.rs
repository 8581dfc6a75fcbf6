//! Coupons of offers, and slots.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::reports::Moment;
use crate::model::SlotMode;

/// What became of a file of coupons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponsAdded {
    /// Lines with a code.
    pub read: u64,
    /// Codes that were new.
    pub added: u64,
    /// Codes that the file or the pool had before.
    pub duplicates: u64,
    /// Codes that were refused: longer than 100 bytes, or with control characters.
    pub refused: u64,
}

/// The coupons of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponPool {
    /// All.
    pub total: u64,
    /// Not given to anyone.
    pub left: u64,
    /// Given to a person; those not seen within about 30 minutes are given back.
    pub given: u64,
    /// Given to a person who saw it.
    pub seen: u64,
}

/// Which days to replay.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalBody {
    /// The last so many days, 1 to 90; absent: 7.
    #[serde(default)]
    pub days: Option<u32>,
}

/// Who would have seen an offer in the days replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rehearsal {
    /// People who would have seen it.
    pub people: u64,
    /// Impressions that it would have had.
    pub impressions: u64,
    /// Impressions of other offers that it would have replaced, by offer.
    pub displaces: BTreeMap<String, u64>,
    /// People who saw the slot and would never have seen it, by the reason of their last impression.
    pub never: BTreeMap<String, u64>,
}

/// A slot: where pages ask for it, and what fills it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ListedSlot {
    /// Its name.
    pub slot: String,
    /// When a page first asked for it; null if none did.
    pub first_seen: Option<Moment>,
    /// When a page last asked for it.
    pub last_seen: Option<Moment>,
    /// How often pages asked for it.
    pub requests: u64,
    /// Paths of the last pages that asked for it, the last one first.
    pub paths: Vec<String>,
    /// What may fill it.
    pub mode: SlotMode,
    /// Whether a marketer chose this mode; else it follows from the name.
    pub configured: bool,
    /// Content fields that are shown if nothing else is.
    #[schema(value_type = Option<Object>)]
    pub fallback: Option<Map<String, Value>>,
    /// Its live offers, in the order in which they are tried.
    pub offers: Vec<SlotOffer>,
    /// Whether it shows recommended items if no offer is shown.
    pub recommendations: bool,
}

/// A live offer of a slot.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SlotOffer {
    /// Its id.
    pub id: String,
    /// Its priority.
    pub priority: i32,
    /// Whether its dates, days and hours include now.
    pub running: bool,
}
