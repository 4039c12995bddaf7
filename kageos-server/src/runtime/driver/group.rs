//! What an app may use of the machine in all: memory, processes and processors, as a control group, where the system lets
//! this server make one. Version 1 of such groups has a folder for each kind of what is limited, version 2 one for all.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::Limits;

/// Where the system shows its groups.
const ROOT: &str = "/sys/fs/cgroup";
/// What is limited.
const KINDS: [&str; 3] = ["memory", "pids", "cpu"];
/// Microseconds of which a share is given.
const PERIOD: u64 = 100_000;
/// How long the system may take to let go of a group whose processes have ended.
const LEFT: Duration = Duration::from_millis(5);
/// How often it is tried again.
const TRIES: u32 = 400;

/// Where a server makes groups; cheap to clone.
#[derive(Debug, Clone)]
pub struct Groups {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The folders in which a group has a folder each.
    folders: Vec<PathBuf>,
    version: Version,
    /// How the groups of this server begin.
    server: String,
    made: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The processes of one start, which are limited together.
#[derive(Debug)]
pub(in crate::runtime) struct Group {
    folders: Vec<PathBuf>,
}

impl Groups {
    /// Where this process may make groups, those of the server `server`; what an earlier one left is removed. `None` where
    /// the system does not let it.
    #[must_use]
    pub fn find(server: &str) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let tried = |folders: Vec<PathBuf>, version| {
            let inner =
                Inner { folders, version, server: format!("kageos-{server}-"), made: AtomicU64::default() };
            let this = Self { inner: Arc::new(inner) };
            this.clear();
            // Whether it works is found out by doing it.
            drop(this.group(&Limits::default()).ok()?);
            Some(this)
        };
        let places = places(Path::new(ROOT), &own);
        places.into_iter().find_map(|(folders, version)| tried(folders, version))
    }

