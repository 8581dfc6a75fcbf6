//! Errors of the warehouse, and how to react to each.

use std::time::Duration;

/// Minimum version, as year and release: the first LTS release with every feature in use, such as `CHECK GRANT` and
/// insert tokens that pass through materialized views.
pub const VERSION_MIN: (u32, u32) = (25, 3);

/// Why a warehouse operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it broke.
    #[error("the warehouse cannot be reached: {0}")]
    Unreachable(String),
    /// The host name does not resolve.
    #[error("the warehouse's host name cannot be resolved: {0}")]
    Unresolved(String),
    /// The TLS handshake failed.
    #[error("no secure connection to the warehouse: {0}")]
    Tls(String),
    /// The CA certificates cannot be read.
    #[error("clickhouse.ca_file {path} cannot be used: {reason}")]
    BadCaFile {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
    /// Something answered, but not ClickHouse.
    #[error("what answers at clickhouse.url is not ClickHouse's HTTP interface; it answered: {0}")]
    NotClickhouse(String),
    /// The version lacks required features.
    #[error(
        "the warehouse is ClickHouse {version}, which is too old: {}.{} or newer is needed",
        VERSION_MIN.0,
        VERSION_MIN.1
    )]
    TooOld {
        /// The version it reports.
        version: String,
    },
    /// The user lacks privileges.
    #[error(
        "the warehouse's user {user} lacks rights in the database {database}: GRANT {missing} ON {database}.* TO {user}"
    )]
    MissingRights {
        /// The configured user.
        user: String,
        /// The configured database.
        database: String,
        /// The missing privileges.
        missing: String,
    },
    /// Tables that existed are missing.
    #[error("tables of the warehouse are missing: {0}")]
    TablesMissing(String),
    /// Its tables are being created or altered, so that a query did not find what it needs.
    #[error("the warehouse's tables are being prepared")]
    Preparing,
    /// No response in time.
    #[error("the warehouse did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The server returned an error.
    #[error("the warehouse refused (code {code}): {message}")]
    Refused {
        /// ClickHouse's error code.
        code: u32,
        /// First line of the error text.
        message: String,
    },
    /// The response does not have the expected shape.
    #[error("unexpected response from the warehouse: {0}")]
    UnexpectedResponse(String),
    /// The warehouse belongs to another installation.
    #[error(
        "the warehouse belongs to another installation of Ashna: use its data directory, another clickhouse.database, or \
         `ashna adopt` to take it over"
    )]
    Foreign,
    /// The task that processed the response failed.
    #[error("{0}")]
    TaskFailed(String),
    /// Not a valid database name.
    #[error("clickhouse.database must be a plain name of letters, digits and _, not {0:?}")]
    BadDatabaseName(String),
    /// An applied migration differs from the one in this program.
    #[error(
        "migration {0} was applied with different contents: this data was written by another version of the program; \
         use that version, or a new data directory"
    )]
    MigrationChanged(String),
    /// The warehouse has a migration unknown to this program.
    #[error("the warehouse was already migrated to {0} by a newer version of the program; use that version")]
    MigrationTooNew(String),
    /// A statement of a migration failed.
    #[error("migration {name} failed: {source}")]
    MigrationFailed {
        /// Its name.
        name: String,
        /// The reason.
        source: Box<StoreError>,
    },
}

/// How to react to an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// A retry may succeed.
    Retry,
    /// The rows are at fault: a smaller batch may succeed.
    Poison(String),
    /// The disk is full: retry once there is space; inserts of that time are not trusted.
    NoSpace,
    /// Stored data cannot be read; a retry fails in the same way.
    Damaged,
    /// An operator must intervene.
    Fatal,
}

/// The limit that a query exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Its memory limit.
    Memory,
    /// Its time limit.
    Time,
}

impl StoreError {
    /// The limit of its own that a query exceeded; `None` for other errors, including a server that is out of memory.
    #[must_use]
    pub fn exceeded(&self) -> Option<Exceeded> {
        match self {
            // MEMORY_LIMIT_EXCEEDED marks the server-wide limit as `(total)`.
            Self::Refused { code: 241, message } if !message.contains("(total)") => Some(Exceeded::Memory),
            // TIMEOUT_EXCEEDED, TOO_SLOW.
            Self::Refused { code: 159 | 160, .. } => Some(Exceeded::Time),
            _ => None,
        }
    }

