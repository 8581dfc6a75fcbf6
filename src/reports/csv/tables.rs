//! Which table each answer is.

use std::collections::BTreeMap;

use super::{Cell, Table, figure, maybe};
use crate::wire::{
    admin::Quality,
    reports::{
        DataQuality, Estimated, Funnel, FunnelStepAnswer, Overview, Pages, Realtime, RecommendationRow,
        Recommendations, Sources, Visitors, WhatIf, WithLead,
    },
};

impl Table for Overview {
    fn header(&self) -> Vec<&'static str> {
        vec!["at", "events", "pageviews", "visitors", "sessions", "orders", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |p: &crate::wire::reports::SeriesPoint| {
            let counts = [p.events, p.pageviews, p.visitors, p.sessions, p.orders];
            let figures = counts.into_iter().map(figure).chain([figure(p.revenue_minor)]);
            std::iter::once(figure(p.at.0)).chain(figures).collect()
        };
        self.series.iter().map(row).collect()
    }
}

impl Table for DataQuality {
    fn header(&self) -> Vec<&'static str> {
        vec!["event", "violation", "events", "last"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |v: &crate::wire::reports::Violation| {
            vec![v.event.as_str().into(), v.violation.as_str().into(), figure(v.events), figure(v.last.0)]
        };
        self.violations.iter().map(row).collect()
    }
}

impl Table for Pages {
    fn header(&self) -> Vec<&'static str> {
        vec!["path", "title", "pageviews", "visitors", "entries", "exits"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |p: &crate::wire::reports::PageRow| {
            let counts = [p.pageviews, p.visitors, p.entries, p.exits];
            [p.path.as_str().into(), p.title.as_str().into()].into_iter().chain(counts.map(figure)).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Sources {
    fn header(&self) -> Vec<&'static str> {
        vec!["value", "visitors", "sessions", "pageviews", "orders", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |s: &crate::wire::reports::SourceRow| {
            let counts = [s.visitors, s.sessions, s.pageviews, s.orders].map(figure);
            let all = std::iter::once(s.value.as_str().into()).chain(counts);
            all.chain([figure(s.revenue_minor)]).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Visitors {
    fn header(&self) -> Vec<&'static str> {
        vec!["value", "visitors", "sessions", "pageviews"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |v: &crate::wire::reports::VisitorRow| {
            let counts = [v.visitors, v.sessions, v.pageviews].map(figure);
            std::iter::once(v.value.as_str().into()).chain(counts).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Funnel {
    fn header(&self) -> Vec<&'static str> {
        vec!["group", "step", "reached", "rate_of_first", "rate_of_previous", "median_ms", "p90_ms"]
    }

    /// The whole first, with an empty group, then each group of the breakdown.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |group: &str, place: usize, s: &FunnelStepAnswer| {
            let rates = [figure(s.rate_of_first), figure(s.rate_of_previous), maybe(s.median_ms), maybe(s.p90_ms)];
            [group.into(), figure(place + 1), figure(s.reached)].into_iter().chain(rates).collect()
        };
        let groups = self.breakdown.iter().flatten().map(|(name, group)| (name.as_str(), &group.steps));
        let all = std::iter::once(("", &self.steps)).chain(groups);
        all.flat_map(|(name, steps)| steps.iter().enumerate().map(move |(place, s)| row(name, place, s))).collect()
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
        let ends = |estimated: &Option<Estimated>| match estimated {
            Some(Estimated { value, low, high }) => [figure(*value), figure(*low), figure(*high)],
            None => [maybe(None), maybe(None), maybe(None)],
        };
        let row = |r: &RecommendationRow| {
            let named = [&r.slot, &r.model].map(|name| name.as_deref().unwrap_or_default().into());
            let counts = [r.visitors, r.impressions, r.clicked, r.clicks].map(figure);
            let bought = [figure(r.revenue_minor)].into_iter().chain(ends(&r.revenue_per_thousand));
            let click = [figure(r.purchases_after_click), figure(r.revenue_after_click_minor)];
            let before = named.into_iter().chain(counts).chain(ends(&r.click_through));
            before.chain([figure(r.purchases)]).chain(ends(&r.conversion)).chain(bought).chain(click).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Realtime {
    fn header(&self) -> Vec<&'static str> {
        vec!["list", "value", "detail", "visitors", "pageviews"]
    }

    /// Each list of the answer after the other; the recent events have neither visitors nor views.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |list: &str, value: Cell, detail: &str, visitors: Cell, pageviews: Cell| {
            vec![list.into(), value, detail.into(), visitors, pageviews]
        };
        let now = std::iter::once(row("now", maybe(None), "", figure(self.visitors), maybe(None)));
        let minutes = self
            .minutes
            .iter()
            .map(|minute| row("minutes", figure(minute.at.0), "", figure(minute.visitors), figure(minute.pageviews)));
        let pages = self.pages.iter();
        let pages =
            pages.map(|page| row("pages", (&*page.path).into(), &page.title, figure(page.visitors), maybe(None)));
        let sources = self.sources.iter().map(|source| {
            row("sources", (&*source.source).into(), &source.channel, figure(source.visitors), maybe(None))
        });
        let countries = self
            .countries
            .iter()
            .map(|country| row("countries", (&*country.country).into(), "", figure(country.visitors), maybe(None)));
        let recent = self.recent.iter();
        let recent = recent.map(|event| row("recent", figure(event.at.0), &event.event, maybe(None), maybe(None)));
        now.chain(minutes).chain(pages).chain(sources).chain(countries).chain(recent).collect()
    }
}

impl Table for Quality {
    fn header(&self) -> Vec<&'static str> {
        vec!["figure", "reason", "count"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |name: &str, reason: &str, count: u64| vec![name.into(), reason.into(), figure(count)];
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
            counts.map(|(what, count)| row("journal", what, count))
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
            [name.into(), value].into_iter().chain(std::iter::repeat_n(maybe(None), 5)).collect::<Vec<_>>()
        };
        let ends = |Estimated { value, low, high }: &Estimated| [figure(*value), figure(*low), figure(*high)];
        let led = |name: &str, estimated: &WithLead| {
            std::iter::once(name.into())
                .chain(ends(&estimated.estimate))
                .chain(ends(&estimated.lead))
                .collect::<Vec<_>>()
        };
        let mut rows = vec![
            single("views", figure(self.views)),
            single("effective", figure(self.effective)),
            single("mean_weight", figure(self.mean_weight)),
        ];
        if let Some(now) = &self.now {
            let rest = std::iter::repeat_n(maybe(None), 3);
            rows.push(std::iter::once("now".into()).chain(ends(now)).chain(rest).collect());
        }
        if let Some(estimates) = &self.estimates {
            rows.push(led("ips", &estimates.ips));
            rows.push(led("snips", &estimates.snips));
            rows.push(led("doubly_robust", &estimates.doubly_robust));
        }
        rows.extend(self.refusal.map(|refusal| single("refusal", refusal.into())));
        rows
    }
}
