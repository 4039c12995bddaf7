//! The Rust toolchain of this machine.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use kageos_core::{Code, Error, Result};
use tokio::process::Command;

/// The one that `cargo` and `rustc` in the `PATH` of this process are.
#[derive(Debug)]
pub(super) struct Toolchain {
    pub(super) folder: PathBuf,
    /// What it compiles for.
    pub(super) target: String,
    /// Its version, for people.
    pub(super) rustc: String,
}

impl Toolchain {
    /// Finds it for what lies in a folder, which may name another one than the usual.
    ///
    /// # Errors
    /// [`Code::Unavailable`], saying what is missing: Rust, or a C compiler to link with and its static library.
    pub(super) async fn find(from: &Path) -> Result<Self> {
        let missing = |error: Error| {
            let message = "There is no Rust toolchain on this server (`rustc` with `cargo` beside it, in the PATH), so \
                           apps cannot be built here; released ones run.";
            Error::new(Code::Unavailable, message).caused_by(error)
        };
        let ask = |option: &[&str]| {
            let mut rustc = Command::new("rustc");
            rustc.args(option).current_dir(from);
            rustc
        };
        let folder = output(&mut ask(&["--print", "sysroot"])).await.map_err(missing)?;
        let about = output(&mut ask(&["-vV"])).await.map_err(missing)?;
        let line = |key: &str| about.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let folder = PathBuf::from(folder.trim());
        if !folder.join("bin/cargo").exists() {
            return Err(missing(Error::new(Code::Unavailable, "There is no cargo beside rustc.")));
        }
        // A library that it does not have it calls by its name alone.
        let archive = output(Command::new("cc").arg("-print-file-name=libc.a")).await.map_err(|error| {
            let message = "There is no C compiler on this server (`cc`), which Rust links with, so apps cannot be \
                           built here; released ones run.";
            Error::new(Code::Unavailable, message).caused_by(error)
        })?;
        if line("host: ").trim().ends_with("-gnu") && !Path::new(archive.trim()).is_absolute() {
            let message = "There is no static C library on this server (`libc.a`), which programs of apps hold, so \
                           apps cannot be built here; released ones run.";
            return Err(Error::new(Code::Unavailable, message));
        }
        Ok(Self {
            folder,
            target: line("host: ").trim().to_owned(),
            rustc: about.lines().next().unwrap_or_default().to_owned(),
        })
    }
}

/// What a tool answers.
///
/// # Errors
/// [`Code::Unavailable`] with what it said, when it fails or is not there.
pub(super) async fn output(command: &mut Command) -> Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| {
        Error::new(Code::Unavailable, format!("{name} cannot be run; apps are built with it."))
            .caused_by(error)
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Error::new(Code::Unavailable, format!("{name} ended with {}: {}", done.status, said.trim())))
}
