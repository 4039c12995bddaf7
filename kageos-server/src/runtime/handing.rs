//! How one process takes a workspace over from another, and how that one ends.

use std::{sync::Arc, time::Duration};

use kageos_core::{Code, Error, NodeId, Result, platform::release::State};

use super::{App, HANDED_ON, Runtime, lock};

/// How often it is asked whether the last calls of a release have ended.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// A process of a release that was replaced, or is about to be, counted until this is dropped.
#[derive(Debug)]
pub(super) struct Draining {
    runtime: Runtime,
    workspace: NodeId,
    release: u32,
}

impl Draining {
    /// Says that the last calls of the release have ended, unless another process of it drains here still.
    pub(super) async fn ended(self) {
        let (runtime, workspace, release) = (self.runtime.clone(), self.workspace, self.release);
        drop(self);
        if runtime.is_draining(workspace, release) {
            return;
        }
        if let Err(error) = runtime.platform().releases().drained(workspace, release).await {
            tracing::warn!(%workspace, release, %error, "a release that has ended is not settled");
        }
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let mut draining = lock(&self.runtime.inner.draining);
        if let Some(count) = draining.get_mut(&(self.workspace, self.release)) {
            *count -= 1;
            if *count == 0 {
                draining.remove(&(self.workspace, self.release));
            }
        }
    }
}

impl Runtime {
    /// Counts a process of a release that is about to be replaced.
    pub(super) fn draining(&self, workspace: NodeId, release: u32) -> Draining {
        *lock(&self.inner.draining).entry((workspace, release)).or_default() += 1;
        Draining { runtime: self.clone(), workspace, release }
    }

    /// Whether a process of a release drains here.
    pub(super) fn is_draining(&self, workspace: NodeId, release: u32) -> bool {
        lock(&self.inner.draining).contains_key(&(workspace, release))
    }

    /// Lets an app run the workspace that the pointer names, and ends what did before, of the release that `draining` counts.
    pub(super) fn take_over(&self, workspace: NodeId, app: App, draining: Option<Draining>) -> Result<()> {
        let host = Arc::clone(&app.host);
        let replaced = self.run_from_now_on(workspace, app)?;
        self.announce(workspace);
        let replaced = replaced.map(|app| (self.draining(workspace, app.release), app));
        if let Some((_, app)) = &replaced {
            app.host.replaced_by(host);
        }
        let this = self.clone();
        self.inner.changing.spawn(async move {
            if let Some((ending, app)) = replaced {
                this.drain(workspace, &app).await;
                ending.ended().await;
            }
            // What was live before may not have been run here.
            if let Some(draining) = draining {
                draining.ended().await;
            }
        });
        Ok(())
    }

    /// Lets another process of what is live take the calls that come, while the one that runs ends as one does that was
    /// replaced: a release that did not go live may have changed the tables under it, which only a start sees.
    ///
    /// # Errors
    /// [`Code::Internal`] when what it declares cannot be written as JSON.
    pub(super) fn open_anew(&self, workspace: NodeId) -> Result<()> {
        let Some(old) = self.app(workspace) else { return Ok(()) };
        let this = self.clone();
        if self.inner.options.nodes.is_some() {
            // There a release has one place: calls that come wait for those that run.
            self.inner.changing.spawn(async move { old.host.stop(this.inner.options.drain).await });
            return Ok(());
        }
        let host = old.host.anew()?;
        old.host.replaced_by(Arc::clone(&host));
        self.rest_on(workspace, App { host: Arc::clone(&host), ..old.clone() });
        let draining = self.draining(workspace, old.release);
        self.inner.changing.spawn(async move {
            let opens = async {
                // Calls that run go on with the tables as their release has them.
                if old.host.runs().await
                    && let Err(error) = host.health().await
                {
                    tracing::warn!(%workspace, release = old.release, %error, "an app is not started anew");
                }
            };
            tokio::join!(opens, this.drain(workspace, &old));
            draining.ended().await;
        });
        Ok(())
    }

    /// Ends a process that was replaced, once its calls have ended.
    pub(super) async fn drain(&self, workspace: NodeId, app: &App) {
        // Calls that the door let in before the switch are on their way to it.
        tokio::time::sleep(HANDED_ON).await;
        let cut_off = app.host.stop(self.inner.options.drain).await;
        if cut_off > 0 {
            let release = app.release;
            tracing::warn!(%workspace, release, cut_off, "calls of a process that was replaced are cut off");
        }
    }

    /// Waits until the last calls of a release have ended that was live before: on runtime nodes it has one place.
    pub(super) async fn drained(&self, workspace: NodeId, number: u32) -> Result<()> {
        for _ in 0..=(self.inner.options.drain + HANDED_ON).as_secs() {
            let release = self.platform().releases().get(workspace, number).await?;
            if release.is_none_or(|release| release.state != State::Draining) {
                return Ok(());
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
        Err(Error::new(Code::Conflict, "The calls of this release from when it was live have not ended yet."))
    }
}
