use std::path::{Component, Path, PathBuf};

use kageos_core::{Code, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::files::digest;

/// The file that lists the others.
pub(super) const MANIFEST: &str = "manifest.json";

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// When it was made; older ones do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    pub(crate) files: Vec<Kept>,
}

/// One file of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Below the folder.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// Of what was written, hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    pub(super) fn new(at: Timestamp, files: Vec<Kept>) -> Self {
        Self { at: Some(at), files }
    }

    /// How much it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|kept| kept.bytes).sum()
    }
}

impl Kept {
    /// Refuses a file that is not what was backed up, or that would be written elsewhere.
    pub(super) fn check(&self, folder: &Path) -> Result<()> {
        let name = self.path.display();
        let plain = self.path.components().all(|part| matches!(part, Component::Normal(_)));
        if plain && digest(&folder.join(&self.path))? == (self.bytes, self.sha256.clone()) {
            return Ok(());
        }
        Err(Error::new(Code::Conflict, format!("The backup is damaged: {name} is not what was backed up.")))
    }
}
