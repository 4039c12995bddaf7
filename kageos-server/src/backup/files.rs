//! The files of a backup: copied, hashed, synced.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use kageos_core::{
    Code, Error, Result,
    sql::{Copied, Frozen, SqlError},
};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use sha2::{Digest, Sha256};

use super::{
    Progress, Tell,
    manifest::{Kept, MANIFEST, Manifest},
};
use crate::{cli::failure::Context, runtime::DATA, state::StateDir};

/// What exists only while a server runs, and what apps are built on.
const NOT_KEPT: [&str; 2] = ["run", "runtime"];
/// Smaller files may have holes, in bytes.
const HOLES: u64 = 64 * 1024 * 1024;
/// What the system says of a link that is not followed.
const LOOP: i32 = rustix::io::Errno::LOOP.raw_os_error();
/// Files that never change under their name.
const OBJECTS: &str = "objects";
/// Marks a file that is still written, by us or by the store of objects; it gets its name when it is whole.
const UNFINISHED: [&str; 2] = [".new", "#"];
/// What SQLite keeps beside a database; its copy needs none of it.
const BESIDE_DATABASE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// How much of a file is in memory at a time, in bytes.
const BLOCK: usize = 64 * 1024;

/// A backup that grows under another name; cheap to clone.
#[derive(Clone)]
pub(crate) struct Folder(Arc<Inner>);

struct Inner {
    state: StateDir,
    to: PathBuf,
    growing: PathBuf,
    kept: Mutex<Vec<Kept>>,
    tell: Tell,
    done: AtomicU64,
    of: u64,
}

impl Folder {
    /// Begins a backup that will be `to`.
    pub(super) fn begin(state: &StateDir, to: &Path, tell: Tell) -> Result<Self> {
        let root = std::path::absolute(state.root()).context("the state folder")?;
        let to = std::path::absolute(to).context("the backup")?;
        if to.starts_with(&root) {
            return Err(Error::field("/to", "within", "A backup does not lie in the state folder."));
        }
        if to.exists() {
            return Err(Error::new(Code::Conflict, format!("{} is there already.", to.display())));
        }
        let mut growing = to.clone().into_os_string();
        growing.push(".growing");
        let growing = PathBuf::from(growing);
        if growing.exists() {
            fs::remove_dir_all(&growing).context("what an earlier backup left behind")?;
        }
        state.make_dir(&growing).context("the backup")?;
        let of = walk(&root)?.iter().map(|file| fs::metadata(file).map_or(0, |meta| meta.len())).sum();
        let state = StateDir::at(root);
        let (kept, done) = (Mutex::default(), AtomicU64::default());
        Ok(Self(Arc::new(Inner { state, to, growing, kept, tell, done, of })))
    }

    /// Copies the objects that are not copied yet.
    pub(super) fn objects(&self) -> Result<()> {
        let folder = self.0.state.root().join(OBJECTS);
        if folder.exists() { self.all(walk(&folder)?, &[], 0) } else { Ok(()) }
    }

    /// Copies a database as it was at its moment.
    pub(super) async fn database(&self, name: PathBuf, frozen: Frozen) -> Result<()> {
        let (target, this) = (self.0.growing.join(&name), self.clone());
        self.0.state.create(&target).context(&name.display().to_string())?;
        let (before, file) = (self.0.done.load(Ordering::Relaxed), name.clone());
        let told = move |copied: Copied| {
            let (bytes, file) = (before + copied.bytes, file.display().to_string());
            (this.0.tell)(Progress { file, bytes, of: this.0.of.max(bytes) })
        };
        let copied = frozen.write(target.clone(), told).await;
        if matches!(copied, Err(SqlError::Closed)) {
            return Err(Error::of(Code::Cancelled));
        }
        copied.context(&name.display().to_string())?;
        let this = self.clone();
        super::blocking(move || {
            File::open(&target).and_then(|file| file.sync_all()).context("the backup")?;
            this.keep(name)
        })
        .await
    }

