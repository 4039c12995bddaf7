//! Errors of the drivers as situations.

use std::sync::Arc;

use sqlx::error::{DatabaseError, ErrorKind};

use crate::sql::SqlError;
use crate::sql::error::Cause;

/// Names the situation of an error; `situation` knows the engine's own codes.
pub(super) fn map(
    error: sqlx::Error,
    situation: fn(&dyn DatabaseError, Cause) -> Result<SqlError, Cause>,
) -> SqlError {
    use sqlx::Error;
    match error {
        Error::Database(error) => database(error, situation),
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => {
            SqlError::ConnectionLost { source: Arc::new(error) }
        }
        Error::PoolTimedOut => SqlError::Busy { source: Arc::new(error) },
        Error::PoolClosed => SqlError::Closed,
        Error::Configuration(_) => SqlError::url("the driver does not understand it"),
        error => SqlError::Statement { source: Arc::new(error) },
    }
}

fn database(
    error: Box<dyn DatabaseError>,
    situation: fn(&dyn DatabaseError, Cause) -> Result<SqlError, Cause>,
) -> SqlError {
    let error = Arc::new(sqlx::Error::Database(error));
    let source: Cause = Arc::clone(&error) as Cause;
    let Some(error) = error.as_database_error() else { return SqlError::Statement { source } };
    match error.kind() {
        ErrorKind::UniqueViolation => {
            let constraint = error.constraint().map(str::to_owned).or_else(|| quoted_last(error.message()));
            SqlError::UniqueViolation { constraint, source }
        }
        ErrorKind::ForeignKeyViolation => SqlError::ForeignKeyViolation { source },
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => SqlError::ConstraintViolation { source },
        _ => situation(error, source).unwrap_or_else(|source| SqlError::Statement { source }),
    }
}

/// MySQL names the index only in its message: "Duplicate entry '…' for key 'name'".
fn quoted_last(message: &str) -> Option<String> {
    let (_, name) = message.strip_suffix('\'')?.rsplit_once('\'')?;
    Some(name.to_owned())
}
