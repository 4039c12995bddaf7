//! The folder in which a workspace is built: its source as files, and what was compiled of it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use kageos_core::{Code, Error, Result};

use super::Layer;
use crate::runtime::source::Repository;

/// Largest folder of what was compiled; a larger one begins anew at the next build.
const MAX_TARGET: u64 = 4 * 1024 * 1024 * 1024;
/// The file that names the layer whose copy the target folder began as.
const STAMP: &str = "layer";
/// The file whose time tells when a build used the folder last.
const USED: &str = "used";
/// Largest folder while something is built in it.
pub(crate) const MAX_BUILD: u64 = 2 * MAX_TARGET;
/// How often it is looked at how large it is.
const LOOK: Duration = Duration::from_secs(2);
/// The lock file of Cargo: the platform's own in every build.
const LOCK: &str = "Cargo.lock";

/// A folder to build in.
#[derive(Debug, Clone)]
pub(crate) struct BuildFolder {
    root: PathBuf,
}

impl BuildFolder {
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// When it was built in last.
    pub(crate) fn used(&self) -> SystemTime {
        let of = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        of(&self.root.join(USED)).or_else(|| of(&self.root)).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Ends when a build has written more than `most` bytes.
    pub(crate) async fn outgrown(&self, most: u64) {
        loop {
            tokio::time::sleep(LOOK).await;
            let root = self.root.clone();
            let size = tokio::task::spawn_blocking(move || folder_size(&root)).await;
            if size.is_ok_and(|size| size > most) {
                return;
            }
        }
    }

    /// Removes it. Without its stamp first: what is left of it after a crash is no part of a layer.
    pub(crate) fn remove(&self) -> Result<()> {
        let _ = fs::remove_file(self.root.join(STAMP));
        remove_tree(&self.root)
    }

    /// The source.
    pub(crate) fn app(&self) -> PathBuf {
        self.root.join("app")
    }

    /// What was compiled. A build writes there, so nothing in it is to be believed.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// A folder for the data of a program that only says what it is.
    pub(crate) fn trial(&self) -> PathBuf {
        self.root.join("trial")
    }

    /// Makes the source that of a commit. Files that stay the same keep their time, so that they are not compiled anew.
    pub(crate) fn check_out(&self, repository: &Repository, commit: &str, layer: &Layer) -> Result<()> {
        let app = self.app();
        fs::create_dir_all(&app).map_err(full)?;
        let files = repository.files(commit)?;
        let mut there = BTreeSet::new();
        list(&app, &app, &mut there).map_err(full)?;
        for path in there.iter().filter(|path| path.as_str() != LOCK) {
            if path.parse().map_or(true, |path| !files.contains_key(&path)) {
                fs::remove_file(app.join(path)).map_err(full)?;
            }
        }
        for (path, hash) in files.iter().filter(|(path, _)| path.as_str() != LOCK) {
            let place = app.join(path.as_str());
            let same = fs::read(&place).ok().map(|content| Repository::hash(&content)).transpose()?;
            if same.as_ref() == Some(hash) {
                continue;
            }
            if let Some(folder) = place.parent() {
                make_folder(&app, folder).map_err(full)?;
            }
            if place.is_dir() {
                fs::remove_dir_all(&place).map_err(full)?;
            }
            fs::write(&place, repository.content(hash)?).map_err(full)?;
        }
        fs::copy(layer.lock(), app.join(LOCK)).map_err(full).map(drop)
    }

    /// The manifests of the source, as paths below it.
    pub(crate) fn manifests(&self) -> Result<Vec<String>> {
        let (app, mut all) = (self.app(), BTreeSet::new());
        list(&app, &app, &mut all).map_err(full)?;
        Ok(all.into_iter().filter(|path| Path::new(path).ends_with("Cargo.toml")).collect())
    }

    /// Begins with what the layer has compiled, when that was another layer or nothing is there.
    pub(crate) fn seed(&self, layer: &Layer) -> Result<()> {
        let (target, stamp) = (self.target(), self.root.join(STAMP));
        fs::write(self.root.join(USED), "").map_err(full)?;
        let known = fs::read_to_string(&stamp).unwrap_or_default();
        if known == layer.key() && target.is_dir() && folder_size(&target) <= MAX_TARGET {
            return Ok(());
        }
        let _ = fs::remove_file(&stamp);
        copy_tree(&layer.target(), &target)?;
        fs::write(stamp, layer.key()).map_err(full)
    }
}

/// Copies a folder to where another one may be.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    remove_tree(to)?;
    let mut copy = Command::new("cp");
    copy.args(["-a", "--reflink=auto", "--no-target-directory", "--"]).arg(from).arg(to);
    let done = copy.output().map_err(full)?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    Err(Error::new(Code::StorageFull, format!("The layer cannot be copied: {said}")))
}

/// Removes a folder that foreign code has written, however deep it is: in a process of its own, which counts nothing of ours.
pub(crate) fn remove_tree(folder: &Path) -> Result<()> {
    if fs::symlink_metadata(folder).is_err() {
        return Ok(());
    }
    let done =
        Command::new("rm").args(["-rf", "--one-file-system", "--"]).arg(folder).output().map_err(full)?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).chars().take(500).collect::<String>();
    Err(Error::new(Code::Unavailable, format!("A folder of a build cannot be removed: {said}")))
}

/// Makes a folder below `top`; a file that is in its way was one of an earlier commit.
fn make_folder(top: &Path, folder: &Path) -> io::Result<()> {
    for place in folder.ancestors().take_while(|place| *place != top).collect::<Vec<_>>().into_iter().rev() {
        if place.is_file() {
            fs::remove_file(place)?;
        }
        if !place.is_dir() {
            fs::create_dir(place)?;
        }
    }
    Ok(())
}

fn list(top: &Path, folder: &Path, files: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(top, &path, files)?;
        } else if let Ok(below) = path.strip_prefix(top) {
            files.insert(below.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// Bytes of the disk below a folder; links are not followed.
pub(crate) fn folder_size(folder: &Path) -> u64 {
    let (mut bytes, mut open) = (0_u64, vec![folder.to_owned()]);
    // One folder is open at a time, however deep foreign code has made them.
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            bytes = bytes.saturating_add(std::os::unix::fs::MetadataExt::blocks(&about).saturating_mul(512));
            if about.is_dir() {
                open.push(entry.path());
            }
        }
    }
    bytes
}

fn full(error: io::Error) -> Error {
    Error::new(Code::StorageFull, "The build's folder cannot be written.").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_that_writes_too_much_is_noticed_however_deep_and_small_its_files_are() {
        let dir = tempfile::tempdir().unwrap();
        let folder = BuildFolder::at(dir.path().to_owned());
        let mut deep = folder.target();
        for number in 0..200 {
            deep.push("deep");
            fs::create_dir_all(&deep).unwrap();
            fs::write(deep.join(number.to_string()), vec![1; 10_000]).unwrap();
        }
        let noticed = |most| tokio::time::timeout(LOOK * 2, folder.outgrown(most));
        assert!(noticed(1_000_000).await.is_ok());
        assert!(noticed(1 << 30).await.is_err());
        std::os::unix::fs::symlink("/", folder.target().join("link")).unwrap();
        assert!(folder_size(dir.path()) < 1 << 30);
    }
}
