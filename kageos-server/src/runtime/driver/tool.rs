//! Programs of this machine that work for an app: in the sandbox of apps, in a folder that is memory and ends with them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use kageos_core::{Code, Error, Result};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::{
    Driver, Kind, Limits, Running, Sandbox, confined,
    sandbox::{RESTRICT, TMP},
};

/// Where it works inside.
const WORK: &str = "/work";
/// Bytes of what it keeps there.
const WORK_BYTES: &str = "268435456";
/// Where the programs of a system and their libraries lie.
const SYSTEM: [&str; 9] = [
    "/lib",
    "/lib64",
    "/bin",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/alternatives",
    "/etc/ld.so.cache",
];

/// A program and what it is started with.
pub(in crate::runtime) struct Tool<'a> {
    pub(in crate::runtime) program: &'a Path,
    pub(in crate::runtime) arguments: &'a [&'a str],
    /// What it reads besides the system's own programs, where it lies.
    pub(in crate::runtime) folders: &'a [PathBuf],
    pub(in crate::runtime) limits: &'a Limits,
}

/// What a program is given and what it writes.
pub(in crate::runtime) struct Pipes {
    pub(in crate::runtime) stdin: ChildStdin,
    pub(in crate::runtime) stdout: ChildStdout,
    pub(in crate::runtime) stderr: ChildStderr,
}

impl Driver {
    /// Whether tools are started here at all.
    pub(in crate::runtime) fn has_tools(&self) -> bool {
        matches!(&self.kind, Kind::Process { sandbox: Sandbox::Bubblewrap(_), .. })
    }

    /// Starts a tool, once it was measured that processes are kept apart and limited here.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub(in crate::runtime) async fn start_tool(&self, tool: &Tool<'_>) -> Result<(Running, Pipes)> {
        let Kind::Process { sandbox: Sandbox::Bubblewrap(bwrap), restrict, groups } = &self.kind else {
            let message = "Scripts run only in the sandbox of bubblewrap, which is not used on this server.";
            return Err(Error::new(Code::Unavailable, message));
        };
        // Who asks for a tool may not wait so long, and measuring goes on all the same.
        let this = self.clone();
        tokio::spawn(async move { this.pass().await }).await.map_err(Error::internal)??;
        let (mut command, group) =
            confined(restrict, groups.as_ref(), tool.limits, tool.words(bwrap, restrict))?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child =
            child.map_err(|error| Error::new(Code::Unavailable, "It cannot be started.").caused_by(error))?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((stdin, stdout), stderr) = pipes.ok_or_else(|| Error::of(Code::Internal))?;
        Ok((Running::Process { child, group }, Pipes { stdin, stdout, stderr }))
    }
}

impl Tool<'_> {
    fn words(&self, bwrap: &Path, restrict: &[OsString]) -> Vec<OsString> {
        let mut words = Sandbox::walls(bwrap);
        words.extend(
            ["--size", TMP, "--tmpfs", "/tmp", "--size", WORK_BYTES, "--tmpfs", WORK].map(Into::into),
        );
        let folders = SYSTEM.iter().map(Path::new).chain(self.folders.iter().map(PathBuf::as_path));
        for folder in folders {
            words.extend(["--ro-bind-try".into(), folder.into(), folder.into()]);
        }
        if let Some(restrict) = restrict.first() {
            words.extend(["--ro-bind".into(), restrict.clone(), RESTRICT.into()]);
        }
        words.extend(["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"].map(Into::into));
        // What its processes share by a name counts as its memory.
        words.extend(["--size", TMP, "--tmpfs", "/dev/shm"].map(Into::into));
        words.extend(
            ["--chdir", WORK, "--setenv", "HOME", WORK, "--setenv", "TMPDIR", "/tmp"].map(Into::into),
        );
        words.extend(
            ["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8", "--"].map(Into::into),
        );
        if let Some((_, arguments)) = restrict.split_first() {
            words.push(RESTRICT.into());
            words.extend(arguments.iter().cloned());
            words.extend(self.limits.arguments());
            words.push("--".into());
        }
        words.push(self.program.into());
        words.extend(self.arguments.iter().map(Into::into));
        words
    }
}
