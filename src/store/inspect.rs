//! Whether the server at the other end will do: is it ClickHouse, new enough, and may our user do what is needed?

use std::{collections::BTreeSet, time::Duration};

use super::{
    Param, Store, StoreError,
    error::{VERSION_MIN, excerpt},
};

/// A look at the server is not worth more waiting than this.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// More than any version number has.
const VERSION_BYTES_MAX: usize = 100;

const TABLES: &str = include_str!("sql/inspect.tables.sql");

/// What the user needs in its database, and how each is asked for.
const RIGHTS: &[(&str, &str)] = &[
    ("SELECT", "CHECK GRANT SELECT ON *"),
    ("INSERT", "CHECK GRANT INSERT ON *"),
    ("ALTER", "CHECK GRANT ALTER ON *"),
    ("CREATE TABLE", "CHECK GRANT CREATE TABLE ON *"),
    ("CREATE VIEW", "CHECK GRANT CREATE VIEW ON *"),
];

impl Store {
    /// The server's version. Asked in a way that every version understands.
    ///
    /// # Errors
    /// When it is not ClickHouse, too old, or does not let us in.
    pub async fn check_version(&self) -> Result<String, StoreError> {
        let asked = async {
            let mut answer =
                self.client_without_database().query_raw("SELECT version()").fetch_bytes("TabSeparated")?;
            let mut text = Vec::new();
            while let Some(bytes) = answer.next().await? {
                text.extend_from_slice(&bytes);
                if text.len() > VERSION_BYTES_MAX {
                    break;
                }
            }
            Ok(text)
        };
        let text = self.within(LOOK_LIMIT, asked).await?;
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        let Some(version) = parse_version(&text) else {
            return Err(StoreError::NotClickhouse(excerpt(&text)));
        };
        if version < VERSION_MIN {
            return Err(StoreError::TooOld { version: text });
        }
        Ok(text)
    }

    /// Whether the user has the rights it needs in the database, which must exist.
    ///
    /// # Errors
    /// When rights are missing, each by name, or the server fails.
    pub async fn check_rights(&self) -> Result<(), StoreError> {
        let mut missing = Vec::new();
        for (right, question) in RIGHTS {
            // Not as a question that only reads: the server would say what the user may do in one.
            let asked = self.client().query_raw(question).fetch_all::<u8>();
            if self.within(LOOK_LIMIT, asked).await? != [1] {
                missing.push(*right);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let endpoint = self.endpoint();
        let missing = missing.join(", ");
        Err(StoreError::MissingRights { user: endpoint.user, database: endpoint.database, missing })
    }

    /// Names of the tables and views in the database.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn tables(&self) -> Result<BTreeSet<String>, StoreError> {
        let database = Param::Str(self.endpoint().database);
        let params = [("database", database)];
        let asked = self.query::<String>(TABLES, &params);
        match tokio::time::timeout(LOOK_LIMIT, asked).await {
            Ok(tables) => Ok(tables?.into_iter().collect()),
            Err(_) => Err(StoreError::TimedOut(LOOK_LIMIT)),
        }
    }

    /// Whether all of these tables are still there.
    ///
    /// # Errors
    /// When some are not, each by name, or the warehouse fails.
    pub async fn still_has(&self, tables: &BTreeSet<String>) -> Result<(), StoreError> {
        let found = self.tables().await?;
        let missing: Vec<&str> = tables.difference(&found).map(String::as_str).collect();
        if missing.is_empty() { Ok(()) } else { Err(StoreError::TablesMissing(missing.join(", "))) }
    }
}

/// Year and release of `26.7.3.1` or the like.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    if text.len() > VERSION_BYTES_MAX {
        return None;
    }
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_other_answers() {
        let check = |text: &str, expected: Option<(u32, u32)>| assert_eq!(parse_version(text), expected, "{text}");
        check("26.7.3.1", Some((26, 7)));
        check("18.16.1", Some((18, 16)));
        check("25.3.2.39-lts", Some((25, 3)));
        check("hello", None);
        check("<html>1.2</html>", None);
        check("", None);
        assert_eq!([(18, 16), (25, 2), (25, 3), (26, 1)].map(|v| v >= VERSION_MIN), [false, false, true, true]);
    }
}
