//! Resource limits and priority of queries, and their cancellation when the caller goes away.

use std::time::{Duration, Instant};

use clickhouse::{Client, Row, query::Query};
use serde::Deserialize;

use super::{Store, StoreError, seconds};

const LIMITS: &str = include_str!("sql/server.limits.sql");
/// How long a report pauses for a live query, milliseconds. It pauses again with every block it reads, and must make
/// progress even if live queries never stop.
const PAUSE_MS: &str = "20";

/// How long the server keeps a session after its last query.
pub(super) const SESSION_SECONDS: &str = "60";

/// Name of a session.
pub(super) fn session_id(session: u128) -> String {
    format!("ashna-{session:032x}")
}

/// Priority among concurrent queries: the warehouse pauses those of lower priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// Neither pauses others nor is paused.
    #[default]
    None,
    /// A visitor waits for the result.
    Live,
    /// A dashboard user or API client waits for the result.
    Report,
}

/// Limits and abilities of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct ServerLimits {
    /// Memory limit of the whole server, bytes; 0: none.
    pub memory_bytes: u64,
    /// Whether the duration of a pause of a low-priority query can be set; otherwise it could wait forever.
    pub pauses_briefly: bool,
}

/// Limits of one query.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryLimits {
    /// Memory, bytes; `None`: the server's default.
    pub memory_bytes_max: Option<u64>,
    /// Threads; `None`: the server's default.
    pub threads_max: Option<u64>,
    /// Priority.
    pub priority: Priority,
    /// Common deadline of all queries of a report; `None`: each query has the full timeout.
    pub deadline: Option<Instant>,
    /// Session of the server in which the queries run one after the other; it keeps the members of segments for them.
    pub session: Option<u128>,
}

impl QueryLimits {
    /// Time left for a query, at most `limit`.
    pub(super) fn time_left(&self, limit: Duration) -> Duration {
        self.deadline.map_or(limit, |deadline| limit.min(deadline.saturating_duration_since(Instant::now())))
    }
}

/// Repeats the queries of a session: the server lets go of it only some time after the answer to the query before.
#[derive(Debug, Default)]
pub(super) struct SessionRetry {
    is_shared: bool,
    attempts: u32,
}

impl SessionRetry {
    /// Most repetitions; the pauses before them add up to two seconds.
    const ATTEMPTS_MAX: u32 = 11;

    /// Whether the query that failed so is to be sent again; returns after a pause if it is. The server did nothing yet.
    pub(super) async fn is_due<T>(&mut self, result: &Result<T, StoreError>) -> bool {
        let is_locked = result.as_ref().is_err_and(StoreError::is_session_locked);
        if !self.is_shared || !is_locked || self.attempts >= Self::ATTEMPTS_MAX {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1 << self.attempts)).await;
        self.attempts += 1;
        true
    }
}

impl Store {
    pub(super) fn session_retry(&self) -> SessionRetry {
        SessionRetry { is_shared: self.limits.session.is_some(), attempts: 0 }
    }

    /// The same store, with these limits for its queries.
    #[must_use]
    pub fn with_limits(&self, limits: QueryLimits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// The same store, whose queries need not run one after the other.
    #[must_use]
    pub fn without_session(&self) -> Self {
        self.with_limits(QueryLimits { session: None, ..self.limits })
    }

    /// Timeout of one query.
    #[must_use]
    pub const fn query_timeout(&self) -> Duration {
        self.query_timeout
    }

    /// Limits and abilities of the server.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn server_limits(&self) -> Result<ServerLimits, StoreError> {
        let rows: Vec<ServerLimits> = self.query(LIMITS, &[]).await?;
        rows.into_iter().next().ok_or_else(|| StoreError::UnexpectedResponse("no limits".into()))
    }

    /// A read-only query with this store's limits. Dropping its response closes the connection, which the server
    /// monitors during the query: it then cancels the query.
    pub(super) fn read_only_query(&self, sql: &str, limit: Duration) -> Query {
        self.read_only_query_by(&self.client(), sql, limit)
    }

    /// The same without the check of column types against the row type, for large responses.
    pub(super) fn read_only_query_unchecked(&self, sql: &str, limit: Duration) -> Query {
        self.read_only_query_by(&self.client().with_validation(false), sql, limit)
    }

    fn read_only_query_by(&self, client: &Client, sql: &str, limit: Duration) -> Query {
        let mut query = client
            .query_raw(sql)
            .with_setting("max_execution_time", seconds(limit))
            // Required by the next setting, which applies to read-only queries.
            .with_setting("readonly", "2")
            .with_setting("cancel_http_readonly_queries_on_client_close", "1");
        let QueryLimits { memory_bytes_max, threads_max, priority, session, .. } = self.limits;
        if let Some(session) = session {
            query =
                query.with_setting("session_id", session_id(session)).with_setting("session_timeout", SESSION_SECONDS);
        }
        if let Some(bytes) = memory_bytes_max {
            query = query.with_setting("max_memory_usage", bytes.to_string());
        }
        if let Some(threads) = threads_max {
            query = query.with_setting("max_threads", threads.to_string());
        }
        match priority {
            Priority::None => query,
            Priority::Live => query.with_setting("priority", "1"),
            Priority::Report => {
                query.with_setting("priority", "2").with_setting("low_priority_query_wait_time_ms", PAUSE_MS)
            }
        }
    }
}