    /// How to react to this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            // `NotClickhouse` included: a proxy may answer while the server behind it is down.
            Self::Unreachable(_)
            | Self::Unresolved(_)
            | Self::Tls(_)
            | Self::NotClickhouse(_)
            | Self::TablesMissing(_)
            | Self::Preparing
            | Self::TimedOut(_) => ErrorKind::Retry,
            Self::Refused { code, message } => kind_of_code(*code, message),
            Self::MigrationFailed { source, .. } => source.kind(),
            Self::UnexpectedResponse(_)
            | Self::Foreign
            | Self::TaskFailed(_)
            | Self::BadDatabaseName(_)
            | Self::BadCaFile { .. }
            | Self::TooOld { .. }
            | Self::MissingRights { .. }
            | Self::MigrationChanged(_)
            | Self::MigrationTooNew(_) => ErrorKind::Fatal,
        }
    }

    /// Whether a query named a database, table or column that does not exist: `UNKNOWN_IDENTIFIER`, `UNKNOWN_TABLE`,
    /// `UNKNOWN_DATABASE`, `NO_SUCH_COLUMN_IN_TABLE`.
    #[must_use]
    pub const fn is_unknown_name(&self) -> bool {
        matches!(self, Self::Refused { code: 16 | 47 | 60 | 81, .. })
    }

    /// Whether the session of the query is still in use: `SESSION_IS_LOCKED`.
    #[must_use]
    pub(super) const fn is_session_locked(&self) -> bool {
        matches!(self, Self::Refused { code: 373, .. })
    }

    /// Whether unreadable stored data may be the cause, for a query that sent no data.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        // In addition to `Damaged`: CANNOT_PARSE_INPUT_ASSERTION_FAILED, ATTEMPT_TO_READ_AFTER_EOF,
        // CANNOT_READ_ALL_DATA, CANNOT_OPEN_FILE, FILE_DOESNT_EXIST.
        self.kind() == ErrorKind::Damaged || matches!(self, Self::Refused { code: 27 | 32 | 33 | 76 | 107, .. })
    }

    fn from_response(text: &str) -> Self {
        let code = text
            .find("Code: ")
            .map(|at| &text[at + 6..])
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let first_line: String = text.lines().next().unwrap_or_default().chars().take(500).collect();
        match code {
            Some(code) => Self::Refused { code, message: first_line },
            None => Self::NotClickhouse(excerpt(text)),
        }
    }
}

/// Codes of ClickHouse's `ErrorCodes`.
fn kind_of_code(code: u32, message: &str) -> ErrorKind {
    match code {
        // NOT_ENOUGH_SPACE, and the operating system's errors under other codes.
        243 => ErrorKind::NoSpace,
        _ if message.contains("No space left on device") || message.contains("ENOSPC") => ErrorKind::NoSpace,
        // CHECKSUM_DOESNT_MATCH, NO_FILE_IN_DATA_PART, BAD_SIZE_OF_FILE_IN_DATA_PART, CORRUPTED_DATA.
        40 | 226 | 228 | 246 => ErrorKind::Damaged,
        // TOO_MANY_PARTS is also returned for one block with too many partitions: fewer rows have fewer.
        252 if message.contains("partitions") => ErrorKind::Poison(message.to_owned()),
        // Data that cannot be parsed or stored: CANNOT_PARSE_*, ATTEMPT_TO_READ_AFTER_EOF,
        // CANNOT_READ_ALL_DATA, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, NO_DATA_TO_INSERT,
        // INCORRECT_DATA, TOO_LARGE_ARRAY_SIZE, TOO_LARGE_STRING_SIZE, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
        // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, VIOLATED_CONSTRAINT.
        6 | 25..=27 | 32 | 33 | 38 | 41 | 53 | 69 | 70 | 72 | 108 | 117 | 128 | 130 | 131 | 321 | 349 | 469 => {
            ErrorKind::Poison(message.to_owned())
        }
        // UNKNOWN_TABLE, UNKNOWN_DATABASE, columns, READONLY by the user's settings, users and rights.
        16 | 20 | 47 | 60 | 62 | 81 | 164 | 192..=195 | 497 | 516 => ErrorKind::Fatal,
        // Load, memory, disk, network, too many parts, temporarily read-only, cancelled, and all unknown codes:
        // rows are never dropped for an error that is not about them.
        _ => ErrorKind::Retry,
    }
}

