//! What was compiled for workspaces stays until it takes too much room.

use std::{fs, path::Path, sync::Arc, time::SystemTime};

use kageos_core::Result;

use crate::runtime::{
    Runtime,
    build::{BuildFolder, Turn, folder_size},
    host::blocking,
};

impl Runtime {
    /// Makes room, in a task of its own: nobody waits for it but the next build.
    pub(in crate::runtime) fn make_room_soon(&self, turn: Arc<Turn>) {
        let this = self.clone();
        self.inner.changing.spawn(async move {
            if let Err(error) = this.make_room(&turn).await {
                tracing::warn!(%error, "what was compiled takes more room than it may");
            }
        });
    }

    /// Removes what was compiled for the workspaces that were built longest ago, until the rest fits. It has the turn of
    /// a build meanwhile, so none of them is being built.
    pub(in crate::runtime) async fn make_room(&self, turn: &Arc<Turn>) -> Result<()> {
        let (state, most, turn) =
            (self.inner.options.state.clone(), self.inner.options.build_cache, Arc::clone(turn));
        blocking(move || {
            let _turn = turn;
            evict(&state.workspaces_dir(), most)
        })
        .await
    }
}

/// Removes the build folders used longest ago until the rest has at most `most` bytes.
fn evict(workspaces: &Path, most: u64) -> Result<()> {
    let Ok(all) = fs::read_dir(workspaces) else { return Ok(()) };
    let built = all.flatten().map(|entry| entry.path().join("build")).filter(|folder| folder.is_dir());
    let mut built: Vec<(SystemTime, u64, BuildFolder)> = built
        .map(|folder| {
            let size = folder_size(&folder);
            let folder = BuildFolder::at(folder);
            (folder.used(), size, folder)
        })
        .collect();
    built.sort_by_key(|(used, ..)| *used);
    let mut total: u64 = built.iter().map(|(_, size, _)| size).sum();
    for (_, size, folder) in built {
        if total <= most {
            break;
        }
        folder.remove()?;
        total -= size;
        tracing::info!(folder = %folder.root().display(), bytes = size, "what was compiled has made room");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::*;

    const MB: u64 = 1 << 20;

    /// A folder of a workspace with a megabyte compiled that was used at a second.
    fn built(dir: &Path, name: &str, second: u64) -> PathBuf {
        let folder = dir.join(name).join("build");
        fs::create_dir_all(folder.join("target/debug")).unwrap();
        fs::write(folder.join("target/debug/x"), vec![1; 1 << 20]).unwrap();
        fs::write(folder.join("layer"), "key").unwrap();
        fs::write(folder.join("used"), "").unwrap();
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        fs::File::options().write(true).open(folder.join("used")).unwrap().set_modified(used).unwrap();
        folder
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_no_more_than_has_to() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("never_built/data")).unwrap();
        let (a, b, c) = (built(dir.path(), "a", 30), built(dir.path(), "b", 10), built(dir.path(), "c", 20));
        evict(dir.path(), 4 * MB).unwrap();
        assert!(a.exists() && b.exists() && c.exists());
        evict(dir.path(), 5 * MB / 2).unwrap();
        assert!(a.exists() && !b.exists() && c.exists());
        evict(dir.path(), 10).unwrap();
        assert!(!a.exists() && !c.exists() && dir.path().join("never_built/data").exists());
    }
}
