//! The only module that talks to ClickHouse: embedded or a remote server, accessed in the same way.
//!
//! It contains the schema (`migrations/`), the layout of a stored row ([`rows`]) and the classification of errors
//! ([`StoreError::kind`]). It never retries, never puts a value into SQL (one query is one file with `{name:Type}` parameters; [`statement`]
//! and [`funnel`] combine fixed fragments) and knows nothing of the journal.
//!
//! ```no_run
//! # async fn example(endpoint: tokio::sync::watch::Receiver<ashna::config::Endpoint>)
//! # -> Result<(), ashna::store::StoreError> {
//! # use ashna::{config::Config, store::{Param, Store}};
//! let store = Store::connect(endpoint, &Config::defaults().clickhouse);
//! store.migrate().await?;
//! let counts: Vec<u64> =
//!     store.query("SELECT count() FROM events WHERE site_id = {site:UInt32}", &[("site", Param::U32(1))]).await?;
//! # Ok(()) }
//! ```

mod availability;
mod block;
mod chunks;
mod columns;
mod customers;
mod erasures;
mod error;
mod fault;
pub mod filters;
mod freeze;
pub mod funnel;
mod inspect;
mod installation;
mod migrate;
mod offers;
mod parts;
mod past;
pub mod people;
mod privacy;
mod query_limits;
mod range_check;
mod rates;
pub mod read;
pub mod rows;
mod site_removal;
pub mod statement;
mod stored_event;
mod tls;
mod trace;
pub mod visits;
mod write;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clickhouse::{Client, Compression};
pub use clickhouse::{Row, RowOwned, RowRead};
use serde::{Serialize, Serializer};
use tokio::sync::watch;

pub use availability::Availability;
pub use block::Block;
pub use customers::{CustomerPeriod, CustomerVisitor, Customers, OrderChange};
pub use erasures::VisitorSpan;
pub use error::{ErrorKind, Exceeded, StoreError, VERSION_MIN};
pub use fault::Fault;
pub use freeze::{FrozenTable, TablePart};
pub use funnel::{ExperimentQuery, VariantPeople};
pub use offers::OfferGroupRow;
pub use parts::{DetachedPart, Part};
pub use past::StoredPast;
pub use query_limits::{Priority, QueryLimits, ServerLimits};
pub use range_check::StoredRange;
pub use rates::rate_params;
pub use statement::Statement;
pub use stored_event::StoredEvent;
pub use trace::TracedRow;
pub use write::InsertBatch;

use crate::config::{self, Endpoint};

/// A client of the warehouse. Cheap to clone; follows changes of the endpoint.
#[derive(Clone)]
pub struct Store {
    endpoint: watch::Receiver<Endpoint>,
    client: Client,
    insert_timeout: Duration,
    query_timeout: Duration,
    /// The warehouse belongs to another installation: all access is blocked.
    is_foreign: Arc<AtomicBool>,
    /// The tables are those of this program.
    has_tables: Arc<AtomicBool>,
    /// Whether the server can compute a part of a statement once for all its uses.
    materializes: Arc<AtomicBool>,
    limits: QueryLimits,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&*self.endpoint.borrow()).finish()
    }
}

/// A value for a `{name:Type}` parameter of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `UInt8`.
    U8(u8),
    /// `UInt32`.
    U32(u32),
    /// `UInt64`.
    U64(u64),
    /// `Int64`.
    I64(i64),
    /// `UInt128`.
    U128(u128),
    /// `Float64`.
    F64(f64),
    /// `Bool`.
    Bool(bool),
    /// `String`.
    Str(String),
    /// `Array(String)`.
    ArrayStr(Vec<String>),
    /// `Array(UInt8)`, `Array(UInt32)` or `Array(UInt64)`.
    ArrayU64(Vec<u64>),
    /// `Array(Int64)`.
    ArrayI64(Vec<i64>),
    /// `Array(UInt128)`.
    ArrayU128(Vec<u128>),
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::U8(value) => value.serialize(serializer),
            Self::U32(value) => value.serialize(serializer),
            Self::U64(value) => value.serialize(serializer),
            Self::I64(value) => value.serialize(serializer),
            Self::U128(value) => value.serialize(serializer),
            Self::F64(value) => value.serialize(serializer),
            Self::Bool(value) => value.serialize(serializer),
            Self::Str(value) => value.serialize(serializer),
            Self::ArrayStr(value) => value.serialize(serializer),
            Self::ArrayU64(value) => value.serialize(serializer),
            Self::ArrayI64(value) => value.serialize(serializer),
            Self::ArrayU128(value) => value.serialize(serializer),
        }
    }
}

