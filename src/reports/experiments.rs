//! Results of an experiment: people, metrics and what to do now.

mod advice;

use std::collections::BTreeMap;

use super::{Report, ReportError, Reports, invalid, people, period::DAY_MS};
use crate::{
    estimate::{
        Bayesian, VariantMoments, adjusted_lift, bayesian_rates, detectable, holm, lift, people_needed, sample_ratio,
    },
    model::{Metric, MetricKind, Site, StoredExperiment, Timestamp},
    store::{ExperimentQuery, VariantPeople},
    wire::reports::{
        AdjustedLift, ExperimentQuestion, ExperimentReport, MetricPower, MetricReport, PowerReport, SampleRatioReport,
        SeveralVariants, VariantReport,
    },
};

/// How long before the first exposure a figure is compared with that after it.
const BEFORE_MS: i64 = 28 * DAY_MS;
/// The relative effect that `power` is about by default.
const EFFECT: f64 = 0.05;

/// A metric's sums, by variant.
type Sums = Vec<VariantMoments>;

impl Reports {
    /// The results of an experiment.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn experiment(
        &self,
        site: &Site,
        stored: &StoredExperiment,
        request: &ExperimentQuestion,
        now: Timestamp,
    ) -> Result<ExperimentReport, ReportError> {
        let experiment = &stored.experiment;
        let effect = request.effect.unwrap_or(EFFECT);
        if !(0.0001..=10.0).contains(&effect) {
            return invalid("effect must be 0.0001 to 10: 0.05 is five per cent");
        }
        let from = request.from.map(|from| from.0.0).or(stored.counted_from_ms).unwrap_or(0);
        let to = request.to.map_or(now.0 + DAY_MS, |to| to.0.0);
        if from >= to {
            return invalid("from must be before to");
        }
        let keys: Vec<String> = experiment.variants.iter().map(|variant| variant.key.clone()).collect();
        let run = self.start(Report::Experiments);
        let query = ExperimentQuery {
            site,
            experiment: &experiment.key,
            variants: &keys,
            exposed_ms: from,
            to_ms: to,
            before_ms: BEFORE_MS,
            join_people: people::are_joined(&run, site.id, request.unit).await?,
            session_ms: site.visitors.session_ms(self.shared.session_minutes),
        };
        let store = run.store().await?;
        let counted = run.finish(store.experiment_people(query)).await?;
        let mut sums = Vec::new();
        for metric in experiment.metrics.iter().chain(&experiment.guardrails) {
            let rows = run.finish(store.experiment_metric(query, metric)).await?;
            let of =
                |key: &String| rows.iter().find(|(known, _)| known == key).map(|(_, sums)| *sums).unwrap_or_default();
            sums.push((metric, keys.iter().map(of).collect::<Sums>()));
        }
        let weights: Vec<f64> = experiment.variants.iter().map(|variant| variant.weight).collect();
        let people: Vec<u64> = keys.iter().map(|key| people_of(&counted, key)).collect();
        let (metrics, guardrails) = sums.split_at(experiment.metrics.len());
        let ratio = sample_ratio(&people, &weights);
        let variants = variants(&keys, &people, metrics, guardrails);
        let several: u64 = counted.iter().map(|row| row.several).sum();
        let all: u64 = people.iter().sum();
        Ok(ExperimentReport {
            experiment: experiment.key.clone(),
            status: experiment.status,
            advice: advice::advice(&experiment.metrics, &variants, ratio.alarm),
            sample_ratio: SampleRatioReport { p: ratio.p, alarm: ratio.alarm },
            several_variants: SeveralVariants {
                people: several,
                share: (all > 0).then(|| several as f64 / all as f64),
            },
            power: power(&counted, metrics, effect, now.0.min(to)),
            variants,
            currency: site.currency.as_str().to_owned(),
        })
    }
}

fn people_of(counted: &[VariantPeople], key: &str) -> u64 {
    counted.iter().find(|row| row.variant == key).map_or(0, |row| row.people)
}

