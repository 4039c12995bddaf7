//! Files that only their user reads.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What group and others may not have.
const OTHERS: u32 = 0o077;

/// Makes a folder, or takes the others' rights from the one that is there.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(DIR_MODE))
}

/// Opens a file for reading and writing, made when missing, never emptied.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

/// Makes a file for writing, and the folders above it; one that is there is an error.
pub(super) fn create(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), make_dir)?;
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Writes beside the file, then renames: a reader sees the old content or the new, also after a crash.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&beside)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A folder that is private itself and whose files others write: apps, and their builds.
fn is_apart(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let private = fs::symlink_metadata(path).is_ok_and(|meta| meta.permissions().mode() & OTHERS == 0);
    private && ["runtime", "build", "data", "source", "releases"].iter().any(|it| name == *it)
}

/// What below `path` group or others have a right on.
pub(super) fn exposed(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![path.to_path_buf()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() && !is_apart(&path) {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
        if meta.permissions().mode() & OTHERS != 0 && !meta.is_symlink() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
