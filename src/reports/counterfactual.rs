//! What another choice of models would have brought, before it is made.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    period::Period,
    recommendations::{slot, told, whole},
    refuse,
};
use crate::{
    estimate::{self, Choice, Interval, Refusal, Verdict},
    model::Site,
    store::{Param, Row},
    wire::reports::{WhatIf, WhatIfEstimates, WhatIfQuestion, WithLead},
};

const LOG: &str = include_str!("../store/sql/reports.recommendation_log.sql");

/// Rows that are read; each is of one visitor, slot, model and draw.
const ROWS_MAX: usize = 500_000;
const MODELS_MAX: usize = 20;

#[derive(Row, Deserialize)]
struct Found {
    cluster: u128,
    of_slot: String,
    of_model: String,
    of_probability: f64,
    to_try: f64,
    is_tried: u8,
    views: f64,
    clicked_views: f64,
}

/// Gives names numbers in the order in which they come.
#[derive(Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn of(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        match self.0.get(name) {
            Some(number) => *number,
            None => *self.0.entry(name.to_owned()).or_insert(next),
        }
    }

    fn name(&self, number: u32) -> &str {
        self.0.iter().find(|(_, known)| **known == number).map_or("", |(name, _)| name)
    }
}

impl Reports {
    /// What the click-through of recommended slots would have been with another choice.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn what_if(&self, site: &Site, question: &WhatIfQuestion) -> Result<WhatIf, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        check(question)?;
        let mut params = period.params(site.id);
        params.push(("slot", slot(question.slot.as_deref())?));
        params.push(("limit", Param::U64(ROWS_MAX as u64)));
        let asked = self.ask(Report::WhatIf);
        let found: Vec<Found> = asked.query(LOG, &params).await?;
        let (mut slots, mut models) = (Numbers::default(), Numbers::default());
        let mut shown: BTreeMap<String, u64> = BTreeMap::new();
        let sampled = found.len() == ROWS_MAX;
        let row = |found: Found| {
            *shown.entry(found.of_model.clone()).or_default() += whole(found.views);
            estimate::Row {
                cluster: found.cluster,
                slot: slots.of(&found.of_slot),
                model: models.of(&found.of_model),
                model_probability: found.of_probability,
                explore: found.to_try,
                explored: found.is_tried != 0,
                views: found.views,
                clicked: found.clicked_views,
            }
        };
        let rows: Vec<estimate::Row> = found.into_iter().map(row).collect();
        let choice = choice(question, &mut models);
        // Half a million rows take some tenths of a second of one processor.
        let judged = tokio::task::spawn_blocking(move || estimate::judge(&rows, &choice)).await;
        let verdict = judged.map_err(|error| ReportError::Question(format!("it could not be judged: {error}")))?;
        Ok(answer(verdict, &models, shown, sampled))
    }
}

fn check(question: &WhatIfQuestion) -> Result<(), ReportError> {
    let shares = question.models.values();
    if question.models.len() > MODELS_MAX || question.models.keys().any(|model| model.len() > 100) {
        return refuse("models must name at most 20 models");
    }
    if shares.clone().any(|share| !share.is_finite() || *share < 0.0 || *share > 1e6) {
        return refuse("the shares of models must be 0 or more");
    }
    if !question.models.is_empty() && shares.sum::<f64>() <= 0.0 {
        return refuse("one model at least must have a share");
    }
    if question.explore_items.is_some_and(|share| !(0.0..=0.5).contains(&share)) {
        return refuse("explore_items must be 0 to 0.5");
    }
    Ok(())
}

fn choice(question: &WhatIfQuestion, numbers: &mut Numbers) -> Choice {
    let sum: f64 = question.models.values().sum();
    let shares: Vec<(u32, f64)> =
        question.models.iter().map(|(model, share)| (numbers.of(model), share / sum)).collect();
    let mut models = Vec::new();
    for (number, share) in shares {
        let place = number as usize;
        models.resize(models.len().max(place + 1), 0.0);
        models[place] = share;
    }
    Choice { models, explore: question.explore_items }
}

fn answer(verdict: Verdict, models: &Numbers, shown: BTreeMap<String, u64>, sampled: bool) -> WhatIf {
    let Verdict { views, effective, mean_weight, now, outcome } = verdict;
    let with_lead = |(estimate, lead): (Interval, Interval)| WithLead { estimate: told(estimate), lead: told(lead) };
    let (refusal, because, estimates) = match outcome {
        Ok(told) => {
            let [ips, snips, doubly_robust] = [told.ips, told.snips, told.doubly_robust].map(with_lead);
            (None, None, Some(WhatIfEstimates { ips, snips, doubly_robust }))
        }
        Err(refusal) => {
            let (word, because) = reason(&refusal, models, views, effective, mean_weight);
            (Some(word), Some(because), None)
        }
    };
    WhatIf {
        views: whole(views),
        effective: whole(effective.floor()),
        mean_weight,
        sampled,
        now: now.map(told),
        estimates,
        refusal,
        because,
        models: shown,
    }
}

fn reason(refusal: &Refusal, models: &Numbers, views: f64, effective: f64, mean_weight: f64) -> (&'static str, String) {
    let (effective, views) = (effective.floor(), views.round());
    match refusal {
        Refusal::Nothing => ("nothing", "nothing was shown in this period".into()),
        Refusal::NeverShown(model) => {
            ("never_shown", format!("`{}` was never shown in this period, so nothing tells of it", models.name(*model)))
        }
        Refusal::TooLittleOverlap => (
            "too_little_overlap",
            format!("too little overlap: the {views} views of this period are worth {effective} of the choice's"),
        ),
        Refusal::TooFewClicks => (
            "too_few_clicks",
            format!("too few clicks: of {views} views hardly any that count for the choice were clicked"),
        ),
        Refusal::Unsupported => (
            "unsupported",
            format!(
                "the weights average {mean_weight:.2} and should average 1: parts of what the choice would show are not in this period's log"
            ),
        ),
    }
}
