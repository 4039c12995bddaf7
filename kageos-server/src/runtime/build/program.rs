//! The program of a release on its way to a file: out of a build, or from where it is kept.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kageos_core::{Code, Error, Result, hex, platform::release::Program};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use sha2::{Digest, Sha256};

use super::HashWriter;
use crate::{runtime::host::blocking, state::StateDir};

/// Largest program, in bytes.
const MAX_PROGRAM: u64 = 512 * 1024 * 1024;
/// Rights of a program: for the account of apps too, in a folder that is closed.
const EXECUTABLE: u32 = 0o755;

/// Copies a program out of a folder that foreign code has written: no link is followed, and it is a file.
pub(crate) fn take_program(target: &Path, program: &Path, to: &Path) -> Result<Program> {
    let strange = |error: io::Error| {
        Error::new(Code::Unavailable, "The build left no program where it says.").caused_by(error)
    };
    let folder = File::open(target).map_err(strange)?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened =
        openat2(&folder, program, flags, Mode::empty(), beneath).map_err(|error| strange(error.into()))?;
    let mut from = File::from(opened);
    let about = from.metadata().map_err(strange)?;
    if !about.is_file() || about.len() > MAX_PROGRAM {
        return Err(Error::new(Code::PayloadTooLarge, "The program is too large, or is no file."));
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(full)?;
    }
    let making = to.with_extension("making");
    let mut copy = File::create(&making).map_err(full)?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let read = from.read(&mut buffer).map_err(strange)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        if size > MAX_PROGRAM {
            return Err(Error::new(Code::PayloadTooLarge, "The program is too large."));
        }
        hash.update(&buffer[..read]);
        copy.write_all(&buffer[..read]).map_err(full)?;
    }
    copy.set_permissions(PermissionsExt::from_mode(EXECUTABLE))
        .and_then(|()| copy.sync_all())
        .map_err(full)?;
    fs::rename(&making, to).map_err(full)?;
    Ok(Program { sha256: hex(&hash.finalize()), size })
}

/// Fetches a program to a path, by pieces of at most `most` bytes from a place on. It gets its name when it is whole.
///
/// # Errors
/// [`Code::Unavailable`] when it does not come, or is another one.
pub(crate) async fn fetch_program(
    state: &StateDir,
    program: &Program,
    path: &Path,
    most: usize,
    piece: impl Fn(u64) -> BoxFuture<'static, Result<Bytes>> + Send,
) -> Result<()> {
    if !is_program(program) {
        return Err(Error::new(Code::InvalidInput, "This is no program."));
    }
    let making = path.with_extension("making");
    // One that did not come whole.
    let _ = fs::remove_file(&making);
    let file = state.create(&making).map_err(full)?;
    let mut from = 0;
    while from < program.size {
        let bytes = match piece(from).await {
            Ok(bytes) => bytes,
            // Where it lies there may be no time at once.
            Err(_) => piece(from).await?,
        };
        if bytes.is_empty() || bytes.len() > most {
            return Err(Error::new(Code::Unavailable, "The program is not given any more where it is kept."));
        }
        file.write_all_at(&bytes, from).map_err(full)?;
        from += bytes.len() as u64;
    }
    let made = making.clone();
    let found = blocking(move || program_of(&made).map_err(full)).await?;
    if found != *program {
        let _ = fs::remove_file(&making);
        return Err(Error::new(Code::Unavailable, "The program that came is another one."));
    }
    file.set_permissions(PermissionsExt::from_mode(EXECUTABLE))
        .and_then(|()| file.sync_all())
        .map_err(full)?;
    drop(file);
    fs::rename(&making, path).map_err(full)
}

/// Whether this may be a program.
pub(crate) fn is_program(program: &Program) -> bool {
    let is_hash = program.sha256.len() == 64 && program.sha256.bytes().all(|it| it.is_ascii_hexdigit());
    is_hash && program.size <= MAX_PROGRAM
}

/// What a file hashes to.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn program_of(path: &Path) -> io::Result<Program> {
    let mut hash = Sha256::new();
    let size = io::copy(&mut File::open(path)?, &mut HashWriter(&mut hash))?;
    Ok(Program { sha256: hex(&hash.finalize()), size })
}

fn full(error: io::Error) -> Error {
    Error::new(Code::StorageFull, "The program cannot be kept here.").caused_by(error)
}
