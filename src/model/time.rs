//! Time: milliseconds since the Unix epoch, UTC; and exponential decay.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z; negative before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds from `earlier` to `self`; negative if `self` is earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `ms` milliseconds later (earlier if negative).
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Parses an RFC 3339 time such as `2026-11-22T08:00:00.250Z`, with any offset.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, `2026-11-22T08:00:00.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// A half-life in milliseconds; an invalid setting counts as one day, so that it can be a divisor.
#[must_use]
pub fn half_life_ms(days: f64) -> f64 {
    const DAY_MS: f64 = 86_400_000.0;
    if days.is_finite() && days > 0.0 { days * DAY_MS } else { DAY_MS }
}

/// Exponential decay: the share, 0 to 1, that remains after `elapsed_ms` (at least 0).
#[must_use]
pub fn decay(elapsed_ms: i64, half_life_ms: f64) -> f64 {
    (-(elapsed_ms as f64) / half_life_ms).exp2()
}

/// An optional time as RFC 3339 text, for `#[serde(with)]`.
pub mod optional_rfc3339 {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Timestamp;

    /// Writes it.
    pub fn serialize<S: Serializer>(value: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|t| t.to_string()).serialize(serializer)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|t| Timestamp::parse_rfc3339(&t).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_formatting_and_parsing() {
        let t = Timestamp(1_763_798_400_250);
        assert_eq!(t.to_string(), "2025-11-22T08:00:00.250Z");
        assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("2025-11-22T11:30:00.250+03:30"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }
}
