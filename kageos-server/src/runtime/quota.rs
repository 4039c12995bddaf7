//! How much a workspace keeps on this disk, against what it may.
//!
//! A source is weighed at each commit. An app writes to its folder without asking, so the folder of one that runs is looked
//! at every two seconds: above its quota the app gets no call that makes or changes rows, and above twice as much it is
//! ended and not started again. So it writes past that no more than what two seconds of the disk take; a single file ends
//! at its limit, see [`super::Limits`].

use std::{
    fs,
    io::Read,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use kageos_core::{Code, Error, HostCall, Manifest, NodeId, Result};
use serde::Serialize;

use super::{
    Runtime,
    build::folder_size,
    host::blocking,
    process::DATABASE,
    source::{Repository, Weight},
};

/// Most files and folders that are looked at below an app's folder; more of them is more than it may.
const MAX_ENTRIES: usize = 50_000;
/// Bytes of the header of a SQLite file.
const HEADER: usize = 100;

/// What a workspace may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Bytes of its source: of the newest commit, and of the repository with all its history.
    pub source_bytes: u64,
    /// Files of its newest commit.
    pub source_files: u64,
    /// Bytes of its app's folder.
    pub data_bytes: u64,
}

/// What an app's folder holds, as it was looked at last.
#[derive(Debug)]
pub struct Quota {
    most: u64,
    used: AtomicU64,
    /// It holds so much that the app may not run.
    burst: AtomicBool,
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measured {
    /// Bytes on the disk.
    bytes: u64,
    /// Bytes of them that deleted rows have left in the database.
    free: u64,
    /// There is more than was looked at.
    more: bool,
}

/// What a workspace keeps, and what it may.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Usage {
    /// The newest commit, and with `history` the repository.
    source: SourceUsage,
    data: Share,
    /// What was compiled, which is removed when room is needed.
    build_bytes: u64,
}

#[derive(Debug, Clone, Serialize)]
struct SourceUsage {
    files: u64,
    max_files: u64,
    bytes: u64,
    history_bytes: u64,
    max_bytes: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Share {
    bytes: u64,
    max_bytes: u64,
}

impl Quota {
    /// For so many bytes.
    #[must_use]
    pub fn of(most: u64) -> Self {
        Self { most, used: AtomicU64::new(0), burst: AtomicBool::new(false) }
    }

    /// For how many bytes it is.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// Takes in what the folder holds now; answers whether it is so much that the app has to end.
    pub(super) fn look(&self, data: &Path) -> bool {
        let found = measure(data);
        self.used.store(found.bytes.saturating_sub(found.free), Ordering::Relaxed);
        let burst = found.more || found.bytes > self.most.saturating_mul(2);
        self.burst.store(burst, Ordering::Relaxed);
        burst
    }

