//! Sources and programs in the storage of files, beside what lies in the state folder: for a server that has lost its disk,
//! and for one that goes on where another has ended.
//!
//! What SQL names lies there before SQL names it: the bundle of a commit before it is the newest, a program before its
//! release is built. Both have the hash in their name that SQL names them by, so whoever takes one checks it.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use kageos_core::{
    Code, Error, NodeId, Result, StepSink, TableSteps,
    platform::{
        files::Objects,
        release::{Program, Releases},
    },
};

use tokio::sync::Semaphore;

use super::{
    build::{fetch_program, program_of},
    host::blocking,
    lock,
    options::Origin,
    source::{BUNDLE_HEAD, Repository, Step, read_bundle_head},
};
use crate::state::StateDir;

/// Bytes that are asked of the storage, or given to it, together; S3 takes no smaller part but the last.
const PIECE: usize = 8 * 1024 * 1024;
/// Programs that are fetched at a time.
const FETCHES: usize = 4;
/// Largest bundle, in bytes: no source is larger.
const MAX_BUNDLE: u64 = 1024 * 1024 * 1024;
/// Most bundles that one source is put together of: more commits than anybody writes.
const MAX_STEPS: usize = 10_000;

/// The sources and programs of all workspaces.
#[derive(Debug)]
pub(super) struct Depot {
    objects: Objects,
    state: StateDir,
    /// The workspaces of which everything is known to lie there.
    complete: Mutex<HashSet<NodeId>>,
    /// One brings the source of a workspace at a time.
    bringing: Mutex<HashMap<NodeId, Arc<tokio::sync::Mutex<()>>>>,
    /// So many programs are fetched at a time.
    fetching: Semaphore,
}