impl Store {
    /// A store at this endpoint; sends nothing yet. If the CA certificates cannot be read (see [`check`]), TLS
    /// connections fail.
    pub fn connect(endpoint: watch::Receiver<Endpoint>, config: &config::Clickhouse) -> Self {
        Self {
            endpoint,
            client: tls::client(tls::roots(config).unwrap_or_else(|_| rustls::RootCertStore::empty())),
            insert_timeout: Duration::from_millis(config.insert_timeout_ms),
            query_timeout: Duration::from_millis(config.query_timeout_ms),
            is_foreign: Arc::default(),
            has_tables: Arc::default(),
            materializes: Arc::default(),
            limits: QueryLimits::default(),
        }
    }

    /// A store at an endpoint that never changes.
    pub fn connect_to(endpoint: Endpoint, config: &config::Clickhouse) -> Self {
        Self::connect(watch::channel(endpoint).1, config)
    }

    /// The current endpoint.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.borrow().clone()
    }

    /// Runs a read-only query and returns all rows; the query itself must limit their number. The server cancels it if
    /// the returned future is dropped.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error, or a row does not fit `T`.
    pub async fn query<T>(&self, sql: impl Into<Statement>, params: &[(&str, Param)]) -> Result<Vec<T>, StoreError>
    where
        T: RowOwned + RowRead,
    {
        let limit = self.limits.time_left(self.query_timeout);
        let mut query = self.read_only_query(sql.into().as_str(), limit);
        for (name, value) in params {
            query = query.param(name, value);
        }
        self.fetch_all(limit, query).await
    }

    /// All rows of a query.
    async fn fetch_all<T>(&self, limit: Duration, query: clickhouse::query::Query) -> Result<Vec<T>, StoreError>
    where
        T: RowOwned + RowRead,
    {
        let mut retry = self.session_retry();
        loop {
            let result = self.within(limit, query.clone().fetch_all()).await;
            if !retry.is_due(&result).await {
                return result;
            }
        }
    }

    /// Runs a statement that returns no rows.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn execute(&self, statement: &str, params: &[(&str, Param)]) -> Result<(), StoreError> {
        let mut query = self.client().query_raw(statement);
        for (name, value) in params {
            query = query.param(name, value);
        }
        self.within(self.query_timeout, query.execute()).await
    }

    /// Checks that the warehouse answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query::<u8>("SELECT 1", &[]).await.map(drop)
    }

    /// Compression pays off between machines, not within one.
    fn compression(url: &str) -> Compression {
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        if ["127.0.0.1", "localhost", "[::1]"].iter().any(|local| host.starts_with(local)) {
            Compression::None
        } else {
            Compression::Lz4
        }
    }

    fn client(&self) -> Client {
        let endpoint = self.endpoint.borrow();
        self.client_without_database().with_database(&endpoint.database)
    }

    fn client_without_database(&self) -> Client {
        let endpoint = self.endpoint.borrow();
        let client = self.client.clone().with_compression(Self::compression(&endpoint.url));
        client.with_url(&endpoint.url).with_user(&endpoint.user).with_password(endpoint.password.expose())
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, clickhouse::error::Error>>,
    ) -> Result<T, StoreError> {
        if self.is_foreign.load(Ordering::Relaxed) {
            return Err(StoreError::Foreign);
        }
        // The server's own limit applies first, with a better error; this one is for a server that hangs.
        match tokio::time::timeout(limit + Duration::from_secs(1), work).await {
            Ok(result) => result.map_err(StoreError::from),
            Err(_) => Err(StoreError::TimedOut(limit)),
        }
    }
}

/// Checks the local prerequisites of a connection: the CA certificates.
///
/// # Errors
/// If they cannot be read.
pub fn check(config: &config::Clickhouse) -> Result<(), StoreError> {
    tls::roots(config).map(drop)
}

fn seconds(limit: Duration) -> String {
    limit.as_secs_f64().max(0.001).to_string()
}