    /// Copies what else there is, the file of signed heads up to `heads`, and answers what was kept in all.
    pub(super) fn rest(&self, databases: &[PathBuf], heads: u64) -> Result<Vec<Kept>> {
        self.all(walk(self.0.state.root())?, databases, heads)?;
        let mut kept = std::mem::take(&mut *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(kept)
    }

    fn all(&self, files: Vec<PathBuf>, databases: &[PathBuf], heads: u64) -> Result<()> {
        let root = self.0.state.root();
        for file in files {
            let name = file.strip_prefix(root).context("the state folder")?.to_path_buf();
            let target = self.0.growing.join(&name);
            if target.exists() || is_left_out(&name, databases) {
                continue;
            }
            let limit = (file == self.0.state.heads_file()).then_some(heads);
            match copy(&self.0.state, &file, &target, limit) {
                Ok(true) => self.keep(name)?,
                Ok(false) => {}
                // What an app does to files of its own stops nobody's backup.
                Err(error) if is_of_app(&name) => {
                    tracing::warn!(file = %name.display(), %error, "a file of an app is left out of a backup");
                    let _ = fs::remove_file(&target);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Adds a file that was written to the list.
    fn keep(&self, path: PathBuf) -> Result<()> {
        let (bytes, sha256) = digest(&self.0.growing.join(&path))?;
        let done = self.0.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let progress = Progress { file: path.display().to_string(), bytes: done, of: self.0.of.max(done) };
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).push(Kept { path, bytes, sha256 });
        if (self.0.tell)(progress) { Ok(()) } else { Err(Error::of(Code::Cancelled)) }
    }

    /// Gives the backup its name once all of it is on disk.
    pub(super) fn finish(&self, manifest: &Manifest) -> Result<()> {
        let text = serde_json::to_vec_pretty(manifest).context(MANIFEST)?;
        self.0.state.write(&self.0.growing.join(MANIFEST), &text).context(MANIFEST)?;
        sync_folders(&self.0.growing).context("the backup")?;
        rename(&self.0.growing, &self.0.to).context("the backup")
    }

    /// Takes away what there is of it.
    pub(super) fn discard(&self) {
        if let Err(error) = fs::remove_dir_all(&self.0.growing) {
            tracing::warn!(%error, "what is left of a backup that broke off could not be removed");
        }
    }
}

fn is_left_out(name: &Path, databases: &[PathBuf]) -> bool {
    let file = name.file_name().unwrap_or_default().to_string_lossy();
    let unfinished =
        file.ends_with(UNFINISHED[0]) || name.starts_with(OBJECTS) && file.contains(UNFINISHED[1]);
    let beside = |ending: &&str| {
        let whole = name.to_string_lossy();
        whole
            .strip_suffix(*ending)
            .is_some_and(|database| databases.iter().any(|it| it == Path::new(database)))
    };
    unfinished || BESIDE_DATABASE.iter().any(beside)
}

/// Folders of what is made again: what exists only while a server runs, what apps are built on, and how they were built.
fn is_made_again(folder: &Path) -> bool {
    NOT_KEPT.iter().any(|kept| folder == Path::new(kept))
        || folder.parent().and_then(Path::parent) == Some(Path::new("workspaces"))
            && folder.ends_with("build")
}

/// Whether something lies in the folder of an app, which the app itself writes.
fn is_of_app(name: &Path) -> bool {
    let mut names = name.iter();
    names.next().is_some_and(|first| first == "workspaces") && names.nth(1).is_some_and(|third| third == DATA)
}

/// Whether a file is mostly holes: its copy would be much larger than it is.
fn is_sparse(entry: &fs::DirEntry) -> bool {
    entry
        .metadata()
        .is_ok_and(|meta| meta.is_file() && meta.len() > HOLES && meta.blocks() * 512 < meta.len() / 2)
}

/// Every file below a folder of the state that is kept; links are not followed.
fn walk(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        let of_app = is_of_app(folder.strip_prefix(root).unwrap_or(&folder));
        let all = match fs::read_dir(&folder) {
            Err(error) if of_app => {
                tracing::warn!(folder = %folder.display(), %error, "a folder of an app is left out of a backup");
                continue;
            }
            all => all.context("the state folder")?,
        };
        for entry in all {
            let entry = entry.context("the state folder")?;
            if of_app && (entry.file_name().to_str().is_none() || is_sparse(&entry)) {
                tracing::warn!(file = %entry.path().display(), "a file of an app is left out of a backup");
                continue;
            }
            let (path, kind) = (entry.path(), entry.file_type().context("the state folder")?);
            if kind.is_dir() && !is_made_again(path.strip_prefix(root).unwrap_or(&path)) {
                open.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Copies a file, or its first bytes, private and synced; `false` when it has gone meanwhile.
pub(super) fn copy(state: &StateDir, from: &Path, to: &Path, limit: Option<u64>) -> Result<bool> {
    let what = to.display().to_string();
    // Apps write below the state folder too, and a link of theirs must not lead a backup out of it.
    let source = match beneath(state.root(), from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) if error.raw_os_error() == Some(LOOP) => return Ok(false),
        opened => opened.context(&what)?,
    };
    let about = source.metadata().context(&what)?;
    // A file that grows is copied to where it is now.
    let (length, runs) = (limit.unwrap_or(about.len()), about.permissions().mode() & 0o100 != 0);
    let mut target = state.create(to).context(&what)?;
    io::copy(&mut source.take(length), &mut target).context(&what)?;
    if runs {
        // A program stays one.
        target.set_permissions(fs::Permissions::from_mode(0o700)).context(&what)?;
    }
    target.sync_all().context(&what)?;
    Ok(true)
}

/// Opens a file below a folder without following a link; elsewhere as it is.
fn beneath(root: &Path, file: &Path) -> io::Result<File> {
    let Ok(name) = file.strip_prefix(root) else { return File::open(file) };
    let folder = File::open(root)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    Ok(openat2(folder, name, flags, Mode::empty(), resolve)?.into())
}

/// The length of a file and the SHA-256 of what is in it.
pub(super) fn digest(file: &Path) -> Result<(u64, String)> {
    let what = file.display().to_string();
    let mut source = File::open(file).context(&what)?;
    let (mut hash, mut block, mut bytes) = (Sha256::new(), vec![0; BLOCK], 0);
    loop {
        let read = source.read(&mut block).context(&what)?;
        if read == 0 {
            return Ok((bytes, kageos_core::hex(&hash.finalize())));
        }
        hash.update(&block[..read]);
        bytes += read as u64;
    }
}

/// Brings the names of all files below a folder to disk.
pub(super) fn sync_folders(root: &Path) -> io::Result<()> {
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            }
        }
        File::open(&folder)?.sync_all()?;
    }
    Ok(())
}

/// Gives a folder its name, on disk too.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(above) if !above.as_os_str().is_empty() => File::open(above)?.sync_all(),
        _ => Ok(()),
    }
}
