//! Off-policy evaluation: the estimated click-through of another choice of models, before it is deployed.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{
    Report, ReportError, Reports, invalid,
    period::Period,
    recommendations::{slot_param, to_count, to_estimated},
};
use crate::{
    estimate::{self, Evaluation, Interval, Refusal, TargetPolicy},
    model::Site,
    store::{Param, Row},
    wire::reports::{EstimateWithLead, WhatIf, WhatIfEstimates, WhatIfQuestion},
};

const LOG: &str = include_str!("../store/sql/reports.recommendation_log.sql");

/// Maximum number of log rows; each is of one visitor, slot, model and draw.
const ROWS_MAX: usize = 500_000;
const MODELS_MAX: usize = 20;

#[derive(Row, Deserialize)]
struct LogRow {
    cluster: u128,
    of_slot: String,
    of_model: String,
    of_probability: f64,
    to_try: f64,
    is_tried: u8,
    views: f64,
    clicked_views: f64,
}

/// Dense ids of names, in order of first use.
#[derive(Default)]
struct NameIds(HashMap<String, u32>);

impl NameIds {
    fn id(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        match self.0.get(name) {
            Some(id) => *id,
            None => *self.0.entry(name.to_owned()).or_insert(next),
        }
    }

    fn name(&self, id: u32) -> &str {
        self.0.iter().find(|(_, known)| **known == id).map_or("", |(name, _)| name)
    }
}

impl Reports {
    /// Estimates the click-through of recommended slots under another choice of models.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn what_if(&self, site: &Site, request: &WhatIfQuestion) -> Result<WhatIf, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        check(request)?;
        let mut params = period.params(site.id);
        params.push(("slot", slot_param(request.slot.as_deref())?));
        params.push(("limit", Param::U64(ROWS_MAX as u64)));
        let log: Vec<LogRow> = self.start(Report::WhatIf).query(LOG, &params).await?;
        let (mut slots, mut models) = (NameIds::default(), NameIds::default());
        let mut views_by_model: BTreeMap<String, u64> = BTreeMap::new();
        let sampled = log.len() == ROWS_MAX;
        let row = |logged: LogRow| {
            *views_by_model.entry(logged.of_model.clone()).or_default() += to_count(logged.views);
            estimate::LogRow {
                cluster: logged.cluster,
                slot: slots.id(&logged.of_slot),
                model: models.id(&logged.of_model),
                model_probability: logged.of_probability,
                explore: logged.to_try,
                explored: logged.is_tried != 0,
                views: logged.views,
                clicked: logged.clicked_views,
            }
        };
        let rows: Vec<estimate::LogRow> = log.into_iter().map(row).collect();
        let choice = choice(request, &mut models);
        // Half a million rows take some tenths of a second of CPU time.
        let evaluated = tokio::task::spawn_blocking(move || estimate::evaluate(&rows, &choice)).await;
        let evaluation = evaluated.map_err(|error| ReportError::Failed(error.to_string()))?;
        Ok(response(evaluation, &models, views_by_model, sampled))
    }
}

fn check(request: &WhatIfQuestion) -> Result<(), ReportError> {
    let shares = request.models.values();
    if request.models.len() > MODELS_MAX || request.models.keys().any(|model| model.len() > 100) {
        return invalid("models must name at most 20 models");
    }
    if shares.clone().any(|share| !share.is_finite() || *share < 0.0 || *share > 1e6) {
        return invalid("the shares of models must be 0 or more");
    }
    if !request.models.is_empty() && shares.sum::<f64>() <= 0.0 {
        return invalid("at least one model must have a share");
    }
    if request.explore_items.is_some_and(|share| !(0.0..=0.5).contains(&share)) {
        return invalid("explore_items must be 0 to 0.5");
    }
    Ok(())
}

fn choice(request: &WhatIfQuestion, ids: &mut NameIds) -> TargetPolicy {
    let sum: f64 = request.models.values().sum();
    let shares: Vec<(u32, f64)> = request.models.iter().map(|(model, share)| (ids.id(model), share / sum)).collect();
    let mut models = Vec::new();
    for (id, share) in shares {
        let index = id as usize;
        models.resize(models.len().max(index + 1), 0.0);
        models[index] = share;
    }
    TargetPolicy { models, explore: request.explore_items }
}

fn response(evaluation: Evaluation, models: &NameIds, views_by_model: BTreeMap<String, u64>, sampled: bool) -> WhatIf {
    let Evaluation { views, effective, mean_weight, now, outcome } = evaluation;
    let with_lead = |(estimate, lead): (Interval, Interval)| EstimateWithLead {
        estimate: to_estimated(estimate),
        lead: to_estimated(lead),
    };
    let (refusal, because, estimates) = match outcome {
        Ok(estimates) => {
            let [ips, snips, doubly_robust] = [estimates.ips, estimates.snips, estimates.doubly_robust].map(with_lead);
            (None, None, Some(WhatIfEstimates { ips, snips, doubly_robust }))
        }
        Err(refusal) => {
            let (code, because) = reason(&refusal, models, views, effective, mean_weight);
            (Some(code), Some(because), None)
        }
    };
    WhatIf {
        views: to_count(views),
        effective: to_count(effective.floor()),
        mean_weight,
        sampled,
        now: now.map(to_estimated),
        estimates,
        refusal,
        because,
        models: views_by_model,
    }
}

fn reason(refusal: &Refusal, models: &NameIds, views: f64, effective: f64, mean_weight: f64) -> (&'static str, String) {
    let (effective, views) = (effective.floor(), views.round());
    match refusal {
        Refusal::Nothing => ("nothing", "nothing was shown in this period".into()),
        Refusal::NeverShown(model) => (
            "never_shown",
            format!("`{}` was never shown in this period, so there is no data about it", models.name(*model)),
        ),
        Refusal::TooLittleOverlap => (
            "too_little_overlap",
            format!(
                "too little overlap: the {views} views of this period count as only {effective} views under the choice"
            ),
        ),
        Refusal::TooFewClicks => (
            "too_few_clicks",
            format!("too few clicks: of {views} views, too few that count for the choice were clicked"),
        ),
        Refusal::Unsupported => (
            "unsupported",
            format!(
                "the weights average {mean_weight:.2} and should average 1: parts of what the choice would show are not in this period's log"
            ),
        ),
    }
}
