//! CSV columns and rows of the reports on people, offers and the service.

use std::collections::BTreeMap;

use super::{Cell, Table, number, optional_fraction, optional_number};
use crate::wire::{
    admin::Quality,
    reports::{
        DataQuality, EstimateWithLead, Estimated, ExperimentReport, MetricReport, OfferResult, OfferResults,
        RecommendationRow, Recommendations, RfmReport, Satisfaction, VariantReport, WhatIf,
    },
    segments::SegmentMembers,
};

impl Table for OfferResults {
    fn header(&self) -> Vec<&'static str> {
        vec![
            "offer",
            "name",
            "status",
            "people",
            "impressions",
            "clicks",
            "clickers",
            "conversions",
            "revenue_minor",
            "compared_with",
            "control_people",
            "control_conversions",
            "control_revenue_minor",
            "lift",
            "lift_low",
            "lift_high",
            "lift_revenue_minor",
            "lift_revenue_low",
            "lift_revenue_high",
        ]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &OfferResult| {
            let mut cells: Vec<Cell> =
                vec![row.offer.as_str().into(), row.name.as_str().into(), row.status.unwrap_or_default().into()];
            cells.extend([row.people, row.impressions, row.clicks, row.clickers, row.conversions].map(number));
            cells.extend([number(row.revenue_minor), row.compared_with.unwrap_or_default().into()]);
            cells.extend([row.control_people, row.control_conversions].map(number));
            cells.push(number(row.control_revenue_minor));
            let [low, high] = row.interval.map_or([None; 2], |bounds| bounds.map(Some));
            cells.extend([row.lift, low, high].map(optional_fraction));
            let [low, high] = row.lift_revenue_interval.map_or([None; 2], |bounds| bounds.map(Some));
            cells.extend([row.lift_revenue_minor, low, high].map(optional_number));
            cells
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for SegmentMembers {
    fn header(&self) -> Vec<&'static str> {
        vec!["visitor", "user_id", "since"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |member: &crate::wire::segments::SegmentMember| {
            let since = member.since.map(|since| since.0.to_string()).unwrap_or_default();
            let user_id = member.user_id.as_deref().unwrap_or_default();
            vec![member.visitor.as_str().into(), user_id.into(), Cell::Number(since)]
        };
        self.members.iter().map(row).collect()
    }
}

impl Table for DataQuality {
    fn header(&self) -> Vec<&'static str> {
        vec!["event", "violation", "events", "last"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |v: &crate::wire::reports::Violation| {
            vec![v.event.as_str().into(), v.violation.as_str().into(), number(v.events), number(v.last.0)]
        };
        self.violations.iter().map(row).collect()
    }
}

impl Table for ExperimentReport {
    fn header(&self) -> Vec<&'static str> {
        vec![
            "variant",
            "people",
            "metric",
            "guardrail",
            "total",
            "mean",
            "lift",
            "lift_low",
            "lift_high",
            "chance_to_win",
            "adjusted_p",
        ]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let decimal = |value: Option<f64>| Cell::Number(value.map(|value| value.to_string()).unwrap_or_default());
        let row = |variant: &VariantReport, name: &String, guardrail: bool, report: &MetricReport| {
            let bounds = [report.interval.map(|bounds| bounds[0]), report.interval.map(|bounds| bounds[1])];
            let estimates = [report.lift].into_iter().chain(bounds).chain([report.chance_to_win, report.adjusted_p]);
            let first: [Cell; 6] = [
                variant.key.as_str().into(),
                number(variant.people),
                name.as_str().into(),
                number(u8::from(guardrail)),
                number(report.total),
                decimal(report.mean),
            ];
            first.into_iter().chain(estimates.map(decimal)).collect()
        };
        let of = |variant: &VariantReport| -> Vec<Vec<Cell>> {
            let metrics = variant.metrics.iter().map(|(name, report)| row(variant, name, false, report));
            metrics.chain(variant.guardrails.iter().map(|(name, report)| row(variant, name, true, report))).collect()
        };
        self.variants.iter().flat_map(of).collect()
    }
}

impl Table for RfmReport {
    fn header(&self) -> Vec<&'static str> {
        vec!["recency", "frequency", "group", "people", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |c: &crate::wire::reports::RfmCell| {
            let place = [number(c.recency), number(c.frequency), c.group.as_str().into()];
            place.into_iter().chain([number(c.people), number(c.revenue_minor)]).collect()
        };
        self.cells.iter().map(row).collect()
    }
}

impl Table for Satisfaction {
    fn header(&self) -> Vec<&'static str> {
        vec![
            "channel",
            "nps",
            "nps_answers",
            "promoters",
            "passives",
            "detractors",
            "csat",
            "csat_answers",
            "satisfied",
            "complaints",
            "feedback",
        ]
    }

