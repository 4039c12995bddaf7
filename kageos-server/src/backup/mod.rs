//! A backup of a state folder, of a running server or a stopped one.
//!
//! The platform and each workspace have a database of their own, so a backup could catch them at different moments: an
//! effect whose record is missing, or a record of an effect that is missing. Neither may be. An intent is on disk
//! before its call runs, and an outcome is written after its effect. So while the log stands still, with no intent and
//! no outcome written, the moment of every database is kept ([`kageos_core::sql::Copier`]), in whatever order:
//!
//! - of an effect that a workspace shows, the intent was there before the log stood still, so the platform shows it;
//! - of an outcome that the platform shows, the effect was there before the log stood still, so the workspace shows it;
//! - an intent without an outcome is what a crash leaves too: the next start asks for the receipt and settles it;
//! - what was acknowledged before the log stood still has both.
//!
//! The log stands still for the milliseconds in which the moments are kept; the copying comes after, while everybody
//! writes on. Its head is signed first, and the file of heads is copied to where it was then, so no head names a record
//! that the copy lacks. Files of `objects/` never change under their name: they are copied before and what is new again
//! after, so each that the platform knew at that moment is there. The rest are small files that are replaced whole.
//!
//! A backup grows under another name, is synced, and gets its own name last: one that broke off is never taken for whole.

mod files;
mod manifest;
mod restore;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kageos_core::{
    Code, Env, Error, Result,
    platform::{
        Platform,
        oplog::{Held, Log},
    },
    sql::{Copier, Db, Frozen},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use files::Folder;
use manifest::Manifest;

pub(crate) use restore::restore;

use crate::{cli::failure::Context, runtime::Runtime, state::StateDir};

/// What a backup is made of.
#[derive(Clone)]
pub(crate) struct Source {
    state: StateDir,
    env: Env,
    /// The log of the running server; without one nobody writes.
    log: Option<Log>,
    /// The databases that are open, each with its file below the state folder.
    databases: Vec<(PathBuf, Db)>,
    /// The apps, whose databases are opened for each backup.
    runtime: Option<Runtime>,
    /// A place for the one backup under way.
    place: Arc<Semaphore>,
}

/// How far a backup is.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// What is copied now.
    pub(crate) file: String,
    /// Bytes that are done.
    pub(crate) bytes: u64,
    /// About so many in all.
    pub(crate) of: u64,
}

/// Hears how far it is, and answers whether to go on.
pub(crate) type Tell = Arc<dyn Fn(Progress) -> bool + Send + Sync>;

/// A database on its way: its file below the folder, and its moment.
type Moment = (PathBuf, Frozen);

/// The platform's database below the state folder.
pub(crate) const PLATFORM: &str = "platform.db";

impl Source {
    /// What a running server works with.
    pub(crate) fn of(
        state: StateDir,
        platform: &Platform,
        own: Vec<(PathBuf, Db)>,
        runtime: Option<Runtime>,
    ) -> Self {
        let databases = [(PLATFORM.into(), platform.db().clone())].into_iter().chain(own).collect();
        let log = Some(platform.log().clone());
        Self { log, runtime, ..Self::stopped(state, platform.env().clone(), databases) }
    }

    /// What a server that does not run works with, and nobody writes.
    pub(crate) fn stopped(state: StateDir, env: Env, databases: Vec<(PathBuf, Db)>) -> Self {
        Self { state, env, log: None, databases, runtime: None, place: Arc::new(Semaphore::new(1)) }
    }

    /// Makes a backup in `to`, which is not there yet, and answers what is in it.
    ///
    /// # Errors
    /// [`Code::Conflict`] when `to` is there or another backup is under way, [`Code::Cancelled`] when `tell` ended it,
    /// else what disk and databases answer. Nothing is left then.
    pub(crate) async fn take(&self, to: &Path, tell: Tell) -> Result<Manifest> {
        let busy = || Error::new(Code::Conflict, "Another backup is under way.");
        let _place = self.place.try_acquire().map_err(|_| busy())?;
        let folder = Folder::begin(&self.state, to, tell)?;
        let made = self.fill(&folder).await;
        let ended = folder.clone();
        blocking(move || match made {
            Ok(manifest) => ended.finish(&manifest).map(|()| manifest),
            Err(error) => {
                ended.discard();
                Err(error)
            }
        })
        .await
    }

    async fn fill(&self, folder: &Folder) -> Result<Manifest> {
        let _files = match &self.runtime {
            Some(runtime) => Some(runtime.hold_files().await),
            None => None,
        };
        let first = folder.clone();
        blocking(move || first.objects()).await?;
        let apps = match &self.runtime {
            Some(runtime) => runtime.open_databases().await?,
            None => Vec::new(),
        };
        let (dbs, apps): (Vec<Db>, Vec<_>) =
            apps.into_iter().map(|app| (app.db, (app.name, app.copier))).unzip();
        let made = self.copy(folder, apps).await;
        for db in &dbs {
            db.close().await;
        }
        made
    }

    async fn copy(&self, folder: &Folder, apps: Vec<(PathBuf, Copier)>) -> Result<Manifest> {
        let mut copiers = self.copiers().await?;
        copiers.extend(apps);
        let (moments, heads) = self.freeze(copiers).await?;
        let names: Vec<PathBuf> = moments.iter().map(|(name, _)| name.clone()).collect();
        for (name, frozen) in moments {
            folder.database(name, frozen).await?;
        }
        let (rest, at) = (folder.clone(), self.env.now());
        blocking(move || rest.rest(&names, heads).map(|files| Manifest::new(at, files))).await
    }

    async fn copiers(&self) -> Result<Vec<(PathBuf, Copier)>> {
        let mut copiers = Vec::with_capacity(self.databases.len());
        for (name, db) in &self.databases {
            let elsewhere = || {
                let message = "A database is on a server of its own; back it up with that server's tools.";
                Error::new(Code::Conflict, message)
            };
            copiers.push((name.clone(), db.copier().await?.ok_or_else(elsewhere)?));
        }
        Ok(copiers)
    }

    /// Keeps the moment of every database, and how long the file of signed heads is then.
    async fn freeze(&self, copiers: Vec<(PathBuf, Copier)>) -> Result<(Vec<Moment>, u64)> {
        let held = match &self.log {
            Some(log) => Some(log.hold().await?),
            None => None,
        };
        let mut moments = Vec::with_capacity(copiers.len());
        for (name, copier) in copiers {
            moments.push((name, copier.freeze().await?));
        }
        let heads = std::fs::metadata(self.state.heads_file()).map_or(0, |meta| meta.len());
        held.map_or(Ok(()), Held::release)?;
        Ok((moments, heads))
    }
}

/// Runs what waits for the disk on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.context("the backup")?
}
