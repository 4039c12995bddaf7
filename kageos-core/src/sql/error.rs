//! What can go wrong between a statement and its database, named by situation.

use std::error::Error;
use std::sync::Arc;

/// The driver's own error, kept for the log.
pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

/// An error of the seam. The driver's error stays as the source.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// A row with this key exists already.
    #[error("a row with this key exists already ({constraint:?})")]
    UniqueViolation {
        /// What the engine calls it: an index, or on SQLite `table.column`.
        constraint: Option<String>,
        /// The driver's error.
        source: Cause,
    },
    /// A row that is pointed to is missing, or still pointed to.
    #[error("a referenced row is missing or still referenced")]
    ForeignKeyViolation {
        /// The driver's error.
        source: Cause,
    },
    /// A value the table's own rules refuse: a null, a check, a length, a type.
    #[error("the table refuses the value")]
    ConstraintViolation {
        /// The driver's error.
        source: Cause,
    },
    /// `fetch_one` found no row.
    #[error("no row found")]
    NotFound,
    /// A statement touched another number of rows than it must.
    #[error("{actual} rows affected where {expected} were expected")]
    RowsAffected {
        /// The number that was asked for.
        expected: u64,
        /// The number the database reports.
        actual: u64,
    },
    /// A lock or a connection was not free in time.
    #[error("the database is busy")]
    Busy {
        /// The driver's error.
        source: Cause,
    },
    /// Two transactions stood in each other's way, and this one was chosen to go.
    #[error("the transaction met a deadlock or could not be serialised")]
    Deadlock {
        /// The driver's error.
        source: Cause,
    },
    /// The writer's queue had no room in time.
    #[error("the queue of writes is full")]
    QueueFull,
    /// The deadline of a read has passed.
    #[error("the deadline has passed")]
    Timeout,
    /// No space is left for the database.
    #[error("the disk of the database is full")]
    DiskFull {
        /// The driver's error.
        source: Cause,
    },
    /// The database, or this connection to it, cannot be written to.
    #[error("the database is read-only")]
    ReadOnly {
        /// The driver's error.
        source: Cause,
    },
    /// The disk of the database failed.
    #[error("the disk of the database failed")]
    Io {
        /// The driver's error.
        source: Cause,
    },
    /// The database file is damaged or no database.
    #[error("the database is damaged")]
    Corrupt {
        /// The driver's error.
        source: Cause,
    },
    /// The database cannot be reached, or no longer.
    #[error("the connection to the database is lost")]
    ConnectionLost {
        /// The driver's error.
        source: Cause,
    },
    /// The database rolled the transaction back under the unit after an earlier failure.
    #[error("the transaction was rolled back after an earlier failure")]
    Aborted,
    /// A unit awaited something other than its transaction.
    #[error("a unit awaited something other than its transaction")]
    UnitSuspended,
    /// A unit panicked; nothing of it was kept.
    #[error("a unit panicked: {message}")]
    UnitPanicked {
        /// What the panic said.
        message: String,
    },
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// The result has no such column.
    #[error("no column named {name}")]
    Column {
        /// The column that was asked for.
        name: String,
    },
    /// A column holds another type than was asked for, or a null.
    #[error("column {name} does not hold {expected}")]
    ColumnType {
        /// The column that was asked for.
        name: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// Text with a NUL character, which PostgreSQL cannot store, so no engine takes it.
    #[error("text contains a NUL character")]
    NulInText,
    /// A value of a run-time statement has no counterpart in the seam.
    #[error("a value of the statement is out of the range that can be stored")]
    OutOfRange,
    /// The address of the database is not understood, or its engine is not built in.
    #[error("the database URL is not usable: {reason}")]
    Url {
        /// What is wrong. Never holds the URL itself, which may carry a password.
        reason: String,
    },
    /// A migration that was applied has another text now.
    #[error("migration {component} {version} was changed after it was applied")]
    MigrationChanged {
        /// Who owns the tables.
        component: String,
        /// The migration.
        version: u32,
    },
    /// The database was migrated by a newer release.
    #[error("the database has migration {component} {version}, which this release does not know")]
    MigrationUnknown {
        /// Who owns the tables.
        component: String,
        /// The migration.
        version: u32,
    },
    /// A migration stopped half-way on an engine that cannot roll back changes of tables (MySQL).
    #[error("migration {component} {version} stopped half-way and needs repair by hand")]
    MigrationInterrupted {
        /// Who owns the tables.
        component: String,
        /// The migration.
        version: u32,
    },
    /// Anything else the database refuses, a wrong statement first of all.
    #[error("the statement failed: {source}")]
    Statement {
        /// The driver's error.
        source: Cause,
    },
}

impl SqlError {
    /// Whether the same unit may succeed when it is run again.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Deadlock { .. } | Self::QueueFull)
    }

    /// Whether this is [`SqlError::UniqueViolation`].
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::UniqueViolation { .. })
    }

    pub(crate) fn url(reason: impl Into<String>) -> Self {
        Self::Url { reason: reason.into() }
    }
}
