//! Programs on their way to a node, by what they hash to: a node has them from the server that wants them started.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kageos_core::{Code, Error, Result, platform::release::Program};

use super::{lock, wire::PIECE};
use crate::{
    runtime::build::{fetch_program, is_program, now, program_of},
    state::StateDir,
};

/// The programs that a server gives.
#[derive(Debug, Default)]
pub(super) struct Offered {
    /// What they hash to. The program of a release never changes.
    known: Mutex<HashMap<PathBuf, Program>>,
    /// Which are being asked for, by hash, and how often.
    wanted: Mutex<HashMap<String, (PathBuf, usize)>>,
}

/// A program that a node may ask for, until it is dropped.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    offered: &'a Offered,
    pub(super) program: Program,
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        let mut wanted = lock(&self.offered.wanted);
        if let Some((_, times)) = wanted.get_mut(&self.program.sha256) {
            *times -= 1;
            if *times == 0 {
                wanted.remove(&self.program.sha256);
            }
        }
    }
}

impl Offered {
    /// Lets nodes ask for a program.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it cannot be read.
    pub(super) async fn offer(&self, path: &Path) -> Result<Offer<'_>> {
        let known = lock(&self.known).get(path).cloned();
        let program = match known {
            Some(program) => program,
            None => {
                let file = path.to_owned();
                let program =
                    crate::runtime::host::blocking(move || program_of(&file).map_err(unread)).await?;
                lock(&self.known).insert(path.to_owned(), program.clone());
                program
            }
        };
        lock(&self.wanted).entry(program.sha256.clone()).or_insert_with(|| (path.to_owned(), 0)).1 += 1;
        Ok(Offer { offered: self, program })
    }

    /// A piece of a program that a node was told to start; `None` of any other.
    pub(super) fn piece(&self, sha256: &str, from: u64) -> Option<Bytes> {
        let path = lock(&self.wanted).get(sha256)?.0.clone();
        let file = File::open(path).ok()?;
        let mut piece = vec![0; PIECE];
        let mut filled = 0;
        while filled < PIECE {
            match file.read_at(&mut piece[filled..], from + filled as u64).ok()? {
                0 => break,
                read => filled += read,
            }
        }
        piece.truncate(filled);
        Some(piece.into())
    }
}

fn unread(error: io::Error) -> Error {
    Error::new(Code::Unavailable, "The program of the release cannot be read.").caused_by(error)
}

/// The programs that a node keeps, in a folder.
#[derive(Debug)]
pub(super) struct Cached {
    state: StateDir,
    folder: PathBuf,
    /// Bytes of all of them, beyond which the longest unused go.
    most: u64,
    /// One is fetched at a time.
    fetching: tokio::sync::Mutex<()>,
}

impl Cached {
    /// In a folder of this state.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn open(state: StateDir, most: u64) -> io::Result<Self> {
        let folder = state.root().join("programs");
        state.make_dir(&folder)?;
        for path in paths(&folder).filter(|path| path.extension().is_some()) {
            fs::remove_file(path)?;
        }
        Ok(Self { state, folder, most, fetching: tokio::sync::Mutex::default() })
    }

    /// A program, fetched with `piece` when it is not there. `used` are those that may not go.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it does not come, or is another one.
    pub(super) async fn get(
        &self,
        program: &Program,
        used: impl Fn() -> Vec<String> + Send,
        piece: impl Fn(u64) -> BoxFuture<'static, Result<Bytes>> + Send,
    ) -> Result<PathBuf> {
        if !is_program(program) {
            return Err(Error::new(Code::InvalidInput, "This is no program."));
        }
        let path = self.folder.join(&program.sha256);
        if is_there(&path) {
            return Ok(path);
        }
        let _one = self.fetching.lock().await;
        if is_there(&path) {
            return Ok(path);
        }
        self.make_room(program.size, &used());
        fetch_program(&self.state, program, &path, PIECE, piece).await?;
        Ok(path)
    }

    /// Removes the longest unused programs, but not those that run.
    fn make_room(&self, for_bytes: u64, used: &[String]) {
        let mut there: Vec<_> = paths(&self.folder)
            .filter_map(|path| {
                let about = fs::metadata(&path).ok()?;
                Some((about.modified().ok()?, about.len(), path))
            })
            .collect();
        there.sort_unstable();
        let mut bytes = for_bytes + there.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        for (_, size, path) in there {
            if bytes <= self.most {
                return;
            }
            let is_used = path.file_name().is_some_and(|name| used.iter().any(|it| name == it.as_str()));
            if !is_used && fs::remove_file(&path).is_ok() {
                bytes -= size;
            }
        }
    }
}

