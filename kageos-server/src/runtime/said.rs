//! What builds said: beside the program, and in the depot, where other servers read it.

use std::{fs, path::Path};

use kageos_core::{Code, Error, NodeId, Result};
use serde::{Deserialize, Serialize};

use super::{Diagnostic, Runtime, host::blocking};

/// Releases of which it is kept, the newest.
const RELEASES: u32 = 100;
/// The end of a log that is told, in bytes.
const SHOWN_LOG: usize = 200 * 1024;
/// The file of it.
const FILE: &str = "said.json";

/// What the build of a release said.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) log: String,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Said {
    pub(super) async fn keep(&self, runtime: &Runtime, workspace: NodeId, number: u32) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(Error::internal)?;
        if let Some(depot) = &runtime.inner.depot {
            depot.keep_said(workspace, number, text.clone()).await?;
        }
        let folder = runtime.release_dir(workspace, number);
        blocking(move || {
            let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(FILE), text));
            let message = "The log of the build cannot be written.";
            written.map_err(|error| Error::new(Code::StorageFull, message).caused_by(error))
        })
        .await
    }

    /// What is kept of a release; nothing when that is gone.
    pub(super) async fn of(runtime: &Runtime, workspace: NodeId, number: u32) -> Result<Self> {
        let folder = runtime.release_dir(workspace, number);
        let here = blocking(move || Ok(read(&folder))).await?;
        let text = match (here, &runtime.inner.depot) {
            (Some(said), _) => return Ok(said),
            (None, Some(depot)) => depot.said(workspace, number).await?,
            (None, None) => None,
        };
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default())
    }

    /// The end of the log.
    pub(super) fn shown_log(&self) -> &str {
        let mut from = self.log.len().saturating_sub(SHOWN_LOG);
        while !self.log.is_char_boundary(from) {
            from += 1;
        }
        &self.log[from..]
    }

    /// Removes what the builds said of releases long before the newest.
    pub(super) async fn forget_old(runtime: &Runtime, workspace: NodeId, newest: u32) -> Result<()> {
        if let (Some(depot), Some(old)) = (&runtime.inner.depot, newest.checked_sub(RELEASES)) {
            depot.forget_said(workspace, old).await?;
        }
        let folder = runtime.release_dir(workspace, newest);
        blocking(move || {
            forget(&folder, newest);
            Ok(())
        })
        .await
    }
}

/// What lies in the folder of a release; an earlier Kageos kept it in two files.
fn read(folder: &Path) -> Option<Said> {
    if let Ok(text) = fs::read(folder.join(FILE)) {
        return serde_json::from_slice(&text).ok();
    }
    let log = fs::read_to_string(folder.join("build.log")).ok()?;
    let diagnostics = fs::read(folder.join("diagnostics.json")).ok();
    let diagnostics = diagnostics.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    Some(Said { log, diagnostics })
}

/// Removes the folders of releases long before `newest`, which `folder` is of, that have no program any more.
fn forget(folder: &Path, newest: u32) {
    let above = folder.parent().unwrap_or(folder);
    for old in fs::read_dir(above).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let number = old.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        if number.is_some_and(|number| number.saturating_add(RELEASES) <= newest)
            && !old.join("program").exists()
        {
            let _ = fs::remove_dir_all(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_old_builds_said_is_forgotten_unless_their_program_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        for (number, program) in [(1, true), (2, false), (100, false), (101, false), (102, false)] {
            let folder = dir.path().join(number.to_string());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("build.log"), "log").unwrap();
            assert_eq!(read(&folder).unwrap().log, "log");
            fs::write(folder.join(FILE), r#"{"log":"new","diagnostics":[]}"#).unwrap();
            assert_eq!(read(&folder).unwrap().log, "new");
            if program {
                fs::write(dir.path().join(number.to_string()).join("program"), "").unwrap();
            }
        }
        forget(&dir.path().join("102"), 102);
        let left = [1, 2, 100, 101, 102].map(|number| dir.path().join(number.to_string()).exists());
        assert_eq!(left, [true, false, true, true, true]);
    }
}
