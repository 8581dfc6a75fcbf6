//! CSV columns and rows of the reports on what people do.

use super::{Cell, Table, number, optional_fraction};
use crate::wire::reports::{
    Attribution, AttributionRow, Cohort, ErrorRow, Errors, EventRow, EventSample, Events, GoalRow, Goals, LinkKind,
    LinkRow, Links, LocationRow, Locations, Paths, ProductRow, Products, Retention, SearchRow, Searches, SegmentSize,
    SegmentSizes, TrendPoint, Vitals, VitalsRow,
};

impl Table for Retention {
    fn header(&self) -> Vec<&'static str> {
        vec!["cohort", "people", "interval", "returned"]
    }

    /// One row for each interval that is over; 0 is the cohort's own.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |cohort: &Cohort, interval: usize, returned: u64| {
            vec![number(cohort.start.0), number(cohort.people), number(interval), number(returned)]
        };
        let of = |cohort: &Cohort| -> Vec<Vec<Cell>> {
            let counted = cohort.returned.iter().enumerate().filter_map(|(interval, n)| n.map(|n| (interval, n)));
            counted.map(|(interval, returned)| row(cohort, interval, returned)).collect()
        };
        self.cohorts.iter().flat_map(of).collect()
    }
}

impl Table for Paths {
    fn header(&self) -> Vec<&'static str> {
        vec!["step", "source", "target", "people"]
    }

    /// Links, then the ends, whose target is empty.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |step: u32, source: &String, target: &str, people: u64| {
            vec![number(step), source.as_str().into(), target.into(), number(people)]
        };
        let links = self.links.iter().map(|link| row(link.step, &link.source, &link.target, link.people));
        links.chain(self.ends.iter().map(|end| row(end.step, &end.node, "", end.people))).collect()
    }
}

impl Table for Attribution {
    fn header(&self) -> Vec<&'static str> {
        vec!["value", "conversions", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row =
            |row: &AttributionRow| vec![row.value.as_str().into(), number(row.conversions), number(row.revenue_minor)];
        self.rows.iter().map(row).collect()
    }
}

impl Table for Goals {
    fn header(&self) -> Vec<&'static str> {
        vec!["goal", "name", "people", "conversions", "rate", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &GoalRow| {
            vec![
                row.goal.as_str().into(),
                row.name.as_str().into(),
                number(row.people),
                number(row.conversions),
                optional_fraction(row.rate),
                number(row.revenue_minor),
            ]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Products {
    fn header(&self) -> Vec<&'static str> {
        vec!["item", "title", "viewers", "carts", "buyers", "units", "revenue_minor", "bought_per_view"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &ProductRow| {
            vec![
                row.item.as_str().into(),
                row.title.as_str().into(),
                number(row.viewers),
                number(row.carts),
                number(row.buyers),
                number(row.units),
                number(row.revenue_minor),
                optional_fraction(row.bought_per_view),
            ]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Locations {
    fn header(&self) -> Vec<&'static str> {
        vec!["value", "country", "visitors", "sessions", "pageviews", "orders", "revenue_minor"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &LocationRow| {
            vec![
                row.value.as_str().into(),
                row.country.as_str().into(),
                number(row.visitors),
                number(row.sessions),
                number(row.pageviews),
                number(row.orders),
                number(row.revenue_minor),
            ]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Searches {
    fn header(&self) -> Vec<&'static str> {
        vec!["query", "searches", "people", "no_results"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &SearchRow| {
            vec![row.query.as_str().into(), number(row.searches), number(row.people), number(row.no_results)]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Links {
    fn header(&self) -> Vec<&'static str> {
        vec!["kind", "url", "clicks", "people"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &LinkRow| {
            vec![kind(row.kind).into(), row.url.as_str().into(), number(row.clicks), number(row.people)]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Errors {
    fn header(&self) -> Vec<&'static str> {
        vec!["message", "source", "events", "people", "first_at", "last_at"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &ErrorRow| {
            vec![
                row.message.as_str().into(),
                row.source.as_str().into(),
                number(row.events),
                number(row.people),
                number(row.first_at.0),
                number(row.last_at.0),
            ]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for Vitals {
    fn header(&self) -> Vec<&'static str> {
        vec!["path", "samples", "lcp_p75_ms", "inp_p75_ms", "cls_p75", "fcp_p75_ms", "ttfb_p75_ms"]
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let row = |row: &VitalsRow| {
            vec![
                row.path.as_str().into(),
                number(row.samples),
                optional_fraction(row.lcp_p75_ms),
                optional_fraction(row.inp_p75_ms),
                optional_fraction(row.cls_p75),
                optional_fraction(row.fcp_p75_ms),
                optional_fraction(row.ttfb_p75_ms),
            ]
        };
        self.rows.iter().map(row).collect()
    }
}

impl Table for SegmentSizes {
    fn header(&self) -> Vec<&'static str> {
        vec!["segment", "name", "date", "members", "entered", "left"]
    }

    /// One row per segment and day.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let of = |row: &SegmentSize| -> Vec<Vec<Cell>> {
            let names = [&row.segment, &row.name].map(|text| Cell::from(text.as_str()));
            let day = |day: &crate::wire::segments::SegmentDay| {
                let counts = [day.members, day.entered, day.left].map(number);
                names.iter().cloned().chain([Cell::Number(day.date.clone())]).chain(counts).collect()
            };
            row.days.iter().map(day).collect()
        };
        self.rows.iter().flat_map(of).collect()
    }
}

impl Table for Events {
    fn header(&self) -> Vec<&'static str> {
        match self {
            Self::Names(_) => vec!["event", "count", "people"],
            Self::Trend(_) => vec!["at", "value", "count"],
            Self::Samples(_) => vec!["at", "path", "device", "country", "properties"],
        }
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let name = |row: &EventRow| vec![row.event.as_str().into(), number(row.count), number(row.people)];
        let point = |point: &TrendPoint| -> Vec<Vec<Cell>> {
            let row = |(value, count): (&String, &u64)| vec![number(point.at.0), value.as_str().into(), number(*count)];
            point.values.iter().map(row).collect()
        };
        let sample = |sample: &EventSample| {
            let texts = [&sample.path, &sample.device, &sample.country].map(|text| Cell::from(text.as_str()));
            let properties = Cell::Text(sample.properties.to_string());
            std::iter::once(number(sample.at.0)).chain(texts).chain([properties]).collect()
        };
        match self {
            Self::Names(names) => names.rows.iter().map(name).collect(),
            Self::Trend(trend) => trend.series.iter().flat_map(point).collect(),
            Self::Samples(samples) => samples.samples.iter().map(sample).collect(),
        }
    }
}

const fn kind(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Outbound => "outbound",
        LinkKind::Download => "download",
    }
}
