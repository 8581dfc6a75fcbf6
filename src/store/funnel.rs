//! The one question whose text depends on what is asked: which events a funnel's steps name.
//!
//! The conditions a marketer writes become `fragments` of SQL with numbered parameters; whatever the
//! marketer wrote travels as the value of a parameter, so none of it is ever part of a statement.

mod fragments;

use clickhouse::Row;
use fragments::Fragments;
pub use fragments::is_column;
use serde::Deserialize;

use super::{Param, Store, StoreError};
use crate::{
    model::{SiteId, VisitorId},
    wire::reports::FunnelStep,
};

const HISTORIES: &str = include_str!("sql/reports.funnel.sql");
const STRICT_HISTORIES: &str = include_str!("sql/reports.funnel_strict.sql");
const GROUPS: &str = include_str!("sql/reports.funnel_groups.sql");

/// What is asked of the warehouse.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The site.
    pub site: SiteId,
    /// A way begins at or after this, milliseconds.
    pub from_ms: i64,
    /// A way begins before this, milliseconds.
    pub to_ms: i64,
    /// The last event that can matter, milliseconds.
    pub last_ms: i64,
    /// The steps, at most 20.
    pub steps: &'a [FunnelStep],
    /// Events that end a way.
    pub exclude: &'a [FunnelStep],
    /// Whether every event of a visitor matters, because steps must follow each other with nothing between.
    pub strict: bool,
    /// Names of events that nevertheless do not matter.
    pub ignore: &'a [String],
    /// Bits of the steps that a way may begin with.
    pub entry_bits: u32,
    /// Column or property whose value at the entry groups the visitors.
    pub breakdown: Option<&'a str>,
}

#[derive(Row, Deserialize)]
struct HistoryRow {
    visitor: u128,
    marks: Vec<u64>,
}

impl Store {
    /// Hands every visitor who enters the funnel to `with`, with the marks of the history in order, as
    /// `reports.funnel.sql` explains them. `groups` are the values of the breakdown that count for themselves.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn funnel_histories(
        &self,
        question: Question<'_>,
        groups: &[String],
        mut with: impl FnMut(VisitorId, &[u64]),
    ) -> Result<(), StoreError> {
        let mut texts = Fragments::new(question);
        let marks = texts.marks(question.steps, question.exclude);
        let group = match question.breakdown {
            Some(field) => ["indexOf({groups:Array(String)}, ", &texts.value(field), ")"].concat(),
            None => "0".to_owned(),
        };
        let last = [
            ("last_ms", Param::I64(question.last_ms)),
            ("entry_bits", Param::U32(question.entry_bits)),
            ("names", Param::ArrayStr(names(question))),
            ("page_views", Param::U8(u8::from(every_step(question).any(|s| s.event == FunnelStep::PAGE)))),
            ("groups", Param::ArrayStr(groups.to_vec())),
            ("ignored", Param::ArrayStr(ignored(question))),
        ];
        let text = if question.strict { STRICT_HISTORIES } else { HISTORIES };
        let text = text.replace("$MARKS", &marks).replace("$GROUP", &group);
        let limit = self.share.time(self.query_timeout);
        let mut query = self.reading(without_header(&text), limit);
        for (name, value) in texts.params.iter().map(|(n, v)| (n.as_str(), v)).chain(last.iter().map(|(n, v)| (*n, v)))
        {
            query = query.param(name, value);
        }
        let read = async {
            let mut rows = query.fetch::<HistoryRow>()?;
            while let Some(row) = rows.next().await? {
                with(VisitorId(row.visitor), &row.marks);
            }
            Ok(())
        };
        self.within(limit, read).await
    }

    /// The `limit` most frequent values of the breakdown among the visitors who enter.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn funnel_groups(
        &self,
        question: Question<'_>,
        breakdown: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut texts = Fragments::new(question);
        texts.params.push(("limit".into(), Param::U32(limit)));
        let entries = question.steps.iter().enumerate().filter(|(place, _)| question.entry_bits >> place & 1 == 1);
        let enters: Vec<String> = entries.map(|(_, step)| texts.step(step)).collect();
        let value = texts.value(breakdown);
        let text = GROUPS.replace("$ENTERS", &enters.join(" OR ")).replace("$VALUE", &value);
        let limit = self.share.time(self.query_timeout);
        let mut query = self.reading(without_header(&text), limit);
        for (name, value) in &texts.params {
            query = query.param(name, value);
        }
        self.within(limit, query.fetch_all()).await
    }
}

fn every_step(question: Question<'_>) -> impl Iterator<Item = &FunnelStep> {
    question.steps.iter().chain(question.exclude)
}

fn names(question: Question<'_>) -> Vec<String> {
    let mut names: Vec<String> = every_step(question).map(|step| step.event.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What a step or an exclusion names always matters.
fn ignored(question: Question<'_>) -> Vec<String> {
    let named = |name: &String| every_step(question).any(|step| step.event == *name);
    question.ignore.iter().filter(|name| !named(name)).cloned().collect()
}

/// The statement without its comment, which speaks of fragments too.
fn without_header(text: &str) -> &str {
    text.find("\nSELECT").map_or(text, |at| &text[at..])
}
