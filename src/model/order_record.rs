//! What a profile knows of one order.

use super::{Currency, Position, Timestamp};

/// An order as reported so far, and what of it was refunded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// The site's id of the order.
    pub order_id: Box<str>,
    /// The report that counts; `None` if only refunds have arrived.
    pub report: Option<OrderAmount>,
    /// Sum of its refunds, minor units, not capped.
    pub refunds_minor: i64,
    /// Whether a refund named only the order: all of it.
    pub refunded_whole: bool,
}

/// The report of an order that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderAmount {
    /// Whether it came with a server key.
    pub by_server: bool,
    /// When the order was placed.
    pub at: Timestamp,
    /// Journal position of the report.
    pub position: Position,
    /// Currency of the amount; [`Currency::NONE`] stands for the site's own.
    pub currency: Currency,
    /// Revenue, minor units.
    pub amount_minor: i64,
}

impl OrderAmount {
    /// Whether this report counts rather than another: a server's rather than a browser's, else the earlier one.
    #[must_use]
    pub fn precedes(&self, other: &Self) -> bool {
        (!self.by_server, self.at, self.position) < (!other.by_server, other.at, other.position)
    }
}

impl OrderRecord {
    /// Most orders kept of a profile; later reports of older orders count as new ones.
    pub const KEPT_MAX: usize = 64;

    /// An order of which nothing has arrived yet.
    #[must_use]
    pub fn new(order_id: &str) -> Self {
        Self { order_id: order_id.into(), report: None, refunds_minor: 0, refunded_whole: false }
    }

    /// What the order adds to the revenue: its amount less its refunds, which never exceed it.
    #[must_use]
    pub fn revenue(&self) -> Option<(Currency, i64)> {
        let report = self.report?;
        let paid = report.amount_minor.max(0);
        let refunded = if self.refunded_whole { paid } else { self.refunds_minor.min(paid) };
        Some((report.currency, report.amount_minor.saturating_sub(refunded)))
    }

    /// Adds what another record of the same order knows: the same reports may be in both.
    pub fn merge(&mut self, other: &Self) {
        if let Some(report) = other.report
            && self.report.is_none_or(|known| report.precedes(&known))
        {
            self.report = Some(report);
        }
        self.refunds_minor = self.refunds_minor.saturating_add(other.refunds_minor);
        self.refunded_whole |= other.refunded_whole;
    }
}
