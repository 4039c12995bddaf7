//! What goes wrong on this machine, told to the person in front of it with its cause.

use std::{error::Error as StdError, io};

use kageos_core::{Code, Error, Result};

use crate::{config::ConfigError, state::LockError};

/// Adds what was being done to an error that nobody outside sees.
pub(crate) trait Context<T> {
    /// The error with the thing that failed, and the code that fits.
    fn context(self, what: &str) -> Result<T>;
}

impl<T, E: StdError + Send + Sync + 'static> Context<T> for std::result::Result<T, E> {
    fn context(self, what: &str) -> Result<T> {
        self.map_err(|error| Error::new(code(&error), format!("{what}: {error}")).caused_by(error))
    }
}

fn code(error: &(dyn StdError + 'static)) -> Code {
    if error.is::<ConfigError>() {
        return Code::InvalidInput;
    }
    if error.is::<LockError>() {
        return Code::Conflict;
    }
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem) => Code::StorageFull,
        Some(io::ErrorKind::NotFound) => Code::NotFound,
        Some(io::ErrorKind::PermissionDenied) => Code::Forbidden,
        Some(io::ErrorKind::AddrInUse) => Code::Conflict,
        _ => Code::Internal,
    }
}
