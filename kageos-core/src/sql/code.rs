//! What the database says, in the words of the contract.

use super::SqlError;
use crate::{Code, Error};

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        let code = match &error {
            SqlError::DiskFull { .. } | SqlError::ReadOnly { .. } => Code::StorageFull,
            SqlError::Busy { .. }
            | SqlError::Deadlock { .. }
            | SqlError::QueueFull
            | SqlError::ConnectionLost { .. }
            | SqlError::Io { .. }
            | SqlError::Closed => Code::Unavailable,
            SqlError::Timeout => Code::DeadlineExceeded,
            SqlError::UniqueViolation { .. } => Code::Conflict,
            SqlError::NulInText | SqlError::ConstraintViolation { .. } => Code::InvalidInput,
            _ => Code::Internal,
        };
        Self::of(code).caused_by(error)
    }
}