    /// What the limits are called where people read of them.
    pub(super) fn as_str(&self) -> &'static str {
        match self.inner.version {
            Version::One => "cgroup v1",
            Version::Two => "cgroup v2",
        }
    }

    /// Removes what an earlier process of this server left.
    fn clear(&self) {
        for folder in &self.inner.folders {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(&self.inner.server) {
                    let _ = fs::remove_dir(entry.path());
                }
            }
        }
    }

    /// A group with these limits, which is empty still.
    pub(super) fn group(&self, limits: &Limits) -> io::Result<Group> {
        let Inner { folders, version, server, made } = &*self.inner;
        let mut group = Group { folders: Vec::new() };
        // One that an earlier process left may be ending still.
        while group.folders.is_empty() {
            let name = format!("{server}{}", made.fetch_add(1, Ordering::Relaxed));
            for folder in folders.iter().map(|folder| folder.join(&name)) {
                match fs::create_dir(&folder) {
                    Ok(()) => group.folders.push(folder),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        group = Group { folders: Vec::new() };
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let (memory, pids) = (limits.memory.to_string(), limits.processes.to_string());
        let quota = u64::from(limits.cpu_percent) * PERIOD / 100;
        match version {
            Version::One => {
                group.set(0, "memory.limit_in_bytes", &memory)?;
                // Where the system counts what is swapped, which it does not everywhere.
                let _ = group.set(0, "memory.memsw.limit_in_bytes", &memory);
                group.set(1, "pids.max", &pids)?;
                group.set(2, "cpu.cfs_period_us", &PERIOD.to_string())?;
                group.set(2, "cpu.cfs_quota_us", &quota.to_string())?;
            }
            Version::Two => {
                group.set(0, "memory.max", &memory)?;
                let _ = group.set(0, "memory.swap.max", "0");
                let _ = group.set(0, "memory.oom.group", "1");
                group.set(0, "pids.max", &pids)?;
                group.set(0, "cpu.max", &format!("{quota} {PERIOD}"))?;
            }
        }
        Ok(group)
    }
}

/// Where groups may be made, the best place first, by what the system says of this process.
fn places(root: &Path, own: &str) -> Vec<(Vec<PathBuf>, Version)> {
    let path_of = |kind: &str| {
        own.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (kinds, path) = rest.split_once(':')?;
            kinds.split(',').any(|it| it == kind).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    if root.join("cgroup.controllers").exists() {
        // Beside this process, which a service manager has put into a group of its own, or at the top.
        let own = path_of("").unwrap_or_default();
        let beside = Path::new(&own).parent().map(|parent| root.join(parent));
        let places = beside.into_iter().chain([root.to_owned()]);
        return places.filter(|folder| enables(folder)).map(|folder| (vec![folder], Version::Two)).collect();
    }
    let under = |own: bool| {
        let folder = |kind: &&str| {
            let path = path_of(kind).filter(|_| own).unwrap_or_default();
            root.join(kind).join(path)
        };
        (KINDS.iter().map(folder).collect(), Version::One)
    };
    vec![under(true), under(false)]
}

/// Whether groups in a folder have every limit, after it was asked for.
fn enables(folder: &Path) -> bool {
    let control = folder.join("cgroup.subtree_control");
    let has_all = || {
        let enabled = fs::read_to_string(&control).unwrap_or_default();
        KINDS.iter().all(|kind| enabled.split_whitespace().any(|it| it == *kind))
    };
    has_all() || (fs::write(&control, "+memory +pids +cpu").is_ok() && has_all())
}

impl Group {
    fn set(&self, kind: usize, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.folders.get(kind).ok_or(io::ErrorKind::NotFound)?.join(name), value)
    }

    /// Its folders, which a process joins.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Whether the system has ended a process of it because all its memory was used.
    pub(in crate::runtime) fn was_full(&self) -> bool {
        let told = ["memory.events", "memory.oom_control"];
        let text = told.iter().find_map(|name| fs::read_to_string(self.folders.first()?.join(name)).ok());
        let kills = text.iter().flat_map(|text| text.lines()).find_map(|line| line.strip_prefix("oom_kill "));
        kills.is_some_and(|kills| kills.trim() != "0")
    }
}

impl Group {
    /// Removes it once its last processes have ended, which they are about to; answers whether it is gone.
    pub(in crate::runtime) async fn end(&mut self) -> bool {
        remove(&mut self.folders).await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut folders = std::mem::take(&mut self.folders);
        folders.retain(|folder| fs::remove_dir(folder).is_err());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !folders.is_empty() {
            runtime.spawn(async move { remove(&mut folders).await });
        }
    }
}

async fn remove(folders: &mut Vec<PathBuf>) -> bool {
    for _ in 0..TRIES {
        folders.retain(|folder| {
            fs::remove_dir(folder).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        if folders.is_empty() {
            return true;
        }
        tokio::time::sleep(LEFT).await;
    }
    tracing::warn!(?folders, "the group of an app that has ended stays");
    false
}

/// Lets this process and all that it starts be counted in groups.
///
/// # Errors
/// What the system refuses.
pub(super) fn join(folders: &[PathBuf]) -> io::Result<()> {
    // Nobody: the process that writes.
    folders.iter().try_for_each(|folder| fs::write(folder.join("cgroup.procs"), "0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_made_beside_this_process_or_at_the_top() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let own = "9:name=systemd:/\n8:pids:/a/b\n4:memory:/m\n1:cpu,cpuacct:/\n0::/\n";
        let found = places(root, own);
        assert_eq!(found[0].0, ["memory/m", "pids/a/b", "cpu/"].map(|it| root.join(it)));
        assert_eq!(found[1].0, ["memory/", "pids/", "cpu/"].map(|it| root.join(it)));
        assert!(found.iter().all(|(_, version)| *version == Version::One));

        let slice = root.join("system.slice/kageos.service");
        fs::create_dir_all(slice.join("server")).unwrap();
        fs::write(root.join("cgroup.controllers"), "cpu memory pids").unwrap();
        fs::write(slice.join("cgroup.subtree_control"), "cpu memory pids").unwrap();
        let own = "0::/system.slice/kageos.service/server\n";
        assert_eq!(places(root, own), [(vec![slice], Version::Two)]);
    }
}
