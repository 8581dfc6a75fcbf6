//! What can go wrong with the warehouse, and what to do about each.

use std::time::Duration;

/// The least version, as year and release: the first long-term one with everything that is used, `CHECK GRANT` and
/// insert tokens through materialized views among it.
pub const VERSION_MIN: (u32, u32) = (25, 3);

/// Why the warehouse did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it broke.
    #[error("the warehouse cannot be reached: {0}")]
    Unreachable(String),
    /// The host's name leads to no address.
    #[error("the warehouse's host name cannot be resolved: {0}")]
    Unresolved(String),
    /// No secure connection.
    #[error("no secure connection to the warehouse: {0}")]
    Tls(String),
    /// The certificates to believe cannot be read.
    #[error("clickhouse.ca_file {path} cannot be used: {reason}")]
    BadCaFile {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Something answered, but not ClickHouse.
    #[error("what answers at clickhouse.url is not ClickHouse's HTTP interface; it said: {0}")]
    NotClickhouse(String),
    /// A version that lacks what is needed.
    #[error(
        "the warehouse is ClickHouse {version}, which is too old: {}.{} or newer is needed",
        VERSION_MIN.0,
        VERSION_MIN.1
    )]
    TooOld {
        /// What it says it is.
        version: String,
    },
    /// The user may not do what is needed.
    #[error(
        "the warehouse's user {user} lacks rights in the database {database}: GRANT {missing} ON {database}.* TO {user}"
    )]
    MissingRights {
        /// Our user.
        user: String,
        /// Our database.
        database: String,
        /// What is missing.
        missing: String,
    },
    /// Tables that were there are gone.
    #[error("tables of the warehouse are gone: {0}")]
    TablesMissing(String),
    /// No answer in time.
    #[error("the warehouse did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It answered with an error.
    #[error("the warehouse refused (code {code}): {message}")]
    Refused {
        /// ClickHouse's error code.
        code: u32,
        /// Its first line.
        message: String,
    },
    /// The answer does not have the expected shape.
    #[error("the warehouse gave an answer that does not fit the question: {0}")]
    Misfit(String),
    /// It belongs to another installation.
    #[error(
        "the warehouse belongs to another installation of Ashna: use its data directory, another clickhouse.database, or \
         `ashna adopt` to take it over"
    )]
    Foreign,
    /// What came was not worked through: the work failed.
    #[error("{0}")]
    Lost(String),
    /// The database cannot be called so.
    #[error("clickhouse.database must be a plain name of letters, digits and _, not {0:?}")]
    BadDatabaseName(String),
    /// An applied migration is not the one this program has.
    #[error(
        "migration {0} was applied with another content: this data was written by another version of the program; \
         use that version, or a new data directory"
    )]
    MigrationChanged(String),
    /// The warehouse has a migration that this program does not know.
    #[error("the warehouse was already migrated to {0} by a newer version of the program; use that version")]
    MigrationFromTheFuture(String),
    /// A statement of a migration failed.
    #[error("migration {name} failed: {source}")]
    MigrationFailed {
        /// Which.
        name: String,
        /// Why.
        source: Box<StoreError>,
    },
}

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The same again later may succeed.
    Retry,
    /// The rows are at fault: fewer of them may succeed.
    Poison(String),
    /// Its disk is full: the same again once there is room, and whatever was going on meanwhile is not trusted.
    NoSpace,
    /// What is stored cannot be read; the same again gives the same.
    Damaged,
    /// Nothing will change before a person changes something.
    Fatal,
}

/// Which limit a question went beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// The memory that it may use.
    Memory,
    /// The time that it may take.
    Time,
}

impl StoreError {
    /// Which of its own limits a question went beyond; `None` for every other error, also where the warehouse
    /// as a whole has no memory left.
    #[must_use]
    pub fn exceeded(&self) -> Option<Exceeded> {
        match self {
            // MEMORY_LIMIT_EXCEEDED names the whole server's limit `(total)`.
            Self::Refused { code: 241, message } if !message.contains("(total)") => Some(Exceeded::Memory),
            // TIMEOUT_EXCEEDED, TOO_SLOW.
            Self::Refused { code: 159 | 160, .. } => Some(Exceeded::Time),
            _ => None,
        }
    }

    /// Whether the database or a table is missing, as before the first migration.
    #[must_use]
    pub fn is_without_tables(&self) -> bool {
        // UNKNOWN_TABLE, UNKNOWN_DATABASE.
        matches!(self, Self::Refused { code: 60 | 81, .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            // A proxy that answers for a server that is away is not ClickHouse either.
            Self::Unreachable(_)
            | Self::Unresolved(_)
            | Self::Tls(_)
            | Self::NotClickhouse(_)
            | Self::TablesMissing(_)
            | Self::TimedOut(_) => ErrorKind::Retry,
            Self::Refused { code, message } => kind_of_code(*code, message),
            Self::MigrationFailed { source, .. } => source.kind(),
            Self::Misfit(_)
            | Self::Foreign
            | Self::Lost(_)
            | Self::BadDatabaseName(_)
            | Self::BadCaFile { .. }
            | Self::TooOld { .. }
            | Self::MissingRights { .. }
            | Self::MigrationChanged(_)
            | Self::MigrationFromTheFuture(_) => ErrorKind::Fatal,
        }
    }

    /// Whether it may be caused by stored data that cannot be read, when nothing was sent that could be at fault.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        // Besides damage: CANNOT_PARSE_INPUT_ASSERTION_FAILED, ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA,
        // CANNOT_OPEN_FILE, FILE_DOESNT_EXIST.
        self.kind() == ErrorKind::Damaged || matches!(self, Self::Refused { code: 27 | 32 | 33 | 76 | 107, .. })
    }

