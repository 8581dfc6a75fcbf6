//! What a question may take of the warehouse, and that the warehouse's work ends with whoever asked.

use std::time::{Duration, Instant};

use clickhouse::{Client, Row, query::Query};
use serde::Deserialize;

use super::{Store, StoreError, seconds};

const LIMITS: &str = include_str!("sql/server.limits.sql");
/// How long a report is paused at a time while a visitor's read runs, milliseconds: it looks again with every block it
/// reads, and is to get on even where such reads never end.
const PAUSE_MS: &str = "20";

/// Who goes first where several questions run: the warehouse pauses the lower ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// Neither pauses others nor is paused.
    #[default]
    None,
    /// A visitor waits for it.
    Live,
    /// A person waits for it.
    Report,
}

/// What the warehouse says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct Limits {
    /// Memory that it may use as a whole, bytes; 0: no limit.
    pub memory_bytes: u64,
    /// Whether it pauses questions of low priority for as short a time as it is told; where not, they could wait
    /// without end.
    pub pauses_briefly: bool,
}

/// What one question may take of the warehouse.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    /// Memory, bytes; `None`: what the warehouse allows.
    pub memory_bytes_max: Option<u64>,
    /// Threads; `None`: what the warehouse allows.
    pub threads_max: Option<u64>,
    /// Who goes first.
    pub priority: Priority,
    /// All of an answer's questions must be answered by then; `None`: each has the time of one.
    pub until: Option<Instant>,
}

impl Share {
    /// How long a question may take from now on.
    pub(super) fn time(&self, limit: Duration) -> Duration {
        self.until.map_or(limit, |until| limit.min(until.saturating_duration_since(Instant::now())))
    }
}

impl Store {
    /// The same store for questions with this share.
    #[must_use]
    pub fn with_share(&self, share: Share) -> Self {
        Self { share, ..self.clone() }
    }

    /// How long one question may take.
    #[must_use]
    pub const fn query_timeout(&self) -> Duration {
        self.query_timeout
    }

    /// What the warehouse says of itself.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn limits(&self) -> Result<Limits, StoreError> {
        let rows: Vec<Limits> = self.query(LIMITS, &[]).await?;
        rows.into_iter().next().ok_or_else(|| StoreError::Misfit("no limits".into()))
    }

    /// A question that only reads, with this store's share. When its answer is no longer read the connection is
    /// closed, and the warehouse, which looks at the connection while it works, gives the question up.
    pub(super) fn reading(&self, text: &str, limit: Duration) -> Query {
        self.reading_by(&self.client(), text, limit)
    }

    /// The same for a long answer, the columns of which are not compared with the row's type.
    pub(super) fn reading_unchecked(&self, text: &str, limit: Duration) -> Query {
        self.reading_by(&self.client().with_validation(false), text, limit)
    }

    fn reading_by(&self, client: &Client, text: &str, limit: Duration) -> Query {
        let mut query = client
            .query_raw(text)
            .with_setting("max_execution_time", seconds(limit))
            // The next setting applies to questions that can change nothing.
            .with_setting("readonly", "2")
            .with_setting("cancel_http_readonly_queries_on_client_close", "1");
        let Share { memory_bytes_max, threads_max, priority, .. } = self.share;
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
