//! Many small files of a repository become one: its loose objects go to a pack.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::{Oid, Repository as Git};
use kageos_core::{Code, Error, Result};

use super::repository::{Repository, broken};
use crate::runtime::build::now;

/// Most objects of one pack; the rest goes to the next.
const MOST: usize = 50_000;
/// Packs that a repository may have; more become few.
const PACKS: usize = 20;
/// How the name of a pack starts while it comes.
const COMING: &str = "pack_git2_";
/// After so long it comes no more.
const CUT_OFF: Duration = Duration::from_secs(60 * 60);
/// One of the folders of loose objects: hashes are spread evenly, so it tells of all.
const SAMPLE: &str = "17";
/// How many such folders there are.
const FOLDERS: usize = 256;

impl Repository {
    /// Moves the loose objects to a pack when there are more than about `more_than`, and answers how many that were.
    /// Whether something points to them does not count, so that a commit that is being made loses nothing; and each is on
    /// the disk in the pack before it is not there alone, so a crash loses nothing either.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the disk or the repository refuses.
    pub(crate) fn pack(&self, more_than: usize) -> Result<usize> {
        let sample = self.path().join("objects").join(SAMPLE);
        if entries(&sample).len() * FOLDERS <= more_than {
            return Ok(0);
        }
        self.pack_all()
    }

    /// Makes few packs of many, which bundles leave, and answers how many those were. What is in them twice is there once
    /// afterwards. Others may read meanwhile and make commits; one takes bundles or merges at a time.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the disk or the repository refuses.
    pub(crate) fn merge_packs(&self) -> Result<usize> {
        let folder = self.path().join("objects/pack");
        let before: Vec<_> = entries(&folder)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|it| it == "pack"))
            .collect();
        if before.len() <= PACKS {
            return Ok(0);
        }
        let git = Git::open_bare(self.path()).map_err(broken)?;
        let mut ids = Vec::new();
        let all = git.odb().and_then(|odb| {
            odb.foreach(|id| {
                ids.push(*id);
                true
            })
        });
        all.map_err(broken)?;
        // One that lies in two packs is told twice.
        ids.sort_unstable();
        ids.dedup();
        let mut made = Vec::new();
        for some in ids.chunks(MOST) {
            made.push(folder.join(format!("pack-{}.pack", write_pack(&git, &folder, some)?)));
        }
        for file in before.iter().filter(|file| !made.contains(file)) {
            // Without its index a pack is none.
            for file in [file.with_extension("idx"), file.clone()] {
                gone(fs::remove_file(file))?;
            }
        }
        for file in entries(&folder) {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let age = fs::metadata(&file).and_then(|about| about.modified());
            let age = age.ok().and_then(|at| now().duration_since(at).ok());
            if name.starts_with(COMING) && age.is_some_and(|age| age > CUT_OFF) {
                gone(fs::remove_file(file))?;
            }
        }
        Ok(before.len())
    }

    /// Moves the loose objects to a pack, as many as one takes.
    fn pack_all(&self) -> Result<usize> {
        let objects = self.path().join("objects");
        let loose = loose(&objects);
        if loose.is_empty() {
            return Ok(0);
        }
        let packs = objects.join("pack");
        let git = Git::open_bare(self.path()).map_err(broken)?;
        let ids: Vec<_> = loose.iter().map(|(id, _)| *id).collect();
        write_pack(&git, &packs, &ids)?;
        for (_, file) in &loose {
            fs::remove_file(file).map_err(failed)?;
        }
        Ok(loose.len())
    }
}

/// What was to go and is not there has gone.
fn gone(removed: io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// Makes a pack of objects, on the disk, and answers its name.
fn write_pack(git: &Git, packs: &Path, ids: &[Oid]) -> Result<String> {
    let mut builder = git.packbuilder().map_err(broken)?;
    builder.set_threads(1);
    for id in ids {
        builder.insert_object(*id, None).map_err(broken)?;
    }
    fs::create_dir_all(packs).map_err(failed)?;
    builder.write(packs, 0o600).map_err(broken)?;
    let name = builder.name().map_err(broken)?.unwrap_or_default().to_owned();
    if builder.written() != ids.len() {
        return Err(Error::new(Code::Unavailable, "A pack has not all the objects that it should have."));
    }
    synced(packs, &name)?;
    Ok(name)
}

/// The loose objects with their files.
fn loose(objects: &Path) -> Vec<(Oid, PathBuf)> {
    let mut all = Vec::new();
    for first in 0..FOLDERS {
        let folder = format!("{first:02x}");
        for file in entries(&objects.join(&folder)) {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // What is being written has another name.
            if let Some(id) =
                (name.len() == 38).then(|| Oid::from_str(&format!("{folder}{name}")).ok()).flatten()
            {
                all.push((id, file));
            }
            if all.len() == MOST {
                return all;
            }
        }
    }
    all
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Has a pack on the disk, with its index.
pub(super) fn synced(packs: &Path, name: &str) -> Result<()> {
    let files = ["pack", "idx"].map(|end| packs.join(format!("pack-{name}.{end}")));
    for path in files.iter().map(PathBuf::as_path).chain([packs]) {
        File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    Ok(())
}

pub(super) fn failed(error: io::Error) -> Error {
    Error::new(Code::Unavailable, "The repository of this workspace cannot be written.").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::runtime::source::tests::commit;

    fn loose_in(dir: &Path) -> usize {
        loose(&dir.join("objects")).len()
    }

    #[test]
    fn a_packed_repository_holds_what_it_held_and_takes_more_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::open(dir.path()).unwrap();
        let mut head = commit(&repository, None, 0);
        for number in 1..300 {
            head = commit(&repository, Some(&head), number);
        }
        let alone = commit(&repository, Some(&head), 1000);
        let before = crate::runtime::build::folder_size(dir.path());
        assert_eq!(repository.pack(100_000).unwrap(), 0);

        // Commits are made while everything is packed again and again.
        let ends = AtomicBool::new(false);
        let made = std::thread::scope(|scope| {
            let maker = scope.spawn(|| {
                let (mut head, mut number) = (head.clone(), 300);
                while !ends.load(Ordering::Relaxed) || number < 310 {
                    head = commit(&repository, Some(&head), number);
                    number += 1;
                }
                (head, number)
            });
            let packed: usize = (0..5).map(|_| repository.pack_all().unwrap()).sum();
            assert!(packed > 900, "{packed}");
            ends.store(true, Ordering::Relaxed);
            maker.join().unwrap()
        });
        repository.pack_all().unwrap();
        assert_eq!(loose_in(dir.path()), 0);
        assert!(crate::runtime::build::folder_size(dir.path()) < before);
        let (history, _) = repository.history(&made.0, None, 10_000).unwrap();
        assert_eq!(history.len(), made.1);
        assert_eq!(repository.files(&alone).unwrap().len(), 7);
        for entry in repository.list(&made.0).unwrap() {
            assert!(repository.content(&entry.hash).unwrap().starts_with(b"fn same"));
        }
        // A crash after the pack was written leaves both; that is nothing to the next.
        let next = commit(&repository, Some(&made.0), 5000);
        repository.pack_all().unwrap();
        assert_eq!(repository.parent(&next).unwrap(), Some(made.0));
    }
}
