//! Tables of what people search for, click, get errors from and wait for; items, and places.

use serde::Deserialize;

use super::{
    Report, ReportError, Reports, check_text,
    filters::{Asked, FilteredRun, Part, asked},
    moment, money, people,
};
use crate::{
    model::Site,
    store::{Param, Row, RowOwned, RowRead, statement},
    wire::reports::{
        CountUnit, ErrorRow, Errors, LinkKind, LinkRow, Links, LocationBy, LocationRow, Locations, LocationsQuestion,
        ProductRow, Products, ProductsQuestion, SearchRow, Searches, TableQuestion, Vitals, VitalsRow,
    },
};

const ERRORS: &str = include_str!("../store/sql/reports.errors.sql");
const LINKS: &str = include_str!("../store/sql/reports.links.sql");
const LOCATIONS: &str = include_str!("../store/sql/reports.locations.sql");
const PRODUCTS: &str = include_str!("../store/sql/reports.products.sql");
const SEARCHES: &str = include_str!("../store/sql/reports.searches.sql");
const VITALS: &str = include_str!("../store/sql/reports.vitals.sql");

#[derive(Row, Deserialize)]
struct SearchRecord {
    terms: String,
    searches: u64,
    people: u64,
    no_results: u64,
}

#[derive(Row, Deserialize)]
struct LinkRecord {
    is_download: u8,
    url: String,
    clicks: u64,
    people: u64,
}

#[derive(Row, Deserialize)]
struct ErrorRecord {
    message_text: String,
    source_text: String,
    events: u64,
    people: u64,
    first_ms: i64,
    last_ms: i64,
}

#[derive(Row, Deserialize)]
struct VitalsRecord {
    page: String,
    samples: u64,
    lcp: Option<f64>,
    inp: Option<f64>,
    cls: Option<f64>,
    fcp: Option<f64>,
    ttfb: Option<f64>,
}

#[derive(Row, Deserialize)]
struct ProductRecord {
    item: String,
    viewers: u64,
    carts: u64,
    buyers: u64,
    units_sold: u64,
    revenue_minor: i64,
}

#[derive(Row, Deserialize)]
struct LocationRecord {
    value: String,
    of_country: String,
    visitors: u64,
    sessions: u64,
    pageviews: u64,
    orders: u64,
    revenue_minor: i64,
}

/// A statement of a table.
struct Read {
    report: Report,
    template: &'static str,
    fragments: Vec<(&'static str, &'static str)>,
    limit: Param,
}

/// The rows of a question, and of what it is compared with.
type Both<T> = (Vec<T>, Option<Vec<T>>);

