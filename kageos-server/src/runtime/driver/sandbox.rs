//! What an app sees of its machine: its own folder, the link, and the libraries that it is linked with.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::Launch;

/// Where the app's folder is inside.
pub(super) const DATA: &str = "/data";
/// Where the folder of the link is inside.
pub(super) const LINK: &str = "/link";
/// Where the program is inside.
pub(super) const PROGRAM: &str = "/app/program";
/// Where the program that sets limits is inside.
pub(super) const RESTRICT: &str = "/app/restrict";
/// The socket in the folder of the link.
pub(in crate::runtime) const SOCKET: &str = "app.sock";
/// What programs are linked with, as it is outside.
pub(super) const LIBRARIES: [&str; 3] = ["/lib", "/lib64", "/usr/lib"];
/// Bytes of `/tmp`, which is memory.
pub(super) const TMP: &str = "67108864";

/// How an app is kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    /// By bubblewrap, at this path: namespaces of its own for files, network, processes, users and names.
    Bubblewrap(PathBuf),
    /// Not at all: the app may do what the server may. An operator has to say so.
    Open,
}

impl Sandbox {
    /// The best one in these folders, the value of `PATH`; `None` when there is none.
    #[must_use]
    pub fn find(path: &OsStr) -> Option<Self> {
        let mut places = std::env::split_paths(path).map(|folder| folder.join("bwrap"));
        places.find(|place| place.is_file()).map(Self::Bubblewrap)
    }

    /// The app's folder as the app sees it.
    pub(super) fn data(&self, data: &Path) -> PathBuf {
        match self {
            Self::Bubblewrap(_) => PathBuf::from(DATA),
            Self::Open => data.to_owned(),
        }
    }

    /// The folder of the link as the app sees it.
    pub(super) fn link(&self, link: &Path) -> PathBuf {
        match self {
            Self::Bubblewrap(_) => PathBuf::from(LINK),
            Self::Open => link.to_owned(),
        }
    }

    /// The sandbox of whatever it is that runs in it: namespaces of its own, nobody's account, no rights.
    pub(in crate::runtime) fn walls(bwrap: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![bwrap.into()];
        // Limits are set inside: outside they would count what else the account runs.
        words.extend(
            [
                "--unshare-all",
                "--unshare-user",
                "--disable-userns",
                "--die-with-parent",
                "--new-session",
                "--clearenv",
            ]
            .map(Into::into),
        );
        words.extend(["--uid", "65534", "--gid", "65534", "--hostname", "app"].map(Into::into));
        words.extend(["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"].map(Into::into));
        words
    }

    /// What it is called where people read of it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bubblewrap(_) => "bubblewrap",
            Self::Open => "none",
        }
    }

    /// The command that starts it.
    pub(super) fn command(&self, restrict: &[OsString], launch: &Launch<'_>) -> Vec<OsString> {
        let (restrict, mut limits) = match restrict.split_first() {
            Some((program, words)) => (Some(program), words.to_vec()),
            None => (None, Vec::new()),
        };
        if restrict.is_some() {
            limits.extend(launch.limits.arguments());
            limits.push("--".into());
        }
        let mut words: Vec<OsString> = match self {
            Self::Bubblewrap(bwrap) => {
                let mut words = Self::walls(bwrap);
                words.extend(["--size", TMP, "--tmpfs", "/tmp"].map(Into::into));
                for libraries in LIBRARIES {
                    words.extend(["--ro-bind-try", libraries, libraries].map(Into::into));
                }
                let mut bind = |how: &str, outside: &Path, inside: &str| {
                    words.extend([how.into(), outside.into(), inside.into()]);
                };
                bind("--ro-bind", launch.program, PROGRAM);
                if let Some(restrict) = restrict {
                    bind("--ro-bind", Path::new(restrict), RESTRICT);
                }
                bind("--ro-bind", launch.link, LINK);
                bind("--bind", launch.data, DATA);
                // Only what is bound to be written is writable: else settings of the kernel are for who runs the server
                // as root, and memory that no limit counts for everyone.
                words.extend(
                    ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"].map(Into::into),
                );
                words.extend(["--chdir", DATA, "--setenv", "HOME", DATA].map(Into::into));
                let socket = self.link(launch.link).join(SOCKET);
                words.extend(["--setenv".into(), kageos_sdk::serve::LINK.into(), socket.into()]);
                words.push("--".into());
                words.extend(restrict.map(|_| RESTRICT.into()));
                words
            }
            Self::Open => restrict.cloned().into_iter().collect(),
        };
        words.append(&mut limits);
        words.push(match self {
            Self::Bubblewrap(_) => PROGRAM.into(),
            Self::Open => launch.program.into(),
        });
        words.extend(launch.arguments.iter().cloned());
        words
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kageos_core::log::NoLog;

    use super::*;
    use crate::runtime::Limits;

    #[test]
    fn an_app_sees_its_own_folder_and_nothing_of_the_environment() {
        let launch = Launch {
            name: "1-r1",
            program: Path::new("/state/apps/1/program"),
            arguments: &["--flag".into()],
            limits: &Limits::default(),
            logs: Arc::new(NoLog),
            data: Path::new("/state/data/1"),
            link: Path::new("/run/1"),
        };
        let sandbox = Sandbox::Bubblewrap("/usr/bin/bwrap".into());
        let restrict = ["/bin/kagectl".into(), "restrict".into()];
        let words: Vec<_> =
            sandbox.command(&restrict, &launch).into_iter().map(|it| it.into_string().unwrap()).collect();
        let line = words.join(" ");
        assert!(
            line.starts_with(
                "/usr/bin/bwrap --unshare-all --unshare-user --disable-userns --die-with-parent --new-session --clearenv"
            ),
            "{line}"
        );
        assert!(
            line.contains(
                "--setenv KAGEOS_LINK /link/app.sock -- /app/restrict restrict --memory 2147483648 "
            ),
            "{line}"
        );
        assert!(line.ends_with(" -- /app/program --flag"), "{line}");
        let writable: Vec<_> =
            words.windows(3).filter(|it| it[0] == "--bind").map(|it| it[2].as_str()).collect();
        assert_eq!(writable, ["/data"]);
    }
}
