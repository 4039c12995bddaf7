//! The workspaces that run in this process.

use std::path::PathBuf;

use kageos_core::{ResourcePath, sql::Db};

/// A workspace that is mounted here, with its database.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Where it lies.
    pub path: ResourcePath,
    /// Its rows.
    pub db: Db,
    /// The file of the database below the state folder, when it is SQLite.
    pub file: Option<PathBuf>,
}
