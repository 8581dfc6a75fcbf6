//! CSV columns and rows of the reports on what people do.

use super::{Cell, Table, number};
use crate::wire::reports::{Attribution, AttributionRow, Cohort, Paths, Retention};

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
        let row = |row: &AttributionRow| {
            vec![row.value.as_str().into(), number(row.conversions), number(row.revenue_minor)]
        };
        self.rows.iter().map(row).collect()
    }
}
