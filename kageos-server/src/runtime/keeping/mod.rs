//! What a server clears up by itself: apps of workspaces that are gone, what was compiled long ago, what a crash left.

mod builds;
mod depot;
mod gone;
mod leftovers;
mod sources;

use std::{
    fs,
    io::ErrorKind,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kageos_core::{NodeId, Result, platform::release::Live};
use tokio::sync::OwnedMutexGuard;

pub(super) use leftovers::{clear_containers, clear_links};

use super::{App, Runtime, host::blocking, lock};

/// How often it is looked at what changes by itself: the tree, and how much apps write.
const LOOK: Duration = Duration::from_secs(2);
/// How often it is looked for what nobody needs any more.
const ROUND: Duration = Duration::from_secs(10 * 60);
/// How often what other servers left is settled.
const SETTLE: Duration = Duration::from_secs(10);
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

    /// The workspaces that have a folder here.
    async fn folders(&self) -> Result<Vec<NodeId>> {
        let folder = self.inner.options.state.workspaces_dir();
        blocking(move || {
            let all = fs::read_dir(folder).into_iter().flatten().flatten();
            Ok(all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        })
        .await
    }

    async fn look(&self) -> Result<()> {
        self.look_at_data().await?;
        self.let_rest().await;
        self.follow_tree().await?;
        self.settle_releases().await
    }

    /// Settles what other servers were building or starting that have ended, and what this one could not settle.
    async fn settle_releases(&self) -> Result<()> {
        let now = self.platform().env().clock.monotonic();
        let last = self.inner.settled.load(Ordering::Relaxed);
        if now.as_secs() < last + SETTLE.as_secs() {
            return Ok(());
        }
        self.inner.settled.store(now.as_secs(), Ordering::Relaxed);
        let releases = self.platform().releases();
        for workspace in releases.all_starting().await? {
            // A publication that failed while the database was away could not say so.
            if let Ok(_place) = self.publishing(workspace) {
                releases.starts_none(workspace).await?;
            }
        }
        match self.platform().seat() {
            Some(_) => releases.settle(None).await,
            None => Ok(()),
        }
    }

    async fn round(&self) -> Result<()> {
        let mut failed = None;
        let mut note = |done: Result<()>| failed = failed.take().or(done.err());
        // A backup that is being made copies what is there.
        if let Ok(alone) = Arc::clone(&self.inner.upkeep).try_lock_owned() {
            let alone = Arc::new(alone);
            note(self.remove_gone(&alone).await);
            note(self.pack_sources(&alone).await);
        }
        // What is being built makes room itself when it is done.
        if let Some(turn) = self.inner.building.try_turn() {
            note(self.make_room(&Arc::new(turn)).await);
        }
        note(self.keep_in_depot().await);
        failed.map_or(Ok(()), Err)
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
        // What another server makes live of an app that declares the same changes nothing in the tree.
        let others = self.inner.depot.is_some() && self.platform().seat().is_some();
        if !others && self.inner.followed.load(Ordering::Relaxed) == tree.generation() {
            return Ok(());
        }
        let mounted: Vec<NodeId> = lock(&self.inner.apps).keys().copied().collect();
        for workspace in mounted.into_iter().filter(|id| tree.by_id(*id).is_none()) {
            self.inner.changing.spawn(self.clone().end_deleted(workspace));
        }
        self.detach_deleted(|workspace| tree.by_id(workspace).is_none());
        let mut all = true;
        for live in self.platform().releases().all_live().await? {
            let workspace = live.workspace;
            if self.app(workspace).is_some_and(|app| app.release == live.release && app.since.is_none()) {
                self.saw(workspace, Some(live.since));
            }
            let is_right = self.app(workspace).is_some_and(|app| app.is(&live));
            if is_right || self.is_elsewhere(workspace) || tree.by_id(workspace).is_none() {
                continue;
            }
            // What is being published is mounted by that.
            let Ok(_place) = self.publishing(workspace) else {
                all = false;
                continue;
            };
            if let Err(error) = self.follow_release(workspace).await {
                tracing::debug!(%workspace, release = live.release, %error, "a workspace is not run here");
            }
        }
        self.follow_attached().await?;
        if !self.mount_attached().await? || !all {
            return Ok(());
        }
        self.inner.followed.store(tree.generation(), Ordering::Relaxed);
        Ok(())
    }

    /// Whether a workspace was found to lie on another server, for good.
    pub(super) fn is_elsewhere(&self, workspace: NodeId) -> bool {
        let shares = self.inner.depot.is_some() && self.inner.options.databases.is_some();
        !shares && lock(&self.inner.elsewhere).contains(&workspace)
    }

    /// Runs the release that is live: the workspace came back, or another server has made that release live.
    async fn follow_release(&self, workspace: NodeId) -> Result<()> {
        let Some((live, _)) = self.platform().releases().standing(workspace).await? else { return Ok(()) };
        let release = live.release;
        match self.app(workspace) {
            Some(app) if app.release == release => {
                self.saw(workspace, Some(live.since));
                if app.since.is_some_and(|since| since != live.since) {
                    tracing::info!(%workspace, release, "an app is started anew, as another server asks");
                    self.open_anew(workspace)?;
                }
            }
            // On a runtime node it has one place, until the last of its calls has ended.
            Some(_) if self.drains(workspace, release) => {}
            Some(old) => {
                let new = self.idle(live).await?;
                old.host.replaced_by(Arc::clone(&new.host));
                self.rest_on(workspace, new);
                self.announce(workspace);
                let (this, draining) = (self.clone(), self.draining(workspace, old.release));
                self.inner.changing.spawn(async move {
                    this.drain(workspace, &old).await;
                    draining.ended().await;
                });
                self.remove_programs(workspace).await?;
                tracing::info!(%workspace, release, "a release that another server made live is run here too");
            }
            None => {
                self.mount(live).await?;
                self.announce(workspace);
                tracing::info!(%workspace, release, "a workspace came back");
            }
        }
        Ok(())
    }

    fn drains(&self, workspace: NodeId, release: u32) -> bool {
        self.inner.options.nodes.is_some() && self.is_draining(workspace, release)
    }

    /// Removes the programs here of releases that have none any more.
    pub(super) async fn remove_programs(&self, workspace: NodeId) -> Result<()> {
        let gone = self.platform().releases().without_program(workspace).await?;
        let folder = self.inner.options.state.workspace_dir(&workspace.to_string()).join("releases");
        blocking(move || {
            for number in gone {
                match fs::remove_file(folder.join(number.to_string()).join("program")) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        tracing::warn!(%error, "the program of an old release stays");
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    /// Ends the app of a deleted workspace once its calls have ended; no more come.
    async fn end_deleted(self, workspace: NodeId) {
        let Some(app) = self.app(workspace) else { return };
        let cut_off = app.host.stop(self.inner.options.drain).await;
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

impl App {
    /// Whether it is what is live.
    fn is(&self, live: &Live) -> bool {
        self.release == live.release && self.since == Some(live.since)
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
