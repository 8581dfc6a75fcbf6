//! Sites and their settings.

use std::sync::Arc;

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{
    Capture, Captures, ConsentDefault, Currency, KnownBy, RobotsPolicy, Secret, Site, SiteId, Timestamp, VisitorRules,
    WithoutConsent,
    rates::{RateEntry, Rates},
};

/// What a new site needs; the rest takes defaults.
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
    /// Whether it is the invented demo shop.
    pub demo: bool,
}

impl Control {
    /// Every site, by number.
    pub async fn sites(&self) -> Result<Vec<Site>, ControlError> {
        let rows = sqlx::query("SELECT * FROM sites ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// One site as it is stored.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>, ControlError> {
        let row = sqlx::query("SELECT * FROM sites WHERE id = ?").bind(id.0).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a site and gives it its number.
    pub async fn add_site(&self, new: &NewSite) -> Result<Site, ControlError> {
        let row = sqlx::query(
            "INSERT INTO sites (name, origins, write_key, secret, demo, created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(&new.name)
        .bind(as_json(&new.origins))
        .bind(&new.write_key)
        .bind(&*new.secret)
        .bind(new.demo)
        .bind(crate::clock::now().0)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| ControlError::taken(e, "a site with that key"))?;
        read(&row)
    }

    /// Stores a site's changed settings (its keys stay). False when there is no such site.
    pub async fn update_site(&self, site: &Site) -> Result<bool, ControlError> {
        let done = sqlx::query(
            "UPDATE sites SET name = ?, origins = ?, currency = ?, timezone = ?, robots = ?, consent_default = ?, \
             honour_gpc = ?, events_per_second_max = ?, known_by = ?, without_consent = ?, session_minutes = ?, \
             rates = ?, rules = ?, captures = ?, recommending = ? WHERE id = ?",
        )
        .bind(&site.name)
        .bind(as_json(&site.origins))
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
        .bind(document(&*site.rate_entries)?)
        .bind(document(&*site.rules)?)
        .bind(written(site.captures))
        .bind(document(&site.recommending)?)
        .bind(site.id.0)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn as_json(texts: &[String]) -> String {
    serde_json::Value::from(texts.to_vec()).to_string()
}

fn document<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, ControlError> {
    serde_json::to_string(value).map_err(|e| ControlError::unreadable("site", e))
}

/// A document of the site's, or none where it cannot be used any more: the site is worth more than it.
fn usable<T: serde::de::DeserializeOwned + Default>(text: &str, what: &str) -> T {
    serde_json::from_str(text).inspect_err(|error| tracing::warn!(%error, what, "left out")).unwrap_or_default()
}

/// Everything is written as nothing, so that a capture of a later version is on by default too.
fn written(captures: Captures) -> Option<String> {
    (captures != Captures::ALL).then(|| captures.iter().map(Capture::as_str).collect::<Vec<_>>().join(" "))
}

fn read_captures(words: Option<String>) -> Result<Captures, ControlError> {
    words.map_or(Ok(Captures::ALL), |words| {
        Captures::of_words(words.split_whitespace()).map_err(|word| ControlError::unreadable("capture", word))
    })
}

fn read(row: &SqliteRow) -> Result<Site, ControlError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let currency = Currency::parse(&text("currency")?).unwrap_or(Currency::NONE);
    let timezone = text("timezone")?;
    let rate_entries: Vec<RateEntry> = usable(&text("rates")?, "rates of a site");
    let rates = Rates::compile(currency, &rate_entries, &Site::zone(&timezone))
        .inspect_err(|error| tracing::warn!(%error, "the rates of a site are left out"))
        .unwrap_or_else(|_| Rates::to(currency));
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
            // A word of a newer version: then what keeps the least of visitors.
            known_by: KnownBy::from_word(&text("known_by")?).unwrap_or(KnownBy::DailyHash),
            without_consent: WithoutConsent::from_word(&text("without_consent")?).unwrap_or(WithoutConsent::Nothing),
            session_minutes: row.try_get("session_minutes")?,
        },
        rate_entries: rate_entries.into(),
        rates: Arc::new(rates),
        rules: Arc::new(usable(&text("rules")?, "rules of a site")),
        recommending: usable(&text("recommending")?, "recommending of a site"),
        captures: read_captures(row.try_get("captures")?)?,
        demo: row.try_get("demo")?,
        created_at: Timestamp(row.try_get("created_at")?),
    })
}
