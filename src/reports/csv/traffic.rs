//! CSV columns and rows of the reports on traffic.

use super::{Cell, Table, number, optional_fraction, optional_number};
use crate::wire::reports::{
    CampaignRow, Campaigns, Funnel, FunnelStepAnswer, Overview, Pages, Realtime, Sources, Visitors,
};

impl Table for Overview {
    fn header(&self) -> Vec<&'static str> {
        vec!["at", "events", "pageviews", "visitors", "sessions", "orders", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |p: &crate::wire::reports::SeriesPoint| {
            let counts = [p.events, p.pageviews, p.visitors, p.sessions, p.orders];
            let figures = counts.into_iter().map(number).chain([number(p.revenue_minor)]);
            std::iter::once(number(p.at.0)).chain(figures).collect()
        };
        self.series.iter().map(row).collect()
    }
}

impl Table for Pages {
    fn header(&self) -> Vec<&'static str> {
        vec!["path", "title", "pageviews", "visitors", "entries", "exits"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |p: &crate::wire::reports::PageRow| {
            let counts = [p.pageviews, p.visitors, p.entries, p.exits];
            [p.path.as_str().into(), p.title.as_str().into()].into_iter().chain(counts.map(number)).collect()
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
            let counts = [s.visitors, s.sessions, s.pageviews, s.orders].map(number);
            let all = std::iter::once(s.value.as_str().into()).chain(counts);
            all.chain([number(s.revenue_minor)]).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Campaigns {
    fn header(&self) -> Vec<&'static str> {
        vec![
            "campaign",
            "source",
            "medium",
            "visitors",
            "sessions",
            "pageviews",
            "bounce_rate",
            "orders",
            "revenue_minor",
        ]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &CampaignRow| {
            let texts = [&row.campaign, &row.source, &row.medium].map(|text| Cell::from(text.as_str()));
            let mut cells = texts.to_vec();
            cells.extend([row.visitors, row.sessions, row.pageviews].map(number));
            cells.extend([optional_fraction(row.bounce_rate), number(row.orders), number(row.revenue_minor)]);
            cells
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
            let counts = [v.visitors, v.sessions, v.pageviews].map(number);
            std::iter::once(v.value.as_str().into()).chain(counts).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Funnel {
    fn header(&self) -> Vec<&'static str> {
        vec!["group", "step", "reached", "rate_of_first", "rate_of_previous", "median_ms", "p90_ms"]
    }

    /// All visitors first, with an empty group, then each group of the breakdown.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |group: &str, index: usize, s: &FunnelStepAnswer| {
            let rates = [
                number(s.rate_of_first),
                number(s.rate_of_previous),
                optional_number(s.median_ms),
                optional_number(s.p90_ms),
            ];
            [group.into(), number(index + 1), number(s.reached)].into_iter().chain(rates).collect()
        };
        let groups = self.breakdown.iter().flatten().map(|(name, group)| (name.as_str(), &group.steps));
        let all = std::iter::once(("", &self.steps)).chain(groups);
        all.flat_map(|(name, steps)| steps.iter().enumerate().map(move |(index, s)| row(name, index, s))).collect()
    }
}

impl Table for Realtime {
    fn header(&self) -> Vec<&'static str> {
        vec!["list", "value", "detail", "visitors", "pageviews"]
    }

    /// The lists of the report one after the other; recent events have neither visitors nor page views.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |list: &str, value: Cell, detail: &str, visitors: Cell, pageviews: Cell| {
            vec![list.into(), value, detail.into(), visitors, pageviews]
        };
        let now = std::iter::once(row("now", optional_number(None), "", number(self.visitors), optional_number(None)));
        let minutes = self
            .minutes
            .iter()
            .map(|minute| row("minutes", number(minute.at.0), "", number(minute.visitors), number(minute.pageviews)));
        let pages = self.pages.iter();
        let pages = pages
            .map(|page| row("pages", (&*page.path).into(), &page.title, number(page.visitors), optional_number(None)));
        let sources = self.sources.iter().map(|source| {
            row("sources", (&*source.source).into(), &source.channel, number(source.visitors), optional_number(None))
        });
        let countries = self.countries.iter().map(|country| {
            row("countries", (&*country.country).into(), "", number(country.visitors), optional_number(None))
        });
        let recent = self.recent.iter();
        let recent = recent
            .map(|event| row("recent", number(event.at.0), &event.event, optional_number(None), optional_number(None)));
        now.chain(minutes).chain(pages).chain(sources).chain(countries).chain(recent).collect()
    }
}
