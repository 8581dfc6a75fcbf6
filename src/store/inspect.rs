//! Checks that the server is usable: it is ClickHouse, new enough, and the user has the required privileges.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Param, Store, StoreError,
    error::{VERSION_MIN, excerpt},
};

/// Time limit of one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any version number.
const VERSION_BYTES_MAX: usize = 100;

const TABLES: &str = include_str!("sql/inspect.tables.sql");

/// Privileges that the user needs in its database, each with the statement that checks it.
const RIGHTS: &[(&str, &str)] = &[
    ("SELECT", "CHECK GRANT SELECT ON *"),
    ("INSERT", "CHECK GRANT INSERT ON *"),
    ("ALTER", "CHECK GRANT ALTER ON *"),
    ("CREATE TABLE", "CHECK GRANT CREATE TABLE ON *"),
    ("CREATE VIEW", "CHECK GRANT CREATE VIEW ON *"),
];

impl Store {
    /// Returns the server's version, by a query that every version supports.
    ///
    /// # Errors
    /// If it is not ClickHouse, is too old, or rejects the credentials.
    pub async fn check_version(&self) -> Result<String, StoreError> {
        let read = async {
            let mut response =
                self.client_without_database().query_raw("SELECT version()").fetch_bytes("TabSeparated")?;
            let mut text = Vec::new();
            while let Some(bytes) = response.next().await? {
                text.extend_from_slice(&bytes);
                if text.len() > VERSION_BYTES_MAX {
                    break;
                }
            }
            Ok(text)
        };
        let text = self.within(CHECK_TIMEOUT, read).await?;
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        let Some(version) = parse_version(&text) else {
            return Err(StoreError::NotClickhouse(excerpt(&text)));
        };
        if version < VERSION_MIN {
            return Err(StoreError::TooOld { version: text });
        }
        Ok(text)
    }

    /// Checks the user's privileges in the database, which must exist.
    ///
    /// # Errors
    /// If privileges are missing (listed by name), or the server fails.
    pub async fn check_rights(&self) -> Result<(), StoreError> {
        let mut missing = Vec::new();
        for (right, statement) in RIGHTS {
            // Not as a read-only query: the server would report the privileges under that restriction.
            let granted = self.client().query_raw(statement).fetch_all::<u8>();
            if self.within(CHECK_TIMEOUT, granted).await? != [1] {
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
    /// If the warehouse is unreachable or returns an error.
    pub async fn tables(&self) -> Result<BTreeSet<String>, StoreError> {
        let database = Param::Str(self.endpoint().database);
        let params = [("database", database)];
        let names = self.query::<String>(TABLES, &params);
        match tokio::time::timeout(CHECK_TIMEOUT, names).await {
            Ok(tables) => Ok(tables?.into_iter().collect()),
            Err(_) => Err(StoreError::TimedOut(CHECK_TIMEOUT)),
        }
    }

    /// Checks that all of these tables still exist.
    ///
    /// # Errors
    /// If some are missing (listed by name), or the warehouse fails.
    pub async fn check_tables_exist(&self, tables: &BTreeSet<String>) -> Result<(), StoreError> {
        let existing = self.tables().await?;
        let missing: Vec<&str> = tables.difference(&existing).map(String::as_str).collect();
        if missing.is_empty() { Ok(()) } else { Err(StoreError::TablesMissing(missing.join(", "))) }
    }
}

/// Year and release of a version such as `26.7.3.1`.
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
    fn versions_are_recognized() {
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
