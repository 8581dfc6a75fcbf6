//! Why the warehouse cannot be used: a closed list, shown in the log, in `/readyz` and in metrics.

use super::StoreError;

/// What is wrong with the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The host name does not resolve.
    NameUnresolved,
    /// No connection, or it broke.
    Unreachable,
    /// Connected, but no response in time.
    NoAnswer,
    /// The TLS handshake failed.
    Tls,
    /// Another kind of server answers.
    NotClickhouse,
    /// The version lacks required features.
    TooOld,
    /// Wrong user or password.
    WrongCredentials,
    /// The user lacks privileges.
    MissingRights,
    /// The database, or tables in it, are missing.
    TablesMissing,
    /// The tables were made by another version of the program.
    OtherSchema,
    /// It belongs to another installation.
    Foreign,
    /// `clickhouse.database` is not a valid name.
    BadDatabaseName,
    /// The disk is full.
    DiskFull,
    /// Any other error.
    Failing,
}

impl Fault {
    /// The code in `/readyz`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NameUnresolved => "warehouse_name_unresolved",
            Self::Unreachable => "warehouse_unreachable",
            Self::NoAnswer => "warehouse_no_answer",
            Self::Tls => "warehouse_tls",
            Self::NotClickhouse => "warehouse_not_clickhouse",
            Self::TooOld => "warehouse_too_old",
            Self::WrongCredentials => "warehouse_wrong_credentials",
            Self::MissingRights => "warehouse_missing_rights",
            Self::TablesMissing => "warehouse_tables_missing",
            Self::OtherSchema => "warehouse_other_schema",
            Self::Foreign => "warehouse_foreign",
            Self::BadDatabaseName => "warehouse_bad_database_name",
            Self::DiskFull => "warehouse_disk_full",
            Self::Failing => "warehouse_failing",
        }
    }

    /// The cause in metrics and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.code().trim_start_matches("warehouse_")
    }

    /// What to do about it, without host or user names: the text is public.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NameUnresolved => "the host name in clickhouse.url cannot be resolved: correct it, or fix DNS",
            Self::Unreachable => {
                "no connection to clickhouse.url: is the server running, and can this machine reach it?"
            }
            Self::NoAnswer => "the warehouse does not answer in time: it may be overloaded",
            Self::Tls => {
                "no secure connection to clickhouse.url: check its certificate, clickhouse.ca_file, and the port"
            }
            Self::NotClickhouse => {
                "what answers at clickhouse.url is not ClickHouse's HTTP interface: check host and port"
            }
            Self::TooOld => "this ClickHouse is too old: docs/operations.md names the minimum version",
            Self::WrongCredentials => "ClickHouse refuses clickhouse.user with clickhouse.password",
            Self::MissingRights => "clickhouse.user lacks rights: docs/operations.md lists the grants it needs",
            Self::TablesMissing => {
                "the warehouse's tables are missing: restore them, or restart the service to create empty ones"
            }
            Self::OtherSchema => {
                "the warehouse was made by another version of Ashna: use that version, or another database"
            }
            Self::Foreign => {
                "the warehouse belongs to another installation of Ashna: use its data directory, another \
                 clickhouse.database, or `ashna adopt` to take it over"
            }
            Self::BadDatabaseName => "clickhouse.database must be a plain name of letters, digits and _",
            Self::DiskFull => "the warehouse's disk is full: free some space; events wait in the journal",
            Self::Failing => "the warehouse returns errors: see the log",
        }
    }

    /// Whether it may resolve without intervention.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::NoAnswer | Self::Failing)
    }
}

impl StoreError {
    /// The fault of a warehouse that fails every query with this error.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unresolved(_) => Fault::NameUnresolved,
            Self::Unreachable(_) => Fault::Unreachable,
            Self::TimedOut(_) | Self::Preparing => Fault::NoAnswer,
            Self::Tls(_) | Self::BadCaFile { .. } => Fault::Tls,
            Self::NotClickhouse(_) => Fault::NotClickhouse,
            Self::TooOld { .. } => Fault::TooOld,
            Self::MissingRights { .. } => Fault::MissingRights,
            Self::TablesMissing(_) => Fault::TablesMissing,
            Self::BadDatabaseName(_) => Fault::BadDatabaseName,
            Self::MigrationChanged(_) | Self::MigrationTooNew(_) => Fault::OtherSchema,
            Self::MigrationFailed { source, .. } => source.fault(),
            Self::Refused { code, .. } => fault_of_code(*code),
            Self::Foreign => Fault::Foreign,
            Self::UnexpectedResponse(_) | Self::TaskFailed(_) => Fault::Failing,
        }
    }
}

/// Codes of ClickHouse's `ErrorCodes`.
const fn fault_of_code(code: u32) -> Fault {
    match code {
        // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, IP_ADDRESS_NOT_ALLOWED, AUTHENTICATION_FAILED.
        192..=195 | 516 => Fault::WrongCredentials,
        // READONLY, DATABASE_ACCESS_DENIED, ACCESS_DENIED.
        164 | 291 | 497 => Fault::MissingRights,
        // UNKNOWN_TABLE, UNKNOWN_DATABASE.
        60 | 81 => Fault::TablesMissing,
        // UNKNOWN_SETTING: every setting that is sent exists in the minimum version.
        115 => Fault::TooOld,
        // NOT_ENOUGH_SPACE.
        243 => Fault::DiskFull,
        _ => Fault::Failing,
    }
}
