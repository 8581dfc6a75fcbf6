//! Goals, saved reports, annotations and shares: checked, stored and audited, not compiled.

use serde::{Serialize, de::DeserializeOwned};

use super::{Catalog, CatalogError, edit::as_json};
use crate::{
    control::{ReportDocument, ShareRow},
    model::{SiteId, Timestamp},
    wire::insights::{Annotation, Goal, SavedReport},
};

const GOALS_MAX: u32 = 100;
const DOCUMENTS_MAX: u32 = 1000;
const SHARES_MAX: u32 = 500;
const NAME_BYTES: std::ops::RangeInclusive<usize> = 1..=200;
const TEXT_BYTES: std::ops::RangeInclusive<usize> = 1..=500;
const ID_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
const DAYS: std::ops::RangeInclusive<u32> = 1..=1827;
const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// Something that is kept beside reports under an id.
pub trait Document: Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: ReportDocument;
    /// Its name in the audit log and in errors.
    const NAME: &'static str;
    /// Most of it in one site.
    const COUNT_MAX: u32;
    /// Its id.
    fn id(&mut self) -> &mut String;
    /// Refuses what cannot be stored.
    ///
    /// # Errors
    /// If it is invalid: the reason.
    fn check(&self) -> Result<(), String>;
}

impl Document for Goal {
    const KIND: ReportDocument = ReportDocument::Goal;
    const NAME: &'static str = "goal";
    const COUNT_MAX: u32 = GOALS_MAX;

    fn id(&mut self) -> &mut String {
        &mut self.id
    }

    fn check(&self) -> Result<(), String> {
        if self.value_minor.is_some_and(|value| !(0..=1_000_000_000_000).contains(&value)) {
            return Err("`value_minor` must be 0 to 1,000,000,000,000".into());
        }
        line("name", &self.name, NAME_BYTES)
    }
}

impl Document for SavedReport {
    const KIND: ReportDocument = ReportDocument::SavedReport;
    const NAME: &'static str = "saved report";
    const COUNT_MAX: u32 = DOCUMENTS_MAX;

    fn id(&mut self) -> &mut String {
        &mut self.id
    }

    fn check(&self) -> Result<(), String> {
        if self.period.is_some_and(|period| !DAYS.contains(&period.days)) {
            return Err("`days` must be 1 to 1,827".into());
        }
        line("name", &self.name, NAME_BYTES)?;
        line("report", &self.report, ID_BYTES)?;
        checked_question(&self.question).map(drop)
    }
}

impl Document for Annotation {
    const KIND: ReportDocument = ReportDocument::Annotation;
    const NAME: &'static str = "annotation";
    const COUNT_MAX: u32 = DOCUMENTS_MAX;

    fn id(&mut self) -> &mut String {
        &mut self.id
    }

    fn check(&self) -> Result<(), String> {
        line("text", &self.text, TEXT_BYTES)
    }
}

/// A question as JSON text.
///
/// # Errors
/// If it is too long.
pub fn checked_question(question: &serde_json::Map<String, serde_json::Value>) -> Result<String, String> {
    let text = serde_json::to_string(question).map_err(|error| error.to_string())?;
    if text.len() > QUESTION_BYTES_MAX { Err("`question` must have at most 64 KB".into()) } else { Ok(text) }
}

fn line(what: &str, text: &str, bytes: std::ops::RangeInclusive<usize>) -> Result<(), String> {
    if bytes.contains(&text.trim().len()) && bytes.contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(format!("`{what}` must have {} to {} bytes, on one line", bytes.start(), bytes.end()))
}

impl Catalog {
    /// All documents of a kind, ordered by id. One that can no longer be read is left out.
    pub async fn report_documents<D: Document>(&self, site: SiteId) -> Result<Vec<D>, CatalogError> {
        let bodies = self.control.report_documents(site, D::KIND).await?;
        let read = |body: &String| {
            serde_json::from_str(body)
                .inspect_err(|error| tracing::warn!(%site, %error, "a stored {} is skipped", D::NAME))
                .ok()
        };
        Ok(bodies.iter().filter_map(read).collect())
    }

    /// Stores a document under this id.
    pub async fn put_report_document<D: Document>(
        &self,
        by: &str,
        site: SiteId,
        id: &str,
        mut document: D,
    ) -> Result<D, CatalogError> {
        let is_id_character = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !ID_BYTES.contains(&id.len()) || !id.chars().all(is_id_character) {
            return Err(CatalogError::Invalid("an id has 1 to 64 letters, digits, `-` and `_`".into()));
        }
        let own = document.id();
        if !own.is_empty() && own != id {
            return Err(CatalogError::Invalid("`id` must be that of the address".into()));
        }
        id.clone_into(own);
        document.check().map_err(CatalogError::Invalid)?;
        let body = as_json(&document)?;
        if !self.control.put_report_document(site, D::KIND, (id, &body), D::COUNT_MAX).await? {
            let max = D::COUNT_MAX;
            return Err(CatalogError::Invalid(format!(
                "a site has at most {max} of these: remove a {} first",
                D::NAME
            )));
        }
        self.audit(by, site, &format!("change {}", D::NAME), id).await?;
        Ok(document)
    }

    /// Removes a document. Returns false if there was none.
    pub async fn delete_report_document<D: Document>(
        &self,
        by: &str,
        site: SiteId,
        id: &str,
    ) -> Result<bool, CatalogError> {
        let existed = self.control.delete_report_document(site, D::KIND, id).await?;
        if existed {
            self.audit(by, site, &format!("delete {}", D::NAME), id).await?;
        }
        Ok(existed)
    }

    /// The links of a site, the newest first.
    pub async fn shares(&self, site: SiteId) -> Result<Vec<ShareRow>, CatalogError> {
        Ok(self.control.shares(site).await?)
    }

    /// The link whose token has this hash, unless it has ended.
    pub async fn share_of_token(&self, token_hash: &str, now: Timestamp) -> Result<Option<ShareRow>, CatalogError> {
        let share = self.control.share_of_token(token_hash).await?;
        Ok(share.filter(|share| share.expires_at.is_none_or(|end| now.0 < end.0)))
    }

    /// Adds a link.
    pub async fn add_share(&self, by: &str, share: &ShareRow) -> Result<(), CatalogError> {
        if !self.control.add_share(share, SHARES_MAX).await? {
            return Err(CatalogError::Invalid(format!("a site has at most {SHARES_MAX} links: revoke one first")));
        }
        self.audit(by, share.site, "share report", &share.report).await
    }

    /// Revokes a link. Returns false if there was none.
    pub async fn delete_share(&self, by: &str, site: SiteId, id: &str) -> Result<bool, CatalogError> {
        let existed = self.control.delete_share(site, id).await?;
        if existed {
            self.audit(by, site, "revoke share", id).await?;
        }
        Ok(existed)
    }
}
