//! What an app sees of its machine: its own folder, the link, and the libraries that it is linked with.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Where the app's folder is inside.
const DATA: &str = "/data";
/// Where the folder of the link is inside.
const LINK: &str = "/link";
/// Where the program is inside.
const PROGRAM: &str = "/app/program";
/// The socket in the folder of the link.
pub(super) const SOCKET: &str = "app.sock";
/// Bytes of `/tmp`, which is memory.
const TMP: &str = "67108864";

/// How an app is kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    /// By bubblewrap, at this path: namespaces of its own for files, network, processes, users and names.
    Bubblewrap(PathBuf),
    /// Not at all: the app may do what the server may. An operator has to say so.
    Open,
}

/// What is started.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [OsString],
    pub(super) data: &'a Path,
    pub(super) link: &'a Path,
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

    /// The socket of the link as the app sees it.
    pub(super) fn socket(&self, link: &Path) -> PathBuf {
        match self {
            Self::Bubblewrap(_) => Path::new(LINK).join(SOCKET),
            Self::Open => link.join(SOCKET),
        }
    }

    /// The command that starts it.
    pub(super) fn command(&self, launch: &Launch<'_>) -> Vec<OsString> {
        let program: Vec<OsString> = match self {
            Self::Bubblewrap(bwrap) => {
                let mut words: Vec<OsString> = vec![bwrap.into()];
                words.extend(
                    ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv"].map(Into::into),
                );
                words.extend(["--uid", "65534", "--gid", "65534", "--hostname", "app"].map(Into::into));
                words.extend(["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"].map(Into::into));
                words.extend(["--size", TMP, "--tmpfs", "/tmp"].map(Into::into));
                for libraries in ["/lib", "/lib64", "/usr/lib"] {
                    words.extend(["--ro-bind-try", libraries, libraries].map(Into::into));
                }
                let mut bind = |how: &str, outside: &Path, inside: &str| {
                    words.extend([how.into(), outside.into(), inside.into()]);
                };
                bind("--ro-bind", launch.program, PROGRAM);
                bind("--ro-bind", launch.link, LINK);
                bind("--bind", launch.data, DATA);
                words.extend(["--chdir", DATA, "--setenv", "HOME", DATA].map(Into::into));
                let socket = self.socket(launch.link);
                words.extend(["--setenv".into(), kageos_sdk::serve::LINK.into(), socket.into()]);
                words.extend(["--".into(), PROGRAM.into()]);
                words
            }
            Self::Open => vec![launch.program.into()],
        };
        program.into_iter().chain(launch.arguments.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_sees_its_own_folder_and_nothing_of_the_environment() {
        let launch = Launch {
            program: Path::new("/state/apps/1/program"),
            arguments: &["--flag".into()],
            data: Path::new("/state/data/1"),
            link: Path::new("/run/1"),
        };
        let sandbox = Sandbox::Bubblewrap("/usr/bin/bwrap".into());
        let words: Vec<_> =
            sandbox.command(&launch).into_iter().map(|it| it.into_string().unwrap()).collect();
        let line = words.join(" ");
        assert!(
            line.starts_with("/usr/bin/bwrap --unshare-all --die-with-parent --new-session --clearenv"),
            "{line}"
        );
        assert!(line.ends_with("--setenv KAGEOS_LINK /link/app.sock -- /app/program --flag"), "{line}");
        let writable: Vec<_> =
            words.windows(3).filter(|it| it[0] == "--bind").map(|it| it[2].as_str()).collect();
        assert_eq!(writable, ["/data"]);
    }
}
