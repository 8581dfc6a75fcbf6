//! Results of offers: reach, clicks, conversions and revenue, compared with the control group.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, ReportError, Reports, check_text, invalid, money, people, period::Period};
use crate::{
    estimate::{Group, Interval, relative_lift, total_lift},
    model::{Offer, Site},
    store::{OfferGroupRow, funnel::FunnelQuery},
    wire::reports::{FunnelStage, FunnelStep, OfferResult, OfferResults, OffersQuestion},
};

/// Different goals of one question.
const GOALS_MAX: usize = 20;
const METHOD: &str = "Relative lift of the conversion rate with a 95% interval by the delta method on the log of the ratio (Katz \
                      et al. 1978); lift in revenue as the difference of means per person (Welch) times the people reached; \
                      both for one look at the end of the period.";

impl Reports {
    /// Results of a site's offers in a period.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn offers(
        &self,
        site: &Site,
        offers: &[Offer],
        request: &OffersQuestion,
    ) -> Result<OfferResults, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let only = request.offer.as_deref();
        check_text("offer", only.unwrap_or_default())?;
        let asked: Vec<&Offer> = offers.iter().filter(|offer| only.is_none_or(|id| offer.id == id)).collect();
        let (steps, goals) = goals(&asked)?;
        let steps: Vec<FunnelStage> = steps.into_iter().map(FunnelStage::from).collect();
        let run = self.start(Report::Offers);
        let join_people = people::are_joined(&run, site.id, request.unit).await?;
        let query = FunnelQuery {
            site: site.id,
            from_ms: period.from,
            to_ms: period.to,
            last_ms: period.to,
            steps: &steps,
            exclude: &[],
            strict: false,
            ignore: &[],
            entry_bits: 0,
            breakdown: None,
            filters: None,
            join_people,
            session_ms: site.visitors.session_ms(self.shared.session_minutes),
        };
        let store = run.store().await?;
        let rows = run.finish(store.offer_results(query, &goals, money::params(site))).await?;
        let mut groups: BTreeMap<&str, [Option<&OfferGroupRow>; 3]> = BTreeMap::new();
        for row in rows.iter().filter(|row| only.is_none_or(|id| row.offer == id)) {
            groups.entry(&row.offer).or_default()[usize::from(row.of_group.min(2))] = Some(row);
        }
        let ids: BTreeSet<&str> = groups.keys().copied().chain(asked.iter().map(|offer| offer.id.as_str())).collect();
        let known: BTreeMap<&str, &Offer> = asked.iter().map(|offer| (offer.id.as_str(), *offer)).collect();
        let result = |id: &str| result(id, known.get(id).copied(), groups.get(id).copied().unwrap_or_default());
        Ok(OfferResults {
            currency: site.currency.as_str().to_owned(),
            method: METHOD,
            rows: ids.into_iter().map(result).collect(),
        })
    }
}

/// Ids of offers, each with the index of its goal.
type GoalOfOffer = Vec<(String, usize)>;

/// The different goals, and which offer has which.
fn goals(offers: &[&Offer]) -> Result<(Vec<FunnelStep>, GoalOfOffer), ReportError> {
    let (mut steps, mut goals) = (Vec::<FunnelStep>::new(), Vec::new());
    for offer in offers {
        let Some(goal) = &offer.goal else { continue };
        let known = steps.iter().position(|step| step == goal);
        let index = known.unwrap_or_else(|| {
            steps.push(goal.clone());
            steps.len() - 1
        });
        goals.push((offer.id.clone(), index));
    }
    if steps.len() > GOALS_MAX {
        return invalid("the offers have too many different goals for one question: ask for one `offer` at a time");
    }
    Ok((steps, goals))
}

fn result(id: &str, offer: Option<&Offer>, [shown, control, holdout]: [Option<&OfferGroupRow>; 3]) -> OfferResult {
    let compared = control.map(|row| ("control", row)).or(holdout.map(|row| ("holdout", row)));
    let (treated, other) = (group(shown), group(compared.map(|(_, row)| row)));
    let (lift, money) = (relative_lift(&treated, &other), total_lift(&treated, &other));
    let impressions = shown.map_or(0, |row| row.impressions);
    OfferResult {
        offer: id.to_owned(),
        name: offer.map(|offer| offer.name.clone()).unwrap_or_default(),
        status: offer.map(|offer| offer.status().into()),
        people: treated.people,
        impressions,
        clicks: shown.map_or(0, |row| row.clicks),
        clickers: shown.map_or(0, |row| row.clickers),
        conversions: treated.conversions,
        revenue_minor: shown.map_or(0, |row| row.revenue_minor),
        cost_minor: offer
            .and_then(|offer| offer.cost_minor)
            .map(|cost| cost.saturating_mul(i64::try_from(impressions).unwrap_or(i64::MAX))),
        compared_with: compared.map(|(name, _)| name),
        control_people: other.people,
        control_conversions: other.conversions,
        control_revenue_minor: compared.map_or(0, |(_, row)| row.revenue_minor),
        lift: lift.map(|lift| lift.value),
        interval: lift.map(|Interval { low, high, .. }| [low, high]),
        lift_revenue_minor: money.map(|money| to_minor(money.value)),
        lift_revenue_interval: money.map(|Interval { low, high, .. }| [to_minor(low), to_minor(high)]),
    }
}

fn group(row: Option<&OfferGroupRow>) -> Group {
    row.map_or_else(Group::default, |row| Group {
        people: row.people,
        conversions: row.conversions,
        sum: row.revenue_minor as f64,
        sum_squared: row.revenue_squared,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn to_minor(amount: f64) -> i64 {
    amount.round() as i64
}