    /// By channel.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let optional = |value: Option<f64>| Cell::Number(value.map(|value| value.to_string()).unwrap_or_default());
        let row = |c: &crate::wire::reports::ChannelSatisfaction| {
            let nps = [c.nps.answers, c.nps.promoters, c.nps.passives, c.nps.detractors].map(number);
            let csat = [c.csat.answers, c.csat.satisfied, c.complaints, c.feedback].map(number);
            let first = [c.channel.as_str().into(), optional(c.nps.score)];
            first.into_iter().chain(nps).chain([optional(c.csat.share)]).chain(csat).collect()
        };
        self.channels.iter().map(row).collect()
    }
}

impl Table for Recommendations {
    fn header(&self) -> Vec<&'static str> {
        vec![
            "slot",
            "model",
            "visitors",
            "impressions",
            "clicked",
            "clicks",
            "click_through",
            "click_through_low",
            "click_through_high",
            "purchases",
            "conversion",
            "conversion_low",
            "conversion_high",
            "revenue_minor",
            "revenue_per_thousand",
            "revenue_per_thousand_low",
            "revenue_per_thousand_high",
            "purchases_after_click",
            "revenue_after_click_minor",
        ]
    }

    /// An empty slot or model stands for all of them.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let estimate = |estimated: &Option<Estimated>| match estimated {
            Some(Estimated { value, low, high }) => [number(*value), number(*low), number(*high)],
            None => [optional_number(None), optional_number(None), optional_number(None)],
        };
        let row = |r: &RecommendationRow| {
            let names = [&r.slot, &r.model].map(|name| name.as_deref().unwrap_or_default().into());
            let counts = [r.visitors, r.impressions, r.clicked, r.clicks].map(number);
            let revenue = [number(r.revenue_minor)].into_iter().chain(estimate(&r.revenue_per_thousand));
            let click = [number(r.purchases_after_click), number(r.revenue_after_click_minor)];
            let first = names.into_iter().chain(counts).chain(estimate(&r.click_through));
            first.chain([number(r.purchases)]).chain(estimate(&r.conversion)).chain(revenue).chain(click).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Quality {
    fn header(&self) -> Vec<&'static str> {
        vec!["figure", "reason", "count"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |name: &str, reason: &str, count: u64| vec![name.into(), reason.into(), number(count)];
        let totals = [("received", self.received), ("kept", self.kept)];
        let totals = totals.into_iter().map(|(name, count)| row(name, "", count));
        let by: [(&str, &BTreeMap<String, u64>); 3] =
            [("dropped", &self.dropped), ("rejected", &self.rejected), ("noticed", &self.noticed)];
        let reasons =
            by.into_iter().flat_map(|(name, counts)| counts.iter().map(move |(reason, n)| row(name, reason, *n)));
        let journal = self.journal.into_iter().flat_map(|journal| {
            let counts = [
                ("kept", journal.kept),
                ("inserted", journal.inserted),
                ("quarantined", journal.quarantined),
                ("waiting", journal.waiting),
            ];
            counts.map(|(name, count)| row("journal", name, count))
        });
        totals.chain(reasons).chain(journal).collect()
    }
}

impl Table for WhatIf {
    fn header(&self) -> Vec<&'static str> {
        vec!["figure", "value", "low", "high", "lead", "lead_low", "lead_high"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let single = |name: &str, value: Cell| {
            [name.into(), value].into_iter().chain(std::iter::repeat_n(optional_number(None), 5)).collect::<Vec<_>>()
        };
        let estimate = |Estimated { value, low, high }: &Estimated| [number(*value), number(*low), number(*high)];
        let with_lead = |name: &str, estimated: &EstimateWithLead| {
            std::iter::once(name.into())
                .chain(estimate(&estimated.estimate))
                .chain(estimate(&estimated.lead))
                .collect::<Vec<_>>()
        };
        let mut rows = vec![
            single("views", number(self.views)),
            single("effective", number(self.effective)),
            single("mean_weight", number(self.mean_weight)),
        ];
        if let Some(now) = &self.now {
            let rest = std::iter::repeat_n(optional_number(None), 3);
            rows.push(std::iter::once("now".into()).chain(estimate(now)).chain(rest).collect());
        }
        if let Some(estimates) = &self.estimates {
            rows.push(with_lead("ips", &estimates.ips));
            rows.push(with_lead("snips", &estimates.snips));
            rows.push(with_lead("doubly_robust", &estimates.doubly_robust));
        }
        rows.extend(self.refusal.map(|refusal| single("refusal", refusal.into())));
        rows
    }
}
