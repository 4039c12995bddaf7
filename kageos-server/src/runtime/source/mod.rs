//! The source of workspaces: one git repository each.
//!
//! Objects never change once they are written, so a repository needs no lock: a commit is made beside everything else and
//! counts from the moment at which the platform's database says so (`kageos_core::platform::release`).

mod bundle;
mod change;
mod pack;
mod path;
mod repository;
mod search;

pub(crate) use bundle::{HEAD as BUNDLE_HEAD, Step, read_head as read_bundle_head};
pub(crate) use change::{Changes, Edit, FileWrite, check, edited};
pub use path::{SourcePath, SourcePathError};
pub(crate) use repository::{Author, Repository, Weight};
pub(crate) use search::{Query, is_under, search};

/// The id that git gives a content.
pub(crate) fn hash(content: &[u8]) -> kageos_core::Result<String> {
    Repository::hash(content)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use kageos_core::{CallId, Env, Timestamp};

    use super::{Author, Repository, SourcePath};

    /// A commit on another one that writes one of seven files.
    pub(crate) fn commit(repository: &Repository, head: Option<&str>, number: usize) -> String {
        let author = Author {
            id: "system".to_owned(),
            name: "system".to_owned(),
            at: Timestamp::from_micros(0),
            message: number.to_string(),
            call: CallId::new(&Env::system()),
        };
        let path: SourcePath = format!("a/{}.rs", number % 7).parse().unwrap();
        let content = format!("{}// {number}\n", "fn same() {}\n".repeat(500));
        let changes = BTreeMap::from([(path, Some(content.into_bytes()))]);
        repository.commit(head, &changes, &author).unwrap()
    }
}