impl Reports {
    /// What was searched for on the site, most searches first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn searches(&self, site: &Site, request: &TableQuestion) -> Result<Searches, ReportError> {
        let (own, other) = self.table(site, request, Report::Searches, SEARCHES).await?;
        let row = |record: SearchRecord| SearchRow {
            query: record.terms,
            searches: record.searches,
            people: record.people,
            no_results: record.no_results,
        };
        let answer = |records: Vec<_>, compare| Searches { rows: records.into_iter().map(row).collect(), compare };
        Ok(answer(own, other.map(|other| Box::new(answer(other, None)))))
    }

    /// Links that leave the site, and downloads, most clicks first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn links(&self, site: &Site, request: &TableQuestion) -> Result<Links, ReportError> {
        let (own, other) = self.table(site, request, Report::Links, LINKS).await?;
        let row = |record: LinkRecord| LinkRow {
            kind: if record.is_download == 1 { LinkKind::Download } else { LinkKind::Outbound },
            url: record.url,
            clicks: record.clicks,
            people: record.people,
        };
        let answer = |records: Vec<_>, compare| Links { rows: records.into_iter().map(row).collect(), compare };
        Ok(answer(own, other.map(|other| Box::new(answer(other, None)))))
    }

    /// Errors of the pages' scripts, most frequent first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn errors(&self, site: &Site, request: &TableQuestion) -> Result<Errors, ReportError> {
        let (own, other) = self.table(site, request, Report::Errors, ERRORS).await?;
        let row = |record: ErrorRecord| ErrorRow {
            message: record.message_text,
            source: record.source_text,
            events: record.events,
            people: record.people,
            first_at: moment(record.first_ms),
            last_at: moment(record.last_ms),
        };
        let answer = |records: Vec<_>, compare| Errors { rows: records.into_iter().map(row).collect(), compare };
        Ok(answer(own, other.map(|other| Box::new(answer(other, None)))))
    }

    /// How fast pages were, those with most samples first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn vitals(&self, site: &Site, request: &TableQuestion) -> Result<Vitals, ReportError> {
        let (own, other) = self.table(site, request, Report::Vitals, VITALS).await?;
        let row = |record: VitalsRecord| VitalsRow {
            path: record.page,
            samples: record.samples,
            lcp_p75_ms: record.lcp,
            inp_p75_ms: record.inp,
            cls_p75: record.cls,
            fcp_p75_ms: record.fcp,
            ttfb_p75_ms: record.ttfb,
        };
        let answer = |records: Vec<_>, compare| Vitals { rows: records.into_iter().map(row).collect(), compare };
        Ok(answer(own, other.map(|other| Box::new(answer(other, None)))))
    }

    /// Items that were viewed, put into carts and bought, most revenue first. `title` finds the title of an item.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn products(
        &self,
        site: &Site,
        request: &ProductsQuestion,
        title: impl Fn(&str) -> String + Send + Sync,
    ) -> Result<Products, ReportError> {
        let search = request.search.as_deref().unwrap_or_default().trim().to_lowercase();
        check_text("search", &search)?;
        let limit = self.row_limit(request.limit)?;
        let rows_max = if let Param::U32(limit) = limit { limit as usize } else { usize::MAX };
        let fragments = vec![];
        // Titles are not in the warehouse: a search reads all items.
        let limit = if search.is_empty() { limit } else { Param::U32(super::EXPORT_ROWS_MAX) };
        let read = Read { report: Report::Products, template: PRODUCTS, fragments, limit };
        let (own, other) = self.both(site, asked!(request), request.unit, &read).await?;
        let row = |record: ProductRecord| ProductRow {
            title: title(&record.item),
            item: record.item,
            viewers: record.viewers,
            carts: record.carts,
            buyers: record.buyers,
            units: record.units_sold,
            revenue_minor: record.revenue_minor,
            bought_per_view: (record.viewers > 0).then(|| record.buyers as f64 / record.viewers as f64),
        };
        let is_found = |row: &ProductRow| {
            search.is_empty() || [&row.item, &row.title].iter().any(|text| text.to_lowercase().contains(&search))
        };
        let answer = |records: Vec<_>, compare| {
            let rows = records.into_iter().map(row).filter(is_found).take(rows_max).collect();
            Products { rows, currency: site.currency.as_str().to_owned(), compare }
        };
        Ok(answer(own, other.map(|other| Box::new(answer(other, None)))))
    }

    /// Where people were, most people first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn locations(&self, site: &Site, request: &LocationsQuestion) -> Result<Locations, ReportError> {
        let place = match request.by {
            LocationBy::Country => "(toString(country), toString(country))",
            LocationBy::Region => "(toString(region), toString(country))",
            LocationBy::City => "(toString(city), toString(country))",
        };
        let fragments = vec![("$MONEY", statement::MONEY), ("$VALUE", place)];
        let limit = self.row_limit(request.limit)?;
        let read = Read { report: Report::Locations, template: LOCATIONS, fragments, limit };
        let (own, other) = self.both(site, asked!(request), request.unit, &read).await?;
        let row = |record: LocationRecord| LocationRow {
            value: record.value,
            country: record.of_country,
            visitors: record.visitors,
            sessions: record.sessions,
            pageviews: record.pageviews,
            orders: record.orders,
            revenue_minor: record.revenue_minor,
        };
        let answer = |records: Vec<_>, compare| Locations {
            rows: records.into_iter().map(row).collect(),
            currency: site.currency.as_str().to_owned(),
            compare,
        };
        Ok(answer(own, other.map(|other| Box::new(answer(other, None)))))
    }

    async fn table<T: RowOwned + RowRead>(
        &self,
        site: &Site,
        request: &TableQuestion,
        report: Report,
        template: &'static str,
    ) -> Result<Both<T>, ReportError> {
        let read = Read { report, template, fragments: Vec::new(), limit: self.row_limit(request.limit)? };
        self.both(site, asked!(request), request.unit, &read).await
    }

    async fn both<T: RowOwned + RowRead>(
        &self,
        site: &Site,
        asked: Asked<'_>,
        unit: CountUnit,
        read: &Read,
    ) -> Result<Both<T>, ReportError> {
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(read.report, asked)?;
        let join_people = people::are_joined(&run.run, site.id, unit).await?;
        let records = self.records(&mut run, site, &own, (read, join_people)).await?;
        let mut compared = None;
        if let Some(other) = other {
            compared = Some(self.records(&mut run, site, &other, (read, join_people)).await?);
        }
        Ok((records, compared))
    }

    async fn records<T: RowOwned + RowRead>(
        &self,
        run: &mut FilteredRun<'_>,
        site: &Site,
        part: &Part<'_>,
        (read, join_people): (&Read, bool),
    ) -> Result<Vec<T>, ReportError> {
        let filter = run.sql(site, part.filters, &part.period, join_people).await?;
        let mut params = part.period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("limit", read.limit.clone()));
        params.extend(money::params(site));
        let mut fragments = read.fragments.clone();
        fragments.extend(statement::people(join_people));
        run.run.query(filter.statement(read.template, &fragments), &filter.with_params(&params)).await
    }
}