impl Depot {
    pub(super) fn new(objects: Objects, state: StateDir) -> Self {
        Self {
            objects,
            state,
            complete: Mutex::default(),
            bringing: Mutex::default(),
            fetching: Semaphore::new(FETCHES),
        }
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> &str {
        self.objects.place()
    }

    /// Keeps a commit and all before it, as far as that is not done.
    pub(super) async fn keep_source(
        &self,
        workspace: NodeId,
        repository: &Repository,
        commit: &str,
    ) -> Result<()> {
        let (source, newest) = (repository.clone(), commit.to_owned());
        let steps = blocking(move || source.steps(&newest)).await?;
        let mut missing = Vec::new();
        for step in steps {
            // It was put there after those that it builds on.
            if self.objects.size(&bundle(workspace, &step.commit)).await?.is_some() {
                break;
            }
            missing.push(step);
        }
        for step in missing.into_iter().rev() {
            let (source, key) = (repository.clone(), bundle(workspace, &step.commit));
            let bytes = blocking(move || source.bundle(&step)).await?;
            if bytes.len() as u64 > MAX_BUNDLE {
                let message = "The source has more than the storage of sources takes.";
                return Err(Error::new(Code::StorageFull, message));
            }
            self.put(&key, bytes).await?;
        }
        Ok(())
    }

    /// Lets a repository have a commit and all before it.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when not all of it is kept, or it is another one.
    pub(super) async fn bring_source(
        &self,
        workspace: NodeId,
        repository: &Repository,
        commit: &str,
    ) -> Result<()> {
        if repository.has(commit)? {
            return Ok(());
        }
        let one = Arc::clone(lock(&self.bringing).entry(workspace).or_default());
        let _one = one.lock().await;
        let (mut missing, mut next) = (Vec::new(), Some(commit.to_owned()));
        while let Some(commit) = next {
            if repository.has(&commit)? {
                break;
            }
            if missing.len() == MAX_STEPS {
                return Err(lost());
            }
            let key = bundle(workspace, &commit);
            let size = self.objects.size(&key).await?.filter(|size| *size <= MAX_BUNDLE).ok_or_else(lost)?;
            let step = read_bundle_head(&self.objects.get(&key, 0..size.min(BUNDLE_HEAD)).await?)?;
            next = step.base.clone();
            missing.push((step, size));
        }
        if missing.is_empty() {
            return Ok(());
        }
        for (step, size) in missing.into_iter().rev() {
            self.bring_step(workspace, repository, step, size).await?;
        }
        let repository = repository.clone();
        let merged = blocking(move || repository.merge_packs()).await;
        if let Err(error) = merged {
            tracing::warn!(%workspace, %error, "the packs of a source are not merged");
        }
        Ok(())
    }

    async fn bring_step(
        &self,
        workspace: NodeId,
        repository: &Repository,
        step: Step,
        size: u64,
    ) -> Result<()> {
        let bytes = self.whole(&bundle(workspace, &step.commit), size).await?;
        let repository = repository.clone();
        blocking(move || repository.unbundle(&step, &bytes)).await
    }

    /// Keeps the program of a release, unless that is done.
    pub(super) async fn keep_program(
        &self,
        release: (NodeId, u32),
        program: &Program,
        at: &Path,
    ) -> Result<()> {
        let key = program_key(release, &program.sha256);
        if self.objects.size(&key).await? == Some(program.size) {
            return Ok(());
        }
        let at = at.to_owned();
        self.put(&key, blocking(move || fs::read(&at).map_err(Error::internal)).await?).await
    }

    /// Lets a program be at a path.
    async fn bring_program(&self, release: (NodeId, u32), program: &Program, to: &Path) -> Result<()> {
        let _place = self.fetching.acquire().await.map_err(Error::internal)?;
        if let Some(folder) = to.parent() {
            self.state.make_dir(folder).map_err(|error| {
                let message = "The folder of the release cannot be made.";
                Error::new(Code::StorageFull, message).caused_by(error)
            })?;
        }
        let (key, size) = (program_key(release, &program.sha256), program.size);
        let piece = |from| {
            let (objects, key) = (self.objects.clone(), key.clone());
            let piece = async move { objects.get(&key, from..size.min(from + PIECE as u64)).await };
            Box::pin(async move { piece.await.map(Bytes::from) }) as _
        };
        fetch_program(&self.state, program, to, PIECE, piece).await
    }

    /// Removes the program of a release that has it no more.
    pub(super) async fn remove_program(&self, release: (NodeId, u32), sha256: &str) -> Result<()> {
        self.objects.delete(&program_key(release, sha256)).await
    }

    /// Keeps what the build of a release said.
    pub(super) async fn keep_said(&self, workspace: NodeId, release: u32, said: Vec<u8>) -> Result<()> {
        self.put(&said_key(workspace, release), said).await
    }

    /// What the build of a release said; `None` when that is not kept.
    pub(super) async fn said(&self, workspace: NodeId, release: u32) -> Result<Option<Vec<u8>>> {
        let key = said_key(workspace, release);
        match self.objects.size(&key).await? {
            Some(size) => self.whole(&key, size).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn forget_said(&self, workspace: NodeId, release: u32) -> Result<()> {
        self.objects.delete(&said_key(workspace, release)).await
    }

    /// Forgets a workspace.
    pub(super) async fn forget(&self, workspace: NodeId) -> Result<()> {
        lock(&self.complete).remove(&workspace);
        self.objects.delete_below(&folder(workspace)).await.map(drop)
    }

    pub(super) fn is_complete(&self, workspace: NodeId) -> bool {
        lock(&self.complete).contains(&workspace)
    }

    pub(super) fn set_complete(&self, workspace: NodeId) {
        lock(&self.complete).insert(workspace);
    }

    async fn whole(&self, key: &str, size: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let from = bytes.len() as u64;
            let piece = self.objects.get(key, from..size.min(from + PIECE as u64)).await?;
            if piece.is_empty() {
                return Err(lost());
            }
            bytes.extend(piece);
        }
        Ok(bytes)
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        if bytes.len() <= PIECE {
            return self.objects.put(key, bytes).await;
        }
        let mut parts = self.objects.begin(key).await?;
        for piece in bytes.chunks(PIECE) {
            if let Err(error) = parts.push(piece.to_vec()).await {
                parts.abort().await;
                return Err(error);
            }
        }
        parts.finish().await
    }
}

/// A release that is run here, as the database and the depot know it.
#[derive(Debug)]
pub(super) struct ReleaseOf {
    pub(super) depot: Option<Arc<Depot>>,
    pub(super) releases: Releases,
    pub(super) workspace: NodeId,
    pub(super) release: u32,
    pub(super) program: PathBuf,
    /// Its program is known to be the one that was built.
    pub(super) checked: AtomicBool,
}

#[async_trait]
impl Origin for ReleaseOf {
    async fn bring(&self) -> Result<()> {
        let Some(depot) = &self.depot else { return Ok(()) };
        if self.checked.load(Ordering::Relaxed) && self.program.exists() {
            return Ok(());
        }
        let (workspace, release) = (self.workspace, self.release);
        let gone = || Error::new(Code::Unavailable, "The program of this release is gone.");
        let known =
            self.releases.get(workspace, release).await?.and_then(|it| it.program).ok_or_else(gone)?;
        // Numbers come again when a database is put back to an earlier moment.
        if !is_at(&known, &self.program).await {
            depot.bring_program((workspace, release), &known, &self.program).await?;
            tracing::info!(%workspace, release, "the program of a release is brought here");
        }
        self.checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn brings(&self) -> bool {
        self.depot.is_some()
    }

    async fn was_started_late(&self) -> Result<()> {
        self.releases.renew(self.workspace).await.map(drop)
    }

    async fn is_due(&self) -> Result<bool> {
        let standing = self.releases.standing(self.workspace).await?;
        Ok(standing.is_some_and(|(live, starting)| live.release == self.release && starting.is_none()))
    }
}

#[async_trait]
impl StepSink for ReleaseOf {
    /// Each start of it tells: also one that brings the tables back to what is live.
    async fn take(&self, steps: TableSteps) -> Result<()> {
        let (workspace, release) = (self.workspace, self.release);
        self.releases.add_steps(workspace, release, steps).await.inspect_err(|error| {
            tracing::warn!(%workspace, release, %error, "what a release did to its tables is not kept");
        })
    }
}

/// Whether this is the program at a path.
pub(super) async fn is_at(program: &Program, path: &Path) -> bool {
    let path = path.to_owned();
    blocking(move || program_of(&path).map_err(Error::internal)).await.is_ok_and(|found| found == *program)
}

fn folder(workspace: NodeId) -> String {
    format!("apps/{workspace}")
}

fn bundle(workspace: NodeId, commit: &str) -> String {
    format!("{}/source/{commit}.bundle", folder(workspace))
}

/// One for each release, so that what one needs goes with no other.
fn program_key((workspace, release): (NodeId, u32), sha256: &str) -> String {
    format!("{}/program/{release}/{sha256}", folder(workspace))
}

fn said_key(workspace: NodeId, release: u32) -> String {
    format!("{}/build/{release}.json", folder(workspace))
}

fn lost() -> Error {
    Error::new(Code::Unavailable, "Not all of this source is in the storage that it is kept in.")
}
