//! What was written and built before there was a storage for it, or by a server that has none.

use kageos_core::{NodeId, Result};

use crate::runtime::{
    Runtime,
    depot::{Depot, is_at},
    host::blocking,
    source::Repository,
};

impl Runtime {
    /// Keeps the sources and programs of the workspaces that lie here, as far as that is not done.
    pub(super) async fn keep_in_depot(&self) -> Result<()> {
        let Some(depot) = &self.inner.depot else { return Ok(()) };
        let tree = self.platform().tree().snapshot();
        let mut failed = None;
        for workspace in self.folders().await? {
            let is_done = depot.is_complete(workspace) || tree.by_id(workspace).is_none();
            if is_done || self.check_home(workspace).await.is_err() {
                continue;
            }
            match self.keep_all_of(depot, workspace).await {
                Ok(()) => depot.set_complete(workspace),
                // One that cannot be read keeps the others from nothing.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn keep_all_of(&self, depot: &Depot, workspace: NodeId) -> Result<()> {
        let releases = self.platform().releases();
        if let Some(head) = releases.head(workspace).await? {
            let folder = self.source_dir(workspace)?;
            let repository = blocking(move || Repository::open(&folder)).await?;
            // What is not here came from there.
            if repository.has(&head.commit)? {
                depot.keep_source(workspace, &repository, &head.commit).await?;
            }
        }
        for (number, program) in releases.programs(workspace).await? {
            let at = self.program(workspace, number);
            // Numbers come again when a database is put back to an earlier moment.
            if is_at(&program, &at).await {
                depot.keep_program((workspace, number), &program, &at).await?;
            }
        }
        Ok(())
    }
}
