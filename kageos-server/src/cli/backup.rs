//! `kagectl backup`, `kagectl restore` and `kagectl reset`: the state folder as files with their hashes.
//!
//! The server must not run meanwhile: the copy is taken under the lock that a server holds.

use std::{
    fs,
    io::{self, BufRead, Read, Write},
    path::{Path, PathBuf},
};

use kageos_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Session, args, failure::Context};
use crate::state::{RunLock, StateDir, hex};

/// The file that lists the others.
const MANIFEST: &str = "manifest.json";
/// What exists only while a server runs.
const NOT_KEPT: &str = "run";
/// How much of a file is in memory at a time, in bytes.
const BLOCK: usize = 64 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    files: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

pub(super) fn backup(session: &Session, args: &args::Backup) -> Result<()> {
    let _lock = alone(session)?;
    let folder = args.to.clone().unwrap_or_else(|| default_folder(session));
    let count = copy_out(session, &folder)?;
    let made = json!({ "backup": folder, "files": count });
    session.output.result(&made, || format!("{count} files in {}", folder.display()));
    Ok(())
}

pub(super) fn restore(session: &Session, args: &args::Restore) -> Result<()> {
    if session.state.exists() {
        return Err(Error::new(
            Code::Conflict,
            "There is a state folder already; `kagectl reset` puts it away.",
        ));
    }
    let text = fs::read(args.from.join(MANIFEST)).context("the backup's manifest.json")?;
    let manifest: Manifest = serde_json::from_slice(&text).context("the backup's manifest.json")?;
    // All is checked before anything is written.
    for kept in &manifest.files {
        check(&args.from, kept)?;
    }
    let beside = StateDir::at(beside(session.state.root()));
    if beside.root().exists() {
        fs::remove_dir_all(beside.root()).context("what an earlier restore left behind")?;
    }
    beside.make_dir(beside.root()).context("the new state folder")?;
    for kept in &manifest.files {
        copy(&beside, &args.from.join(&kept.path), &beside.root().join(&kept.path))?;
    }
    // A half that was cut off never has the name of a state folder.
    fs::rename(beside.root(), session.state.root()).context("the state folder")?;
    let count = manifest.files.len();
    session.output.result(&json!({ "files": count }), || format!("{count} files restored"));
    Ok(())
}

pub(super) fn reset(session: &Session, args: &args::Reset) -> Result<()> {
    let lock = alone(session)?;
    if !args.yes && !agreed(session)? {
        return Err(Error::new(Code::Cancelled, "Nothing was removed."));
    }
    let folder = default_folder(session);
    let count = copy_out(session, &folder)?;
    fs::remove_dir_all(session.state.root()).context("the state folder")?;
    drop(lock);
    let done = json!({ "backup": folder, "files": count });
    session.output.result(&done, || format!("removed; the backup is {}", folder.display()));
    Ok(())
}

/// Where a state folder grows until it is whole.
fn beside(root: &Path) -> PathBuf {
    let mut name = root.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}

/// The lock of the state folder, so that nothing in it changes.
fn alone(session: &Session) -> Result<RunLock> {
    if !session.state.exists() {
        return Err(Error::new(Code::NotFound, "There is no state folder."));
    }
    if session.config()?.database.url.is_some() {
        let message = "The database is on a server of its own; back it up with that server's tools.";
        return Err(Error::new(Code::Conflict, message));
    }
    RunLock::acquire(&session.state).context("the server must not run (`kagectl down` stops it)")
}

fn default_folder(session: &Session) -> PathBuf {
    let beside = session.state.root().parent().unwrap_or(Path::new("."));
    beside.join("backups").join(session.env.now().to_string().replace(':', "-"))
}

fn agreed(session: &Session) -> Result<bool> {
    let question = format!("Remove {} after a backup? Type yes:", session.state.root().display());
    session.output.progress(&question);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("the answer")?;
    Ok(answer.trim() == "yes")
}

/// Copies everything that is kept, and lists it.
fn copy_out(session: &Session, folder: &Path) -> Result<usize> {
    let root = session.state.root();
    let mut files = Vec::new();
    for file in kept(root)? {
        let path = file.strip_prefix(root).context("the state folder")?.to_path_buf();
        copy(&session.state, &file, &folder.join(&path))?;
        let (bytes, sha256) = digest(&folder.join(&path))?;
        files.push(Kept { path, bytes, sha256 });
    }
    let count = files.len();
    let text = serde_json::to_vec_pretty(&Manifest { files }).context(MANIFEST)?;
    session.state.write(&folder.join(MANIFEST), &text).context(MANIFEST)?;
    Ok(count)
}

fn kept(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).context("the state folder")? {
            let path = entry.context("the state folder")?.path();
            if path.is_dir() && path != root.join(NOT_KEPT) {
                open.push(path);
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn copy(state: &StateDir, from: &Path, to: &Path) -> Result<()> {
    let what = to.display().to_string();
    if let Some(folder) = to.parent() {
        state.make_dir(folder).context(&what)?;
    }
    let mut source = fs::File::open(from).context(&what)?;
    let mut target = fs::File::create(to).context(&what)?;
    io::copy(&mut source, &mut target).context(&what)?;
    target.flush().and_then(|()| target.sync_all()).context(&what)
}

/// Refuses a file that is not what was backed up, or that would be written elsewhere.
fn check(folder: &Path, kept: &Kept) -> Result<()> {
    let name = kept.path.display();
    let plain = kept.path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if plain && digest(&folder.join(&kept.path))? == (kept.bytes, kept.sha256.clone()) {
        return Ok(());
    }
    Err(Error::new(Code::Conflict, format!("The backup is damaged: {name} is not what was backed up.")))
}

fn digest(file: &Path) -> Result<(u64, String)> {
    let what = file.display().to_string();
    let mut source = fs::File::open(file).context(&what)?;
    let (mut hash, mut block, mut bytes) = (Sha256::new(), vec![0; BLOCK], 0);
    loop {
        let read = source.read(&mut block).context(&what)?;
        if read == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&block[..read]);
        bytes += read as u64;
    }
}
