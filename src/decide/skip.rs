//! Why an offer is not shown, and what a request knows of limited offers.

use std::fmt;

use strum::IntoStaticStr;

use crate::model::{CapPeriod, OfferStatus, Timestamp};

/// What is known of the person and of limited offers at the time of a request.
#[derive(Debug, Clone, Copy)]
pub struct OfferState<'a> {
    /// Names the person for control groups and weights; `None` if they cannot be recognized.
    pub unit: Option<&'a str>,
    /// Impressions that are reserved for this person and were not seen yet: offer and time.
    pub reserved: &'a [(Box<str>, Timestamp)],
    /// Offers that cannot be shown now: nothing is left of what is limited.
    pub refused: &'a [(Box<str>, Skip)],
    /// Whether the person may get coupons: known by a signed cookie, or proven by the site.
    pub may_get_coupons: bool,
    /// Whether the profile has all past impressions.
    pub history_is_complete: bool,
}

impl OfferState<'_> {
    /// Of a visitor who cannot be recognized.
    pub const UNRECOGNIZED: Self =
        Self { unit: None, reserved: &[], refused: &[], may_get_coupons: false, history_is_complete: true };
}

/// What would become of an offer for one impression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsed {
    /// It is shown.
    Shown,
    /// It is chosen, and the person is in a control group.
    HeldOut,
    /// It is not chosen.
    Skipped(Skip),
}

/// Why an offer is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Skip {
    /// It is not live.
    Status(OfferStatus),
    /// Not within its dates, days and hours.
    NotNow,
    /// Its condition does not hold.
    Condition,
    /// The page shows another offer of its exclusion group.
    ExclusionGroup,
    /// The visitor cannot be recognized, as it needs: no consent, or no id.
    NotRecognized,
    /// The person saw it often enough.
    Cap(CapPeriod),
    /// The person's past impressions are not known at the moment.
    HistoryUnknown,
    /// Its budget is used up.
    Budget,
    /// Coupons are for browsers with a signed cookie and for proven people.
    NotProven,
    /// No coupon is left.
    NoCoupon,
    /// The visitor's network got as many as it may for now.
    Network,
    /// Too many decisions wait for their impression, or it could not be reserved in time.
    Busy,
    /// It shows items, and there are none.
    NoItems,
    /// Another offer was chosen, of a higher priority or drawn before it.
    Outranked,
    /// The slot shows recommendations only.
    SlotMode,
}

impl Skip {
    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Status(status) => {
                let status: &'static str = status.into();
                return write!(f, "it is {status}");
            }
            Self::Cap(per) => return write!(f, "its frequency cap is reached ({})", Self::period(*per)),
            Self::NotNow => "not running now",
            Self::Condition => "its condition does not hold",
            Self::ExclusionGroup => "the page shows another offer of its exclusion group",
            Self::NotRecognized => "the visitor cannot be recognized",
            Self::HistoryUnknown => "past impressions are not known at the moment",
            Self::Budget => "its budget is used up",
            Self::NotProven => "coupons need a signed cookie or a proven user",
            Self::NoCoupon => "no coupon is left",
            Self::Network => "the visitor's network got as many as it may for now",
            Self::Busy => "it could not be reserved in time",
            Self::NoItems => "no items to show",
            Self::Outranked => "another offer comes first",
            Self::SlotMode => "the slot shows recommendations only",
        };
        f.write_str(text)
    }
}
