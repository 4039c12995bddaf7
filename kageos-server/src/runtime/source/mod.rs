//! The source of workspaces: one git repository each.
//!
//! Objects never change once they are written, so a repository needs no lock: a commit is made beside everything else and
//! counts from the moment at which the platform's database says so (`kageos_core::platform::release`).

mod change;
mod pack;
mod path;
mod repository;
mod search;

pub(crate) use change::{Changes, Edit, FileWrite, check, edited};
pub use path::{SourcePath, SourcePathError};
pub(crate) use repository::{Author, Repository, Weight};
pub(crate) use search::{Query, is_under, search};

/// The id that git gives a content.
pub(crate) fn hash(content: &[u8]) -> kageos_core::Result<String> {
    Repository::hash(content)
}
