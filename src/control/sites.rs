//! Sites and their settings.

use std::sync::Arc;

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{
    Capture, Captures, ConsentDefault, Currency, KnownBy, RobotsPolicy, Secret, Site, SiteId, Timestamp, VisitorRules,
    WithoutConsent,
    rates::{RateEntry, Rates},
};

/// Properties of a new site; the others have defaults.
#[derive(Debug, Clone)]
pub struct NewSite {
    /// Name shown to marketers.
    pub name: String,
    /// Origins of its pages.
    pub origins: Vec<String>,
    /// Public key.
    pub write_key: String,
    /// Signing secret.
    pub secret: Secret,
    /// Whether it is the demo shop.
    pub demo: bool,
}

impl Control {
    /// Every site, ordered by id.
    pub async fn sites(&self) -> Result<Vec<Site>, ControlError> {
        let rows = sqlx::query("SELECT * FROM sites ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(read_row).collect()
    }

    /// One site as stored.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>, ControlError> {
        let row = sqlx::query("SELECT * FROM sites WHERE id = ?").bind(id.0).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_row).transpose()
    }

    /// Adds a site and assigns its id.
    pub async fn add_site(&self, new: &NewSite) -> Result<Site, ControlError> {
        let row = sqlx::query(
            "INSERT INTO sites (name, origins, write_key, secret, demo, created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(&new.name)
        .bind(to_json_array(&new.origins))
        .bind(&new.write_key)
        .bind(&*new.secret)
        .bind(new.demo)
        .bind(crate::clock::now().0)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| ControlError::from_unique_violation(e, "a site with that key"))?;
        read_row(&row)
    }

    /// Stores changed settings of a site; its keys are not changed. Returns false if there is no such site.
    pub async fn update_site(&self, site: &Site) -> Result<bool, ControlError> {
        let result = sqlx::query(
            "UPDATE sites SET name = ?, origins = ?, currency = ?, timezone = ?, robots = ?, consent_default = ?, \
             honour_gpc = ?, events_per_second_max = ?, known_by = ?, without_consent = ?, session_minutes = ?, \
             rates = ?, rules = ?, captures = ?, recommending = ?, offer_html = ?, traffic_filters = ?, \
             contact_costs = ?, holdout_bp = ? WHERE id = ?",
        )
        .bind(&site.name)
        .bind(to_json_array(&site.origins))
        .bind(site.currency.as_str())
        .bind(&site.timezone)
        .bind(match site.robots {
            RobotsPolicy::Drop => "drop",
            RobotsPolicy::Keep => "keep",
        })
        .bind(match site.consent_default {
            ConsentDefault::Granted => "granted",
            ConsentDefault::Denied => "denied",
        })
        .bind(site.honour_gpc)
        .bind(site.events_per_second_max)
        .bind(site.visitors.known_by.as_str())
        .bind(site.visitors.without_consent.as_str())
        .bind(site.visitors.session_minutes)
        .bind(to_json(&*site.rate_entries)?)
        .bind(to_json(&*site.rules)?)
        .bind(captures_column(site.captures))
        .bind(to_json(&site.exploration)?)
        .bind(site.offer_html)
        .bind(to_json(&*site.traffic_filters)?)
        .bind(to_json(&*site.contact_costs)?)
        .bind(site.holdout_bp)
        .bind(site.id.0)
        .execute(&self.pool)
        .await?;
        Ok(result.rows_affected() > 0)
    }
}

fn to_json_array(texts: &[String]) -> String {
    serde_json::Value::from(texts.to_vec()).to_string()
}

fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, ControlError> {
    serde_json::to_string(value).map_err(|e| ControlError::unreadable("site", e))
}

/// Parses a JSON column, or returns the default if it is unreadable: the site must stay usable without it.
fn parse_or_default<T: serde::de::DeserializeOwned + Default>(text: &str, what: &str) -> T {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!(%error, what, "unreadable; the default is used"))
        .unwrap_or_default()
}

/// `NULL` stands for all captures, so that captures added by a later version are on by default.
fn captures_column(captures: Captures) -> Option<String> {
    (captures != Captures::ALL).then(|| captures.iter().map(Capture::as_str).collect::<Vec<_>>().join(" "))
}

fn read_captures(names: Option<String>) -> Result<Captures, ControlError> {
    names.map_or(Ok(Captures::ALL), |names| {
        Captures::from_names(names.split_whitespace()).map_err(|name| ControlError::unreadable("capture", name))
    })
}

fn read_row(row: &SqliteRow) -> Result<Site, ControlError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let currency = Currency::parse(&text("currency")?).unwrap_or(Currency::NONE);
    let timezone = text("timezone")?;
    let rate_entries: Vec<RateEntry> = parse_or_default(&text("rates")?, "rates of a site");
    let rates = Rates::compile(currency, &rate_entries, &Site::zone(&timezone))
        .inspect_err(|error| tracing::warn!(%error, "the currency rates of a site are unreadable and ignored"))
        .unwrap_or_else(|_| Rates::identity(currency));
    Ok(Site {
        id: SiteId(row.try_get("id")?),
        name: text("name")?,
        origins: serde_json::from_str(&text("origins")?).map_err(|e| ControlError::unreadable("site", e))?,
        write_key: text("write_key")?,
        secret: text("secret")?.into(),
        currency,
        timezone,
        robots: if text("robots")? == "keep" { RobotsPolicy::Keep } else { RobotsPolicy::Drop },
        consent_default: if text("consent_default")? == "denied" {
            ConsentDefault::Denied
        } else {
            ConsentDefault::Granted
        },
        honour_gpc: row.try_get("honour_gpc")?,
        events_per_second_max: row.try_get("events_per_second_max")?,
        visitors: VisitorRules {
            // For a value of a newer version, use the strictest for privacy.
            known_by: KnownBy::from_name(&text("known_by")?).unwrap_or(KnownBy::DailyHash),
            without_consent: WithoutConsent::from_name(&text("without_consent")?).unwrap_or(WithoutConsent::Nothing),
            session_minutes: row.try_get("session_minutes")?,
        },
        rate_entries: rate_entries.into(),
        rates: Arc::new(rates),
        rules: Arc::new(parse_or_default(&text("rules")?, "rules of a site")),
        exploration: parse_or_default(&text("recommending")?, "recommending of a site"),
        offer_html: row.try_get("offer_html")?,
        traffic_filters: Arc::new(parse_or_default(&text("traffic_filters")?, "traffic filters of a site")),
        contact_costs: Arc::new(parse_or_default(&text("contact_costs")?, "contact costs of a site")),
        holdout_bp: row.try_get("holdout_bp")?,
        captures: read_captures(row.try_get("captures")?)?,
        demo: row.try_get("demo")?,
        created_at: Timestamp(row.try_get("created_at")?),
    })
}
