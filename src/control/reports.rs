//! Goals, saved reports, annotations, and links that share a report. Bodies are JSON, parsed by `catalog`.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// What is kept beside reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReportDocument {
    /// A goal.
    Goal,
    /// A saved report.
    SavedReport,
    /// An annotation.
    Annotation,
}

/// A link that reads one report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// Id, unique within the site.
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// Hash of its token, hexadecimal.
    pub token_hash: String,
    /// Name of the report.
    pub report: String,
    /// The question, as JSON.
    pub question: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// From then on it is refused; never if absent.
    pub expires_at: Option<Timestamp>,
}

impl Control {
    /// The bodies of all documents of a kind, ordered by id.
    pub async fn report_documents(&self, site: SiteId, kind: ReportDocument) -> Result<Vec<String>, ControlError> {
        let select = "SELECT body FROM report_documents WHERE site_id = ? AND kind = ? ORDER BY id";
        Ok(sqlx::query_scalar(select).bind(site.0).bind(<&str>::from(kind)).fetch_all(&self.pool).await?)
    }

    /// Adds or replaces a document. Returns false, and stores nothing, if the site has `count_max` others.
    pub async fn put_report_document(
        &self,
        site: SiteId,
        kind: ReportDocument,
        (id, body): (&str, &str),
        count_max: u32,
    ) -> Result<bool, ControlError> {
        let upsert = "INSERT INTO report_documents (site_id, kind, id, body, updated_at) \
                      SELECT ?1, ?2, ?3, ?4, ?5 WHERE \
                      (SELECT count(*) FROM report_documents WHERE site_id = ?1 AND kind = ?2 AND id != ?3) < ?6 \
                      ON CONFLICT (site_id, kind, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at";
        let query = sqlx::query(upsert).bind(site.0).bind(<&str>::from(kind)).bind(id).bind(body);
        let done = query.bind(crate::clock::now().0).bind(count_max).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a document. Returns false if there was none.
    pub async fn delete_report_document(
        &self,
        site: SiteId,
        kind: ReportDocument,
        id: &str,
    ) -> Result<bool, ControlError> {
        let delete = "DELETE FROM report_documents WHERE site_id = ? AND kind = ? AND id = ?";
        let query = sqlx::query(delete).bind(site.0).bind(<&str>::from(kind)).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// The shares of a site, the newest first.
    pub async fn shares(&self, site: SiteId) -> Result<Vec<ShareRow>, ControlError> {
        let select = "SELECT * FROM shares WHERE site_id = ? ORDER BY created_at DESC, id";
        sqlx::query(select).bind(site.0).fetch_all(&self.pool).await?.iter().map(read_share).collect()
    }

    /// The share whose token has this hash.
    pub async fn share_of_token(&self, token_hash: &str) -> Result<Option<ShareRow>, ControlError> {
        let select = "SELECT * FROM shares WHERE token_hash = ?";
        sqlx::query(select).bind(token_hash).fetch_optional(&self.pool).await?.as_ref().map(read_share).transpose()
    }

    /// Adds a share. Returns false, and stores nothing, if the site has `count_max`.
    pub async fn add_share(&self, share: &ShareRow, count_max: u32) -> Result<bool, ControlError> {
        let insert = "INSERT INTO shares (id, site_id, token_hash, report, question, created_at, expires_at) \
                      SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
                      WHERE (SELECT count(*) FROM shares WHERE site_id = ?2) < ?8";
        let query = sqlx::query(insert).bind(&share.id).bind(share.site.0).bind(&share.token_hash);
        let query = query.bind(&share.report).bind(&share.question).bind(share.created_at.0);
        let done = query.bind(share.expires_at.map(|at| at.0)).bind(count_max).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Revokes a share. Returns false if there was none.
    pub async fn delete_share(&self, site: SiteId, id: &str) -> Result<bool, ControlError> {
        let delete = sqlx::query("DELETE FROM shares WHERE site_id = ? AND id = ?").bind(site.0).bind(id);
        Ok(delete.execute(&self.pool).await?.rows_affected() > 0)
    }
}

fn read_share(row: &SqliteRow) -> Result<ShareRow, ControlError> {
    Ok(ShareRow {
        id: row.try_get("id")?,
        site: SiteId(row.try_get("site_id")?),
        token_hash: row.try_get("token_hash")?,
        report: row.try_get("report")?,
        question: row.try_get("question")?,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Timestamp),
    })
}
