use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;

/// A backup to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupInput {
    /// The folder to make on the server's machine, as an absolute path.
    pub to: String,
}

/// One line of the answer: how far it is, and in the last one what was made, or why not.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct BackupLine {
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<BackupProgress>,
    /// What was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<BackupMade>,
    /// Why nothing was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// How far a backup is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BackupProgress {
    /// What was copied last, below the state folder.
    pub file: String,
    /// Bytes that are done.
    pub bytes: u64,
    /// About so many in all.
    pub of: u64,
}

/// A backup.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BackupMade {
    /// Its folder.
    pub backup: String,
    /// How many files it holds.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}
