//! Repositories whose many small files become few.

use std::fs;

use kageos_core::{NodeId, Result};

use super::Alone;
use crate::runtime::{Runtime, host::blocking, source::Repository};

/// Loose objects that a repository may have: some five hundred commits.
const LOOSE: usize = 2_000;
/// Most repositories that one round packs.
const MOST: usize = 4;

impl Runtime {
    /// Packs some of the repositories that have many loose objects. Commits are made meanwhile.
    pub(super) async fn pack_sources(&self, alone: &Alone) -> Result<()> {
        let (workspaces, tree) =
            (self.inner.options.state.workspaces_dir(), self.platform().tree().snapshot());
        let alone = Alone::clone(alone);
        blocking(move || {
            let _alone = alone;
            let mut packed = 0;
            for entry in fs::read_dir(workspaces).into_iter().flatten().flatten() {
                let source = entry.path().join("source");
                let workspace = entry.file_name().to_str().and_then(|name| name.parse::<NodeId>().ok());
                let here =
                    workspace.is_some_and(|id| tree.by_id(id).is_some()) && source.join("HEAD").exists();
                if !here {
                    continue;
                }
                match Repository::open(&source).and_then(|repository| repository.pack(LOOSE)) {
                    Ok(0) => {}
                    Ok(objects) => {
                        tracing::info!(workspace = ?workspace, objects, "a source is packed");
                        packed += 1;
                    }
                    Err(error) => tracing::warn!(workspace = ?workspace, %error, "a source is not packed"),
                }
                if packed == MOST {
                    break;
                }
            }
            Ok(())
        })
        .await
    }
}
