//! Whose an app's folders are: who runs the app has to write there.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
};

use kageos_core::{Code, Error, Result};
use rustix::{
    fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, fchown, open, openat, statat},
    process::{getegid, geteuid},
};

use super::Launch;
use crate::runtime::host::blocking;

/// The account of apps, which owns nothing else.
pub(super) const NOBODY: u32 = 65534;
/// Folders within one another that are gone through.
const DEPTH: u32 = 64;

/// Whose the folders of an app are.
#[derive(Debug, Clone, Copy)]
struct Owner(Uid, Gid);

/// Gives an app's folders to an account, or back to that of the server. Only the system's own account can do so when
/// they are another one's.
///
/// # Errors
/// [`Code::Unavailable`] when it is refused.
pub(super) async fn give(launch: &Launch<'_>, account: Option<u32>) -> Result<()> {
    let owner = account.map_or_else(
        || Owner(geteuid(), getegid()),
        |account| Owner(Uid::from_raw(account), Gid::from_raw(account)),
    );
    let (data, link) = (launch.data.to_owned(), launch.link.to_owned());
    blocking(move || {
        // A socket was made there just now.
        let given = give_folder(&link, owner).and_then(|()| match fs::symlink_metadata(&data)?.uid() {
            uid if uid == owner.0.as_raw() => Ok(()),
            _ => give_folder(&data, owner),
        });
        given.map_err(|error| {
            let message = "The app's folder cannot be given to the account that it runs with.";
            Error::new(Code::Unavailable, message).caused_by(error)
        })
    })
    .await
}

/// What foreign code has written is gone through by handles, so no link leads out of it.
fn give_folder(folder: &Path, owner: Owner) -> io::Result<()> {
    let folder = open(folder, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    give_all(&folder, owner, DEPTH)
}

/// The folder itself comes last: what was cut off is done again.
fn give_all(folder: &OwnedFd, owner: Owner, depth: u32) -> io::Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(io::Error::other("there are too many folders within one another"));
    };
    let Owner(user, group) = owner;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if [&b"."[..], b".."].contains(&name.to_bytes()) {
            continue;
        }
        let is_dir = match entry.file_type() {
            // Not every file system tells.
            FileType::Unknown => {
                FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode).is_dir()
            }
            kind => kind.is_dir(),
        };
        if is_dir {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            give_all(&openat(folder, name, flags, Mode::empty())?, owner, depth)?;
        } else {
            chownat(folder, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    Ok(fchown(folder, Some(user), Some(group))?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_given_stays_within_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("data"), dir.path().join("outside"));
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::write(inside.join("a/b/file"), "x").unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "x").unwrap();
        symlink(&outside, inside.join("a/out")).unwrap();
        symlink(outside.join("secret"), inside.join("file")).unwrap();
        let own = Owner(geteuid(), getegid());
        let owner = if own.0.is_root() { Owner(Uid::from_raw(NOBODY), Gid::from_raw(NOBODY)) } else { own };
        give_folder(&inside, owner).unwrap();
        let uid = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        for path in [
            &*inside,
            &inside.join("a/b"),
            &inside.join("a/b/file"),
            &inside.join("a/out"),
            &inside.join("file"),
        ] {
            assert_eq!(uid(path), owner.0.as_raw(), "{}", path.display());
        }
        for path in [&*outside, &outside.join("secret")] {
            assert_eq!(uid(path), own.0.as_raw(), "{}", path.display());
        }
        let deep = (0..DEPTH).fold(dir.path().join("deep"), |path, _| path.join("x"));
        fs::create_dir_all(&deep).unwrap();
        assert!(give_folder(&dir.path().join("deep"), owner).is_err());
    }
}
