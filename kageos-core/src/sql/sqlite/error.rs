//! SQLite's result codes as situations.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode, ffi};

use crate::sql::SqlError;

/// Names the situation of a SQLite error.
pub(super) fn map(error: Error) -> SqlError {
    let Some(failure) = error.sqlite_error().copied() else {
        return SqlError::Statement { source: Arc::new(error) };
    };
    let constraint = constraint(&error);
    let source = Arc::new(error);
    match failure.code {
        ErrorCode::ConstraintViolation => match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID => SqlError::UniqueViolation { constraint, source },
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => SqlError::ForeignKeyViolation { source },
            _ => SqlError::ConstraintViolation { source },
        },
        ErrorCode::TypeMismatch | ErrorCode::TooBig => SqlError::ConstraintViolation { source },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqlError::Busy { source },
        ErrorCode::DiskFull => SqlError::DiskFull { source },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => SqlError::ReadOnly { source },
        ErrorCode::SystemIoFailure => SqlError::Io { source },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => SqlError::Corrupt { source },
        ErrorCode::CannotOpen => SqlError::ConnectionLost { source },
        ErrorCode::OperationInterrupted => SqlError::Timeout,
        _ => SqlError::Statement { source },
    }
}

/// `table.column, …` out of "UNIQUE constraint failed: table.column, …".
fn constraint(error: &Error) -> Option<String> {
    let Error::SqliteFailure(_, Some(message)) = error else { return None };
    message.split_once("constraint failed: ").map(|(_, name)| name.to_owned())
}
