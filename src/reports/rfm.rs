//! The value of customers: RFM groups, concentration of revenue, and the model of future orders.

use std::collections::BTreeMap;

use strum::IntoEnumIterator as _;

use super::{
    Report, ReportError, Reports,
    filters::{FilteredRun, Part, asked},
    invalid,
};
use crate::{
    model::{CustomerGroup, Site},
    store::{CustomerPeriod, Customers, StoreError},
    tasks::run_request_low_priority,
    value::{Customer, ValueModel, concentration, group_of, rfm},
    wire::reports::{CountUnit, FittedModel, Pareto, ParetoPoint, ReportFilter, RfmCell, RfmQuestion, RfmReport},
};

/// The share of customers that `pareto.revenue_share` is about.
const TOP_SHARE: f64 = 0.2;

impl Reports {
    /// The customers of a period, and the model fitted to all orders before its end.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn rfm(&self, site: &Site, request: &RfmQuestion) -> Result<RfmReport, ReportError> {
        let asked = asked!(request);
        let others = request.compare.iter().flat_map(|compare| compare.filters.iter().flatten());
        if request.filters.iter().chain(others).any(|filter| !matches!(filter, ReportFilter::Segment(_))) {
            return invalid(
                "the rfm report is about people over all their orders: only filters by segment apply to it",
            );
        }
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Rfm, asked)?;
        let mut report = customer_values(&mut run, site, &own, request.unit).await?;
        if let Some(other) = other {
            report.compare = Some(Box::new(customer_values(&mut run, site, &other, request.unit).await?));
        }
        Ok(report)
    }
}

async fn customer_values(
    run: &mut FilteredRun<'_>,
    site: &Site,
    part: &Part<'_>,
    unit: CountUnit,
) -> Result<RfmReport, ReportError> {
    let store = run.run.store().await?.clone();
    let joins_people = unit == CountUnit::Person && run.run.finish(store.has_merged_visitors(site.id)).await?;
    let filter = run.sql(site, part.filters, &part.period, joins_people).await?;
    let period = &part.period;
    let zone = period.zone_name();
    let asked = CustomerPeriod { since_ms: period.from, to_ms: period.to, zone, joins_people, filter: &filter };
    let customers = run.run.finish(store.customers(site, asked)).await?;
    let (currency, exponent) = (site.currency.as_str().to_owned(), site.currency.exponent());
    // On a separate thread: a fit takes up to some seconds of processor time.
    let computed = run_request_low_priority("rfm", async move { answer(&customers, currency, exponent) });
    run.run.finish(async { computed.await.map_err(|error| StoreError::TaskFailed(error.to_string())) }).await
}

fn answer(found: &Customers, currency: String, exponent: u32) -> RfmReport {
    let all: Vec<Customer> = found.rows.iter().map(|(_, customer)| *customer).collect();
    let model = ValueModel::fit(&all);
    let active: Vec<Customer> = all.into_iter().filter(|customer| customer.orders > 0).collect();
    let cells = cells(&active);
    let mut groups: BTreeMap<CustomerGroup, u64> = CustomerGroup::iter().map(|group| (group, 0)).collect();
    for cell in &cells {
        *groups.entry(cell.group).or_default() += cell.people;
    }
    RfmReport {
        groups,
        cells,
        pareto: pareto(&active),
        model: fitted(&model, exponent),
        model_reason: model.purchases.err(),
        customers: active.len() as u64,
        orders: active.iter().map(|customer| u64::from(customer.orders)).sum(),
        revenue_minor: active.iter().map(|customer| customer.revenue_minor).sum(),
        currency,
        unattributed_orders: found.unattributed_orders,
        orders_without_amount: found.orders_without_amount,
        other_currency_orders: found.other_currency_orders,
        compare: None,
    }
}

/// All cells, the best recency first.
fn cells(customers: &[Customer]) -> Vec<RfmCell> {
    let cell = |recency: u8, frequency: u8| RfmCell {
        recency,
        frequency,
        group: group_of(recency, frequency),
        people: 0,
        revenue_minor: 0,
    };
    let mut cells: Vec<RfmCell> =
        (1..=5).rev().flat_map(|recency| (1..=5).map(move |frequency| cell(recency, frequency))).collect();
    for (customer, rfm) in customers.iter().zip(rfm(customers)) {
        let place = usize::from(5 - rfm.recency) * 5 + usize::from(rfm.frequency - 1);
        cells[place].people += 1;
        cells[place].revenue_minor += customer.revenue_minor;
    }
    cells
}

fn pareto(customers: &[Customer]) -> Pareto {
    let revenues: Vec<i64> = customers.iter().map(|customer| customer.revenue_minor).collect();
    let points = concentration(&revenues).into_iter();
    let curve: Vec<ParetoPoint> = points
        .map(|point| ParetoPoint { people_share: point.people_share, revenue_share: point.revenue_share })
        .collect();
    let top = curve.iter().find(|point| point.people_share >= TOP_SHARE);
    Pareto { top_share: TOP_SHARE, revenue_share: top.map(|point| point.revenue_share), curve }
}

/// The parameters, with amounts in the currency itself.
fn fitted(model: &ValueModel, exponent: u32) -> Option<FittedModel> {
    let purchases = model.purchases.ok()?;
    let spend = model.spend.ok();
    let minor_units = f64::from(10_u32.pow(exponent));
    Some(FittedModel {
        r: purchases.r,
        alpha: purchases.alpha,
        a: purchases.a,
        b: purchases.b,
        p: spend.map(|spend| spend.p),
        q: spend.map(|spend| spend.q),
        gamma: spend.map(|spend| spend.gamma / minor_units),
        spend_reason: model.spend.err(),
    })
}
