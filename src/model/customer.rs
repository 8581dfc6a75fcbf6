//! How customers are classified, and why a value model may be missing.

use serde::Serialize;
use utoipa::ToSchema;

/// A named group of customers by quintiles of recency and frequency. `value::group_of` has the map.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema, strum::IntoStaticStr, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CustomerGroup {
    /// Ordered recently and most often.
    Champions,
    /// Order often.
    Loyal,
    /// Ordered recently, more than once.
    PotentialLoyalist,
    /// First orders of the last time.
    NewCustomers,
    /// First orders a little earlier.
    Promising,
    /// Average in both.
    NeedAttention,
    /// Ordered rarely, and not for a while.
    AboutToSleep,
    /// Ordered often, but long ago.
    AtRisk,
    /// Ordered most often, but long ago.
    CannotLoseThem,
    /// Ordered rarely, and long ago.
    Hibernating,
    /// Ordered least often, and longest ago.
    Lost,
}

impl CustomerGroup {
    /// Its stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a model could not be fitted to a site's orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NotFitted {
    /// Fewer than 30 customers.
    TooFewCustomers,
    /// Fewer than 10 customers ordered on a further day.
    TooFewRepeatCustomers,
    /// All customers spend the same per order, so there is no distribution to fit.
    EqualAmounts,
    /// The distribution of amounts has no finite mean.
    NoFiniteMean,
    /// The search for the maximum of the likelihood did not settle.
    NotConverged,
}
