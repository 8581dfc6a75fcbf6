//! Answers as tables for spreadsheets.

use crate::wire::reports::{
    Estimated, Flaws, Funnel, FunnelStepAnswer, Overview, Pages, RecommendationRow, Recommendations, Sources, Visitors,
};

/// An answer that reads as one table.
pub trait Table {
    /// Names of the columns.
    fn header(&self) -> Vec<&'static str>;
    /// The rows, as many cells each as the header has.
    fn rows(&self) -> Vec<Vec<Cell>>;
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A text somebody may have chosen, such as a visitor or the author of a link.
    Text(String),
    /// A figure of ours.
    Figure(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn figure(value: impl std::fmt::Display + Copy) -> Cell {
    Cell::Figure(value.to_string())
}

fn maybe(value: Option<i64>) -> Cell {
    Cell::Figure(value.map(|v| v.to_string()).unwrap_or_default())
}

/// The table as CSV (RFC 4180) with a header line. A text that a spreadsheet would take for a formula is
/// preceded by an apostrophe.
#[must_use]
pub fn write(table: &impl Table) -> Vec<u8> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let lines = std::iter::once(table.header().into_iter().map(Cell::from).collect()).chain(table.rows());
    for line in lines {
        let cells: Vec<String> = line.into_iter().map(shown).collect();
        csv.write_record(&cells).expect("writing to memory does not fail, and all rows are as wide as the header");
    }
    csv.into_inner().expect("writing to memory does not fail")
}

fn shown(cell: Cell) -> String {
    match cell {
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => ["'", &text].concat(),
        Cell::Text(text) | Cell::Figure(text) => text,
    }
}

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

impl Table for Flaws {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reports::SourceRow;

    #[test]
    fn texts_are_quoted_and_never_become_formulas() {
        let row = |value: &str| SourceRow {
            value: value.into(),
            visitors: 1,
            sessions: 2,
            pageviews: 3,
            orders: 0,
            revenue_minor: -5,
        };
        let table = Sources { rows: vec![row("a,\"b\""), row("=HYPERLINK(1)")] };
        let text = String::from_utf8(write(&table)).unwrap();
        assert_eq!(
            text,
            "value,visitors,sessions,pageviews,orders,revenue_minor\r\n\"a,\"\"b\"\"\",1,2,3,0,-5\r\n'=HYPERLINK(1),1,2,3,0,-5\r\n"
        );
    }
}
