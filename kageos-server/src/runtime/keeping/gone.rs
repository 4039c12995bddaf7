//! Folders of workspaces that were deleted and come back no more.

use kageos_core::Result;

use super::Alone;
use crate::runtime::{Runtime, build::remove_tree, host::blocking};

/// Most folders that one round removes.
const MOST: usize = 20;

impl Runtime {
    /// Gives up workspaces that were deleted long ago, and removes the folders of those that were given up. What was given
    /// up stays so; a crash between the two leaves the folders for the next round.
    pub(super) async fn remove_gone(&self, alone: &Alone) -> Result<()> {
        let releases = self.platform().releases();
        let before = self.platform().env().now().minus(self.inner.options.keep_deleted);
        for workspace in releases.give_up_deleted(before).await? {
            tracing::info!(%workspace, "a workspace that was deleted long ago is given up");
        }
        let (state, tree) = (self.inner.options.state.clone(), self.platform().tree().snapshot());
        let mut removed = 0;
        for workspace in self.folders().await? {
            // A folder of which the database knows nothing stays: it may be another one's.
            if removed == MOST || tree.by_id(workspace).is_some() || self.app(workspace).is_some() {
                continue;
            }
            if !releases.is_given_up(workspace).await? {
                continue;
            }
            if let Some(depot) = &self.inner.depot {
                depot.forget(workspace).await?;
            }
            let folder = state.workspace_dir(&workspace.to_string());
            let alone = Alone::clone(alone);
            let remove = move || {
                let _alone = alone;
                remove_tree(&folder)
            };
            blocking(remove).await?;
            removed += 1;
            tracing::info!(%workspace, "the folder of a deleted workspace is removed");
        }
        Ok(())
    }
}
