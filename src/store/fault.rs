//! Why the warehouse cannot be used, as a closed list that operators meet in the log, in `/readyz` and in metrics.

use super::StoreError;

/// What is wrong with the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Its name leads to no address.
    NameUnresolved,
    /// No connection, or it breaks.
    Unreachable,
    /// Connected, but no answer in time.
    NoAnswer,
    /// No secure connection comes about.
    Tls,
    /// Something else answers.
    NotClickhouse,
    /// A version that lacks what is needed.
    TooOld,
    /// Wrong user or password.
    WrongCredentials,
    /// The user may not do what is needed.
    MissingRights,
    /// The database, or tables in it, are gone.
    TablesMissing,
    /// Its tables belong to another version of the program.
    OtherSchema,
    /// It belongs to another installation.
    Foreign,
    /// `clickhouse.database` cannot be a name.
    BadDatabaseName,
    /// It has no disk space left.
    DiskFull,
    /// It answers with another error.
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

    /// The cause in metrics and on the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.code().trim_start_matches("warehouse_")
    }

    /// What to do about it, without names of hosts or users: anybody may read it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NameUnresolved => "the host name in clickhouse.url cannot be resolved: correct it, or the DNS",
            Self::Unreachable => {
                "no connection to clickhouse.url: is the server running, and may this machine reach it?"
            }
            Self::NoAnswer => "the warehouse does not answer in time: it may be overloaded",
            Self::Tls => {
                "no secure connection to clickhouse.url: check its certificate, clickhouse.ca_file, and the port"
            }
            Self::NotClickhouse => {
                "what answers at clickhouse.url is not ClickHouse's HTTP interface: check host and port"
            }
            Self::TooOld => "this ClickHouse is too old: docs/operations.md names the least version",
            Self::WrongCredentials => "ClickHouse refuses clickhouse.user with clickhouse.password",
            Self::MissingRights => "clickhouse.user lacks rights: docs/operations.md lists the grants it needs",
            Self::TablesMissing => {
                "the warehouse's tables are gone: restore them, or restart the service to make empty ones"
            }
            Self::OtherSchema => {
                "the warehouse was made by another version of Ashna: use that version, or another database"
            }
            Self::Foreign => {
                "the warehouse belongs to another installation of Ashna: use its data directory, another \
                 clickhouse.database, or `ashna adopt` to take it over"
            }
            Self::BadDatabaseName => "clickhouse.database must be a plain name of letters, digits and _",
            Self::DiskFull => "the warehouse's disk is full: make room; events wait in the journal",
            Self::Failing => "the warehouse answers with errors: the log has them",
        }
    }

    /// Whether it may pass without anybody doing something.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::NoAnswer | Self::Failing)
    }
}

impl StoreError {
    /// What is wrong with the warehouse when this happens to whatever is asked of it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unresolved(_) => Fault::NameUnresolved,
            Self::Unreachable(_) => Fault::Unreachable,
            Self::TimedOut(_) => Fault::NoAnswer,
            Self::Tls(_) | Self::BadCaFile { .. } => Fault::Tls,
            Self::NotClickhouse(_) => Fault::NotClickhouse,
            Self::TooOld { .. } => Fault::TooOld,
            Self::MissingRights { .. } => Fault::MissingRights,
            Self::TablesMissing(_) => Fault::TablesMissing,
            Self::BadDatabaseName(_) => Fault::BadDatabaseName,
            Self::MigrationChanged(_) | Self::MigrationFromTheFuture(_) => Fault::OtherSchema,
            Self::MigrationFailed { source, .. } => source.fault(),
            Self::Refused { code, .. } => fault_of_code(*code),
            Self::Foreign => Fault::Foreign,
            Self::Misfit(_) | Self::Lost(_) => Fault::Failing,
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
        // UNKNOWN_SETTING: every setting that is sent exists in the least version.
        115 => Fault::TooOld,
        // NOT_ENOUGH_SPACE.
        243 => Fault::DiskFull,
        _ => Fault::Failing,
    }
}
