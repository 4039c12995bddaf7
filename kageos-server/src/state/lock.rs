//! One process at a time works on a state folder.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{StateDir, private};

/// Where Linux tells one start of a machine from another.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Where it answers, once it does: `http://127.0.0.1:8080`.
    pub address: Option<String>,
}

/// Why the lock is not ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("process {} already works on this state folder{}", .0.pid, .0.address.as_ref().map(|a| format!(" and answers at {a}")).unwrap_or_default())]
    Held(Running),
    /// The disk refuses.
    #[error("run/lock: {0}")]
    Io(#[from] io::Error),
}

impl RunLock {
    /// Takes the lock of `state` for this process.
    ///
    /// # Errors
    /// When another process holds it, or the disk refuses.
    pub fn acquire(state: &StateDir) -> Result<Self, LockError> {
        // A folder that was restored from a backup has none.
        private::make_dir(&state.root().join("run"))?;
        let mut file = private::open(&state.run_file("lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(read(&mut file)?)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut lock = Self { file };
        lock.write(None)?;
        Ok(lock)
    }

    /// What this lock is to the whole world: the machine since it was started, and the file. Whoever held the same
    /// before has ended. A copy of the folder is another file; `None` where the machine cannot be told.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn holder(&self) -> io::Result<Option<String>> {
        let Ok(boot) = fs::read_to_string(BOOT) else { return Ok(None) };
        let file = self.file.metadata()?;
        Ok(Some(format!("{} {} {}", boot.trim(), file.dev(), file.ino())))
    }

    /// Says where the server answers.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn announce(&mut self, address: &str) -> io::Result<()> {
        self.write(Some(address.to_owned()))
    }

    fn write(&mut self, address: Option<String>) -> io::Result<()> {
        let text = serde_json::to_vec(&Running { pid: std::process::id(), address })?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&text)
    }
}

impl Running {
    /// The process that works on `state` now; `None` when there is none.
    ///
    /// # Errors
    /// When the lock cannot be read.
    pub fn find(state: &StateDir) -> io::Result<Option<Self>> {
        let path = state.run_file("lock");
        if !Path::exists(&path) {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => read(&mut file).map(Some),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn read(file: &mut File) -> io::Result<Running> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text).unwrap_or(Running { pid: 0, address: None }))
}