fn variants(
    keys: &[String],
    people: &[u64],
    metrics: &[(&Metric, Sums)],
    guardrails: &[(&Metric, Sums)],
) -> Vec<VariantReport> {
    let (mut metrics, mut guardrails) = (compared(keys.len(), metrics), compared(keys.len(), guardrails));
    let variant = |(index, key): (usize, &String)| VariantReport {
        key: key.clone(),
        people: people[index],
        metrics: std::mem::take(&mut metrics[index]),
        guardrails: std::mem::take(&mut guardrails[index]),
    };
    keys.iter().enumerate().map(variant).collect()
}

/// Each variant's metrics, with p-values corrected for all metrics and variants together.
fn compared(variants: usize, metrics: &[(&Metric, Sums)]) -> Vec<BTreeMap<String, MetricReport>> {
    let mut reports = vec![BTreeMap::new(); variants];
    let mut tested: Vec<(usize, &str, f64)> = Vec::new();
    for (metric, sums) in metrics {
        for (index, own) in sums.iter().enumerate() {
            let (report, p) = compare(metric, (index > 0).then(|| &sums[0]), own);
            tested.extend(p.map(|p| (index, metric.name.as_str(), p)));
            reports[index].insert(metric.name.clone(), report);
        }
    }
    let corrected = holm(&tested.iter().map(|(.., p)| *p).collect::<Vec<_>>());
    for ((index, name, _), adjusted) in tested.into_iter().zip(corrected) {
        if let Some(report) = reports[index].get_mut(name) {
            report.adjusted_p = Some(adjusted);
        }
    }
    reports
}

/// A metric of a variant, with its p-value.
fn compare(metric: &Metric, control: Option<&VariantMoments>, own: &VariantMoments) -> (MetricReport, Option<f64>) {
    let plain = MetricReport { total: own.y, mean: own.mean(), ..MetricReport::default() };
    let Some(control) = control else { return (plain, None) };
    let found = lift(control, own);
    let bayesian: Option<Bayesian> = match metric.kind {
        MetricKind::Conversion => bayesian_rates(control, own, metric.lower_is_better),
        MetricKind::Count | MetricKind::Sum => found.map(|found| found.bayesian(metric.lower_is_better)),
    };
    let adjusted = adjusted_lift(control, own).map(|(lift, variance_reduction)| AdjustedLift {
        lift: lift.interval.value,
        interval: [lift.interval.low, lift.interval.high],
        variance_reduction,
    });
    let ratio = |base: f64| plain.mean.map(|mean| (mean - base) / base.abs());
    let report = MetricReport {
        lift: control.mean().filter(|base| *base != 0.0).and_then(ratio),
        interval: found.map(|found| [found.interval.low, found.interval.high]),
        chance_to_win: bayesian.map(|view| view.chance_to_win),
        expected_loss: bayesian.map(|view| view.expected_loss),
        adjusted,
        ..plain
    };
    (report, found.map(|found| found.p))
}

/// How long it takes to see an effect, by the control's variance.
fn power(counted: &[VariantPeople], metrics: &[(&Metric, Sums)], effect: f64, now_ms: i64) -> PowerReport {
    let all: u64 = counted.iter().map(|row| row.people).sum();
    let first_ms = counted.iter().map(|row| row.began_ms).min();
    let days = first_ms.map_or(0.0, |first_ms| (now_ms - first_ms).max(0) as f64 / DAY_MS as f64);
    // Of less than a day there is no daily number yet.
    let people_per_day = (all > 0).then(|| all as f64 / days.max(1.0));
    let of = |(metric, sums): &(&Metric, Sums)| {
        let variants = sums.len().max(1) as f64;
        let relative = sums.first().and_then(VariantMoments::relative_variance).filter(|variance| *variance > 0.0);
        let needed = relative.and_then(|relative| people_needed(relative, effect)).map(|people| people * variants);
        let power = MetricPower {
            detectable_effect: relative.filter(|_| all > 0).map(|relative| detectable(relative, all as f64 / variants)),
            people_needed: needed,
            days_needed: needed.zip(people_per_day).map(|(needed, daily)| needed / daily),
        };
        (metric.name.clone(), power)
    };
    PowerReport { days, people_per_day, effect, metrics: metrics.iter().map(of).collect() }
}