impl From<clickhouse::error::Error> for StoreError {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error;
        match error {
            Error::BadResponse(text) => Self::from_response(&text),
            Error::TimedOut => Self::Unreachable("timeout expired".into()),
            Error::Network(source) => from_network_error(source.as_ref()),
            Error::Compression(_) | Error::Decompression(_) | Error::Other(_) => Self::Unreachable(error.to_string()),
            other => Self::UnexpectedResponse(other.to_string()),
        }
    }
}

/// Classifies a failed connection.
fn from_network_error(error: &(dyn std::error::Error + 'static)) -> StoreError {
    let text = with_causes(error);
    if chain(error).any(|cause| tls_error(cause).is_some()) {
        return StoreError::Tls(text);
    }
    // The connector reports this only as text.
    if chain(error).any(|cause| cause.to_string() == "dns error") {
        StoreError::Unresolved(text)
    } else {
        StoreError::Unreachable(text)
    }
}

/// The TLS library's error, also if wrapped in an I/O error.
fn tls_error<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    cause.downcast_ref().or_else(|| tls_error(cause.downcast_ref::<std::io::Error>()?.get_ref()?))
}

fn chain<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// An error with its causes, without repetitions.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error).map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The first non-empty line of a foreign response, shortened.
pub(super) fn excerpt(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("an empty response");
    line.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_response_has_its_kind() {
        let check = |answer: &str, expected: fn(&ErrorKind) -> bool| {
            let kind = StoreError::from_response(answer).kind();
            assert!(expected(&kind), "{answer}: {kind:?}");
        };
        check("Code: 241. DB::Exception: Memory limit exceeded", |k| *k == ErrorKind::Retry);
        check("Code: 252. DB::Exception: Too many parts (300)", |k| *k == ErrorKind::Retry);
        check("Code: 252. DB::Exception: Too many partitions for single INSERT block", |k| {
            matches!(k, ErrorKind::Poison(_))
        });
        check("Code: 33. DB::Exception: Cannot read all data", |k| matches!(k, ErrorKind::Poison(_)));
        check("Code: 516. DB::Exception: Authentication failed", |k| *k == ErrorKind::Fatal);
        check("Code: 60. DB::Exception: Table does not exist", |k| *k == ErrorKind::Fatal);
        check("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space", |k| *k == ErrorKind::NoSpace);
        check("Code: 1001. DB::Exception: std::exception: No space left on device", |k| *k == ErrorKind::NoSpace);
        check("Code: 246. DB::Exception: Empty marks file", |k| *k == ErrorKind::Damaged);
        check("Code: 4242. DB::Exception: something new", |k| *k == ErrorKind::Retry);
        check("<html>502 Bad Gateway</html>", |k| *k == ErrorKind::Retry);
    }

    #[test]
    fn limits_of_a_query_differ_from_the_limits_of_the_server() {
        let exceeded = |answer: &str| StoreError::from_response(answer).exceeded();
        let of_query = "Code: 241. DB::Exception: Query memory limit exceeded: would use 288.25 MiB";
        let of_server = "Code: 241. DB::Exception: (total) memory limit exceeded: would use 10.00 GiB";
        let timeout = "Code: 159. DB::Exception: Timeout exceeded: elapsed 1021.881 ms, maximum: 1000 ms.";
        assert_eq!(exceeded(of_query), Some(Exceeded::Memory));
        assert_eq!(exceeded(of_server), None);
        assert_eq!(exceeded(timeout), Some(Exceeded::Time));
        assert_eq!(StoreError::TimedOut(Duration::from_secs(1)).exceeded(), None, "no response, no code");
    }
}
