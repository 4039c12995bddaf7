//! Errors of the seam as errors for callers.

use kageos_core::{Code, Error, HostError, sql::SqlError};

/// Why a unit or a read stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The seam's error, from a statement or from the ends of the transaction.
    Sql(SqlError),
    /// Refused for a reason of its own.
    Refused(Error),
    /// It was only tried.
    Tried,
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Sql(error) => storage(error),
            Stop::Refused(error) => error,
            Stop::Tried => Self::of(Code::Internal),
        }
    }
}

impl From<Stop> for HostError {
    fn from(stop: Stop) -> Self {
        Self::Refused(stop.into())
    }
}

/// The error that a caller sees for one of the seam's.
pub(super) fn storage(error: SqlError) -> Error {
    let code = match &error {
        SqlError::UniqueViolation { .. } => Code::Conflict,
        SqlError::DiskFull { .. } | SqlError::ReadOnly { .. } => Code::StorageFull,
        SqlError::Timeout => Code::DeadlineExceeded,
        SqlError::Busy { .. }
        | SqlError::Deadlock { .. }
        | SqlError::QueueFull
        | SqlError::ConnectionLost { .. }
        | SqlError::Io { .. }
        | SqlError::Closed => Code::Unavailable,
        SqlError::NulInText | SqlError::OutOfRange => Code::InvalidInput,
        _ => Code::Internal,
    };
    Error::of(code).caused_by(error)
}
