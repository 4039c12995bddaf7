//! The limits of an app, which a process sets for itself before it becomes the app.

use std::{
    convert::Infallible, ffi::OsString, io, os::unix::process::CommandExt, path::PathBuf, process::Command,
};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{calls::refuse_calls, group};

/// What an app may use.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of address space.
    #[arg(long, default_value_t = Self::default().memory)]
    pub memory: u64,
    /// Bytes of a file that it writes.
    #[arg(long, default_value_t = Self::default().file)]
    pub file: u64,
    /// Open files.
    #[arg(long, default_value_t = Self::default().open_files)]
    pub open_files: u64,
    /// Processes of its account, for an account that is not the system's own.
    #[arg(long, default_value_t = Self::default().processes)]
    pub processes: u64,
    /// Of one processor, in percent; a container and a group of processes have this limit.
    #[arg(skip = Self::default().cpu_percent)]
    pub cpu_percent: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 2 << 30, file: 4 << 30, open_files: 1024, processes: 256, cpu_percent: 100 }
    }
}

impl Limits {
    /// The lower ones of these and others.
    pub(in crate::runtime) fn within(&self, other: &Self) -> Self {
        Self {
            memory: self.memory.min(other.memory),
            file: self.file.min(other.file),
            open_files: self.open_files.min(other.open_files),
            processes: self.processes.min(other.processes),
            cpu_percent: self.cpu_percent.min(other.cpu_percent),
        }
    }

    /// The arguments that say so.
    pub(in crate::runtime) fn arguments(&self) -> Vec<OsString> {
        let all = [
            ("--memory", self.memory),
            ("--file", self.file),
            ("--open-files", self.open_files),
            ("--processes", self.processes),
        ];
        all.into_iter().flat_map(|(name, value)| [name.into(), value.to_string().into()]).collect()
    }
}

/// Restricts this process and becomes `program`; answers only when that fails. With `groups` it only joins these: what
/// follows is what restricts itself, in a sandbox that has no way to them.
///
/// # Errors
/// What the system refuses.
pub fn restrict(
    limits: &Limits,
    groups: &[PathBuf],
    program: &OsString,
    arguments: &[OsString],
) -> io::Result<Infallible> {
    let mut command = Command::new(program);
    command.args(arguments);
    if !groups.is_empty() {
        group::join(groups)?;
        return Err(command.exec());
    }
    let all = [
        (Resource::As, limits.memory),
        (Resource::Fsize, limits.file),
        (Resource::Nofile, limits.open_files),
        (Resource::Nproc, limits.processes),
        (Resource::Core, 0),
    ];
    for (resource, most) in all {
        // Nobody may raise what it was given.
        let most = Some(getrlimit(resource).maximum.map_or(most, |given| most.min(given)));
        setrlimit(resource, Rlimit { current: most, maximum: most })?;
    }
    refuse_calls()?;
    Err(command.exec())
}
