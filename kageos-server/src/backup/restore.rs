use std::{
    fs,
    path::{Path, PathBuf},
};

use kageos_core::{Code, Error, Result};

use super::{
    files,
    manifest::{MANIFEST, Manifest},
};
use crate::{cli::failure::Context, state::StateDir};

/// Makes the state folder from a backup: all is checked before anything is written, and a half that was cut off never
/// has the name of a state folder. Answers how many files it has.
///
/// # Errors
/// [`Code::Conflict`] when there is a state folder or the backup is damaged, else what the disk answers.
pub(crate) fn restore(state: &StateDir, from: &Path) -> Result<usize> {
    if state.exists() {
        let message = "There is a state folder already; `kagectl reset` puts it away.";
        return Err(Error::new(Code::Conflict, message));
    }
    let text = fs::read(from.join(MANIFEST)).context("the backup's manifest.json")?;
    let manifest: Manifest = serde_json::from_slice(&text).context("the backup's manifest.json")?;
    for kept in &manifest.files {
        kept.check(from)?;
    }
    let beside = StateDir::at(beside(state.root()));
    if beside.root().exists() {
        fs::remove_dir_all(beside.root()).context("what an earlier restore left behind")?;
    }
    beside.make_dir(beside.root()).context("the new state folder")?;
    for kept in &manifest.files {
        files::copy(&beside, &from.join(&kept.path), &beside.root().join(&kept.path), None)?;
    }
    files::sync_folders(beside.root()).context("the new state folder")?;
    files::rename(beside.root(), state.root()).context("the state folder")?;
    Ok(manifest.files.len())
}

/// Where a state folder grows until it is whole.
fn beside(root: &Path) -> PathBuf {
    let mut name = root.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}