    fn from_answer(text: &str) -> Self {
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
        // NOT_ENOUGH_SPACE, and what the system says through other codes.
        243 => ErrorKind::NoSpace,
        _ if message.contains("No space left on device") || message.contains("ENOSPC") => ErrorKind::NoSpace,
        // CHECKSUM_DOESNT_MATCH, NO_FILE_IN_DATA_PART, BAD_SIZE_OF_FILE_IN_DATA_PART, CORRUPTED_DATA.
        40 | 226 | 228 | 246 => ErrorKind::Damaged,
        // TOO_MANY_PARTS is also said of one block that touches too many partitions: fewer rows touch fewer.
        252 if message.contains("partitions") => ErrorKind::Poison(message.to_owned()),
        // Data that cannot be read or does not fit: CANNOT_PARSE_*, ATTEMPT_TO_READ_AFTER_EOF,
        // CANNOT_READ_ALL_DATA, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, NO_DATA_TO_INSERT,
        // INCORRECT_DATA, TOO_LARGE_ARRAY_SIZE, TOO_LARGE_STRING_SIZE, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
        // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, VIOLATED_CONSTRAINT.
        6 | 25..=27 | 32 | 33 | 38 | 41 | 53 | 69 | 70 | 72 | 108 | 117 | 128 | 130 | 131 | 321 | 349 | 469 => {
            ErrorKind::Poison(message.to_owned())
        }
        // UNKNOWN_TABLE, UNKNOWN_DATABASE, columns, READONLY by the user's settings, users and rights.
        16 | 20 | 47 | 60 | 62 | 81 | 164 | 192..=195 | 497 | 516 => ErrorKind::Fatal,
        // Load, memory, disk, network, too many parts, read only for a while, cancelled, and whatever
        // is not known: rows are never given up for an error that is not about them.
        _ => ErrorKind::Retry,
    }
}

impl From<clickhouse::error::Error> for StoreError {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error;
        match error {
            Error::BadResponse(text) => Self::from_answer(&text),
            Error::TimedOut => Self::Unreachable("timeout expired".into()),
            Error::Network(source) => of_network(source.as_ref()),
            Error::Compression(_) | Error::Decompression(_) | Error::Other(_) => Self::Unreachable(error.to_string()),
            other => Self::Misfit(other.to_string()),
        }
    }
}

/// What kept the connection from coming about.
fn of_network(error: &(dyn std::error::Error + 'static)) -> StoreError {
    let text = with_causes(error);
    if chain(error).any(|cause| tls_error(cause).is_some()) {
        return StoreError::Tls(text);
    }
    // The connector says so in words alone.
    if chain(error).any(|cause| cause.to_string() == "dns error") {
        StoreError::Unresolved(text)
    } else {
        StoreError::Unreachable(text)
    }
}

/// The TLS library's own error, also where it travels inside of an I/O error.
fn tls_error<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    cause.downcast_ref().or_else(|| tls_error(cause.downcast_ref::<std::io::Error>()?.get_ref()?))
}

fn chain<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// An error with its causes, each said once.
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

/// The beginning of what something else answered, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("an empty answer");
    line.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_says_what_to_do() {
        let check = |answer: &str, expected: fn(&ErrorKind) -> bool| {
            let kind = StoreError::from_answer(answer).kind();
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
    fn a_question_s_own_limits_are_known_from_the_server_s() {
        let exceeded = |answer: &str| StoreError::from_answer(answer).exceeded();
        let of_query = "Code: 241. DB::Exception: Query memory limit exceeded: would use 288.25 MiB";
        let of_server = "Code: 241. DB::Exception: (total) memory limit exceeded: would use 10.00 GiB";
        let timeout = "Code: 159. DB::Exception: Timeout exceeded: elapsed 1021.881 ms, maximum: 1000 ms.";
        assert_eq!(exceeded(of_query), Some(Exceeded::Memory));
        assert_eq!(exceeded(of_server), None);
        assert_eq!(exceeded(timeout), Some(Exceeded::Time));
        assert_eq!(StoreError::TimedOut(Duration::from_secs(1)).exceeded(), None, "a silent server says nothing of it");
        assert!(StoreError::from_answer("Code: 81. DB::Exception: Database ashna does not exist").is_without_tables());
    }
}
