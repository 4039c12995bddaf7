//! What a server clears up by itself: apps of workspaces that are gone, what was compiled long ago, what a crash left.

mod builds;
mod gone;
mod leftovers;
mod sources;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kageos_core::{NodeId, Result};
use tokio::sync::OwnedMutexGuard;

pub(super) use leftovers::{clear_containers, clear_links};

use super::{DRAIN, Runtime, lock};

/// How often it is looked at what changes by itself: the tree, and how much apps write.
const LOOK: Duration = Duration::from_secs(2);
/// How often it is looked for what nobody needs any more.
const ROUND: Duration = Duration::from_secs(10 * 60);
/// No generation of the tree.
pub(super) const NEVER: i64 = -1;

/// Has what a backup copies to itself, as long as anybody has it.
type Alone = Arc<OwnedMutexGuard<()>>;

impl Runtime {
    /// Keeps house, for ever. Whoever spawns it ends it.
    pub async fn keep_house(self) {
        tokio::join!(
            repeat(LOOK, || {
                let this = self.clone();
                async move { this.look().await }
            }),
            repeat(ROUND, || {
                let this = self.clone();
                async move { this.round().await }
            })
        );
    }

    /// Lets nothing be moved or removed that a backup copies, as long as the answer lives.
    pub(crate) async fn hold_files(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.inner.upkeep).lock_owned().await
    }

    async fn look(&self) -> Result<()> {
        self.look_at_data().await?;
        self.let_rest().await;
        self.follow_tree().await
    }

    async fn round(&self) -> Result<()> {
        // A backup that is being made copies what is there.
        if let Ok(alone) = Arc::clone(&self.inner.upkeep).try_lock_owned() {
            let alone = Arc::new(alone);
            self.remove_gone(&alone).await?;
            self.pack_sources(&alone).await?;
        }
        // What is being built makes room itself when it is done.
        match self.inner.building.try_turn() {
            Some(turn) => self.make_room(&Arc::new(turn)).await,
            None => Ok(()),
        }
    }

    /// Lets go of what apps declare that do not run.
    async fn let_rest(&self) {
        let apps: Vec<_> =
            lock(&self.inner.apps).iter().map(|(id, app)| (*id, Arc::clone(&app.host))).collect();
        for (workspace, host) in apps {
            if !host.runs().await {
                self.platform().mounts().rest(workspace);
            }
        }
    }

    /// Ends the apps of workspaces that were deleted, and mounts those that came back.
    async fn follow_tree(&self) -> Result<()> {
        let tree = self.platform().tree().snapshot();
        if self.inner.followed.load(Ordering::Relaxed) == tree.generation() {
            return Ok(());
        }
        let mounted: Vec<NodeId> = lock(&self.inner.apps).keys().copied().collect();
        for workspace in mounted.into_iter().filter(|id| tree.by_id(*id).is_none()) {
            self.inner.changing.spawn(self.clone().end_deleted(workspace));
        }
        self.detach_deleted(|workspace| tree.by_id(workspace).is_none());
        for (workspace, release) in self.platform().releases().all_live().await? {
            let elsewhere = lock(&self.inner.elsewhere).contains(&workspace);
            if elsewhere || tree.by_id(workspace).is_none() || self.app(workspace).is_some() {
                continue;
            }
            // What is being published is mounted by that.
            let Ok(_place) = self.publishing(workspace) else { return Ok(()) };
            if self.app(workspace).is_none() {
                match self.mount(workspace, release).await {
                    Ok(()) => tracing::info!(%workspace, release, "a workspace came back"),
                    Err(error) => tracing::debug!(%workspace, release, %error, "a workspace is not run here"),
                }
            }
        }
        if !self.mount_attached().await? {
            return Ok(());
        }
        self.inner.followed.store(tree.generation(), Ordering::Relaxed);
        Ok(())
    }

    /// Ends the app of a deleted workspace once its calls have ended; no more come.
    async fn end_deleted(self, workspace: NodeId) {
        let Some(app) = self.app(workspace) else { return };
        let cut_off = app.host.stop(DRAIN).await;
        if self.platform().tree().snapshot().by_id(workspace).is_none() {
            self.platform().mounts().unmount(workspace);
            lock(&self.inner.apps).remove(&workspace);
            // One that comes back is mounted anew.
            app.host.retire(Duration::ZERO).await;
            tracing::info!(%workspace, release = app.release, cut_off, "the app of a deleted workspace has ended");
        }
        // It may have come back meanwhile.
        self.inner.followed.store(NEVER, Ordering::Relaxed);
    }
}

/// Does something now and after each pause, in a task of its own, so that one that panics is not the last.
async fn repeat<F: Future<Output = Result<()>> + Send + 'static>(pause: Duration, step: impl Fn() -> F) {
    let mut failed = None;
    loop {
        match tokio::spawn(step()).await {
            Ok(Ok(())) => failed = None,
            // What fails again and again is told once.
            Ok(Err(error)) if failed.as_ref() == Some(&error) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the house is not kept yet");
                failed = Some(error);
            }
            Err(error) => tracing::error!(%error, "keeping house broke off"),
        }
        tokio::time::sleep(pause).await;
    }
}