    /// Refuses a call that may add something to what is too much already. Reading, removing and trying go on.
    ///
    /// # Errors
    /// [`Code::StorageFull`].
    pub(super) fn admit(&self, call: &HostCall, manifest: impl FnOnce() -> Arc<Manifest>) -> Result<()> {
        if self.used.load(Ordering::Relaxed) <= self.most || call.dry_run {
            return Ok(());
        }
        let (path, manifest) = (call.path.in_workspace(), manifest());
        let function = manifest.functions.iter().find(|entry| entry.path == path);
        let action = function.and_then(|entry| entry.schema.actions.iter().find(|it| it.name == call.action));
        match action.map(|action| action.effect.effects) {
            Some(effects) if effects.creates || effects.updates => {
                Err(self.refusal("delete something first"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to start an app whose folder holds far too much.
    ///
    /// # Errors
    /// [`Code::StorageFull`].
    pub(super) fn may_run(&self, data: &Path) -> Result<()> {
        // Somebody may have made room while it did not run.
        if self.burst.load(Ordering::Relaxed) && self.look(data) {
            return Err(self.refusal("its app is not run until an operator has made room in its folder"));
        }
        Ok(())
    }

    fn refusal(&self, what: &str) -> Error {
        let (used, most) = (told(self.used.load(Ordering::Relaxed)), told(self.most));
        let message = format!("This workspace keeps {used} of {most}: {what}.");
        Error::new(Code::StorageFull, message)
    }

    /// Whether it is more than it may be, and in words how much it is.
    fn holds(&self) -> (bool, String) {
        let used = self.used.load(Ordering::Relaxed);
        (used > self.most, format!("{} of {}", told(used), told(self.most)))
    }
}

impl Quotas {
    /// Refuses a commit that makes a source larger than it may be. One that makes it smaller is always taken.
    ///
    /// # Errors
    /// [`Code::StorageFull`].
    pub(super) fn admit(&self, repository: &Repository, from: Option<&str>, to: &str) -> Result<()> {
        let now = repository.weight(to)?;
        let before = from.map(|from| repository.weight(from)).transpose()?.unwrap_or_default();
        let said = |what: String| Err(Error::new(Code::StorageFull, what));
        if now.files > self.source_files && now.files > before.files {
            let most = self.source_files;
            return said(format!("The source would have {} files; {most} is the most.", now.files));
        }
        if now.bytes <= before.bytes {
            return Ok(());
        }
        let most = told(self.source_bytes);
        if now.bytes > self.source_bytes {
            return said(format!("The source would have {}; {most} is the most.", told(now.bytes)));
        }
        let history = folder_size(repository.path());
        if history > self.source_bytes {
            let history = told(history);
            return said(format!("The source has {history} with its history; {most} is the most."));
        }
        Ok(())
    }
}

impl Runtime {
    /// Looks at the folders of the apps that run, and ends those that fill the disk.
    pub(super) async fn look_at_data(&self) -> Result<()> {
        let apps: Vec<_> = super::lock(&self.inner.apps).iter().map(|(id, app)| (*id, app.clone())).collect();
        let mut running = Vec::new();
        for (workspace, app) in apps {
            if app.host.runs().await {
                running.push((workspace, app, self.data_dir(workspace)?));
            }
        }
        if running.is_empty() {
            return Ok(());
        }
        let burst = blocking(move || {
            running.retain(|(_, app, data)| app.host.quota().look(data));
            Ok(running)
        });
        for (workspace, app, _) in burst.await? {
            app.host.kill().await;
            let (_, holds) = app.host.quota().holds();
            tracing::warn!(%workspace, release = app.release, holds, "an app that fills the disk is ended");
        }
        Ok(())
    }

    /// What a workspace keeps.
    pub(crate) async fn usage(&self, workspace: NodeId) -> Result<Usage> {
        let head = self.platform().releases().head(workspace).await?.map(|head| head.commit);
        let (source, data) = (self.source_dir(workspace)?, self.data_dir(workspace)?);
        let (build, most) = (self.build_dir(workspace)?, self.inner.options.quotas);
        blocking(move || {
            let repository = Repository::open(&source)?;
            let weight = head.map(|head| repository.weight(&head)).transpose()?.unwrap_or_default();
            let Weight { files, bytes } = weight;
            let history_bytes = folder_size(&source);
            let (max_files, max_bytes) = (most.source_files, most.source_bytes);
            let source = SourceUsage { files, max_files, bytes, history_bytes, max_bytes };
            let measured = measure(&data);
            let bytes = measured.bytes.saturating_sub(measured.free);
            let data = Share { bytes, max_bytes: most.data_bytes };
            Ok(Usage { source, data, build_bytes: folder_size(&build) })
        })
        .await
    }

    /// What the folder of an app holds, in words, and whether that is more than it may; `None` when it never ran here.
    pub(crate) async fn data_told(&self, workspace: NodeId) -> Result<Option<(bool, String)>> {
        let Some(app) = self.app(workspace) else { return Ok(None) };
        let data = self.data_dir(workspace)?;
        blocking(move || {
            app.host.quota().look(&data);
            Ok(Some(app.host.quota().holds()))
        })
        .await
    }
}

/// Looks at a folder that foreign code writes to. No link is followed.
fn measure(data: &Path) -> Measured {
    let (mut bytes, mut entries, mut open) = (0_u64, 0, vec![data.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > MAX_ENTRIES {
                return Measured { bytes, free: 0, more: true };
            }
            let Ok(about) = entry.metadata() else { continue };
            // What it takes of the disk: a file may have holes, and a folder takes something too.
            bytes = bytes.saturating_add(std::os::unix::fs::MetadataExt::blocks(&about).saturating_mul(512));
            if about.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Measured { bytes, free: free_bytes(&data.join(DATABASE)).min(bytes), more: false }
}

/// Bytes of a SQLite file that rows have left and others will take, as its header says. An app may write what it likes
/// there; twice its quota holds all the same.
fn free_bytes(database: &Path) -> u64 {
    let is_file = fs::symlink_metadata(database).is_ok_and(|about| about.is_file());
    let mut header = [0; HEADER];
    let read = is_file.then(|| fs::File::open(database).and_then(|mut it| it.read_exact(&mut header)));
    if !matches!(read, Some(Ok(()))) || !header.starts_with(b"SQLite format 3\0") {
        return 0;
    }
    let page = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        page => page,
    };
    page * u64::from(u32::from_be_bytes([header[36], header[37], header[38], header[39]]))
}

/// A number of bytes as people read it.
fn told(bytes: u64) -> String {
    if bytes < 10 << 20 {
        format!("{} KB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MB", bytes.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_measured_without_following_links_and_without_what_rows_left() {
        let dir = tempfile::tempdir().unwrap();
        let (data, other) = (dir.path().join("data"), dir.path().join("other"));
        fs::create_dir_all(data.join("a/b")).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("large"), vec![1; 1 << 20]).unwrap();
        fs::write(data.join("a/b/x"), vec![1; 100_000]).unwrap();
        symlink(&other, data.join("link")).unwrap();
        symlink(other.join("large"), data.join(DATABASE)).unwrap();
        let before = measure(&data);
        assert!(before.bytes >= 100_000 && before.bytes < 1 << 20, "{before:?}");
        assert_eq!((before.free, before.more), (0, false));

        // A file that claims to be free as a whole is not less than nothing.
        fs::remove_file(data.join(DATABASE)).unwrap();
        let mut header = vec![0; 4096];
        header[..16].copy_from_slice(b"SQLite format 3\0");
        header[16..18].copy_from_slice(&4096_u16.to_be_bytes());
        header[36..40].copy_from_slice(&u32::MAX.to_be_bytes());
        fs::write(data.join(DATABASE), &header).unwrap();
        let claimed = measure(&data);
        assert_eq!(claimed.free, claimed.bytes);
        let quota = Quota::of(10_000);
        assert!(quota.look(&data), "twice as much is too much whatever the header says");
        assert_eq!(quota.may_run(&data).unwrap_err().code, Code::StorageFull);
        fs::remove_dir_all(data.join("a")).unwrap();
        assert!(quota.may_run(&data).is_ok());
    }
}