/// Whether a program is there; one that is asked for is used.
fn is_there(path: &Path) -> bool {
    File::options().append(true).open(path).and_then(|file| file.set_modified(now())).is_ok()
}

fn paths(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn gives(bytes: &'static [u8]) -> BoxFuture<'static, Result<Bytes>> {
        Box::pin(async move { Ok(Bytes::from_static(bytes)) })
    }

    #[tokio::test]
    async fn a_program_goes_by_pieces_to_who_was_told_of_it_and_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..PIECE * 2 + 5).map(|at| u8::try_from(at % 253).unwrap()).collect();
        let offered = Offered::default();
        let path = written(dir.path(), "program", &bytes);
        let cached = Cached::open(StateDir::at(dir.path().join("node")), u64::MAX).unwrap();
        let program = {
            let offer = offered.offer(&path).await.unwrap();
            let piece = |from| {
                let piece = offered.piece(&offer.program.sha256, from).unwrap_or_default();
                Box::pin(async move { Ok(piece) }) as BoxFuture<'static, _>
            };
            let kept = cached.get(&offer.program, Vec::new, piece).await.unwrap();
            assert!(fs::read(kept).unwrap() == bytes);
            offer.program.clone()
        };
        assert_eq!(program.size, bytes.len() as u64);
        assert!(offered.piece(&program.sha256, 0).is_none(), "nobody starts it any more");
        let never = |_| -> BoxFuture<'static, Result<Bytes>> { panic!("it is there") };
        cached.get(&program, Vec::new, never).await.unwrap();
    }

    #[tokio::test]
    async fn another_program_than_was_asked_for_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cached = Cached::open(StateDir::at(dir.path().join("node")), u64::MAX).unwrap();
        let program = Program { sha256: "0".repeat(64), size: 3 };
        for bytes in [&b"abc"[..], b"", b"abcd"] {
            let refused = cached.get(&program, Vec::new, |_| gives(bytes)).await;
            assert_eq!(refused.unwrap_err().code, Code::Unavailable);
        }
        assert!(paths(&cached.folder).all(|path| path.extension().is_some()), "none looks like a program");
        for program in [
            Program { sha256: "../../x".to_owned(), size: 3 },
            Program { sha256: "0".repeat(64), size: u64::MAX },
        ] {
            let refused = cached.get(&program, Vec::new, |_| gives(b"")).await;
            assert_eq!(refused.unwrap_err().code, Code::InvalidInput);
        }
    }

    #[tokio::test]
    async fn the_longest_unused_program_makes_room_unless_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let cached = Cached::open(StateDir::at(dir.path().join("node")), 25).unwrap();
        let mut names = Vec::new();
        for (age, letter) in [(30, b'a'), (20, b'b'), (10, b'c')] {
            let path = written(&cached.folder, &char::from(letter).to_string().repeat(64), &[letter; 10]);
            let file = File::options().append(true).open(&path).unwrap();
            file.set_modified(now() - std::time::Duration::from_secs(age)).unwrap();
            names.push(path);
        }
        cached.make_room(10, &["a".repeat(64)]);
        assert_eq!(names.iter().map(|path| path.exists()).collect::<Vec<_>>(), [true, false, false]);
    }
}
