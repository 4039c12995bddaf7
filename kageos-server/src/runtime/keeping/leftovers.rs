//! What processes of an earlier server left in the state folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use kageos_core::{Code, Error};
use tokio::time::timeout;

use crate::{
    runtime::{Containers, Runtime, RuntimeOptions, build::remove_tree, mark},
    state::StateDir,
};

/// The file with the sockets of the engines that may have containers of this server, a line each.
const ENGINES: &str = "engines";
/// How long such an engine may take.
const WITHIN: Duration = Duration::from_secs(20);

impl Runtime {
    /// Removes what an earlier server left. Nothing runs yet.
    pub(in crate::runtime) async fn clear_leftovers(&self) {
        let RuntimeOptions { state, containers, .. } = &self.inner.options;
        clear_containers(state, containers.as_ref()).await;
        clear_links(state);
        let workspaces = entries(&state.workspaces_dir());
        workspaces.iter().for_each(|folder| clear(&folder.join("build/trial")));
        let releases = workspaces.iter().flat_map(|folder| entries(&folder.join("releases")));
        for release in releases {
            let _ = fs::remove_file(release.join("program.making"));
        }
    }
}

/// Removes the containers of an earlier process, on the engine that it had too, and notes the engine of this one. What
/// does not answer is asked again by the next one; answers whether all did.
pub(in crate::runtime) async fn clear_containers(state: &StateDir, containers: Option<&Containers>) -> bool {
    let mut all = true;
    let file = state.run_file(ENGINES);
    let noted = fs::read_to_string(&file).unwrap_or_default();
    let own = containers.map(Containers::socket);
    let mut engines: Vec<PathBuf> = own.into_iter().map(Into::into).collect();
    for socket in noted.lines().map(Path::new) {
        let at = |socket| Containers::at(socket, &mark(state.root()), Vec::new());
        let engine = containers.filter(|_| own == Some(socket)).cloned().unwrap_or_else(|| at(socket));
        let cleared =
            timeout(WITHIN, engine.clear()).await.unwrap_or_else(|_| Err(Error::of(Code::Unavailable)));
        if let Err(error) = cleared {
            all = false;
            tracing::warn!(%error, socket = %socket.display(), "containers of an earlier process may run on");
            if own != Some(socket) {
                engines.push(socket.into());
            }
        }
    }
    let lines: String = engines.iter().map(|socket| format!("{}\n", socket.display())).collect();
    if lines != noted
        && let Err(error) = state.write(&file, lines.as_bytes())
    {
        tracing::warn!(%error, "the container engine of this process is not noted");
    }
    all
}

/// Removes the folders of links.
pub(in crate::runtime) fn clear_links(state: &StateDir) {
    let links = entries(&state.root().join("run")).into_iter().filter(|path| is_link_folder(path));
    links.for_each(|folder| clear(&folder));
}

fn clear(folder: &Path) {
    if let Err(error) = remove_tree(folder) {
        tracing::warn!(%error, folder = %folder.display(), "something of an earlier process stays");
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether it is named like the folder of a link: the end of a workspace's id, `r` or `t`, and a release; on a runtime node
/// with the number of a server.
fn is_link_folder(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((workspace, release)) = name.split_once('-') else { return false };
    let digits = |text: &str| {
        let (release, server) = text.split_once('x').unwrap_or((text, "0"));
        let all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|it| is(&it));
        all(release, u8::is_ascii_digit) && all(server, u8::is_ascii_hexdigit)
    };
    workspace.len() == 12
        && workspace.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        && release.strip_prefix(['r', 't']).is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_links_are_taken_for_such() {
        for (name, is) in [
            ("0123456789ab-r1", true),
            ("0123456789ab-t12", true),
            ("0123456789ab-x1", false),
            ("0123456789ab-r", false),
            ("0123456789ab-r1x", false),
            ("0123456789ab-r1x00c0ffee", true),
            ("0123456789ab-r1x00c0ffeg", false),
            ("lock", false),
            ("init", false),
            ("0123456789-r1", false),
        ] {
            assert_eq!(is_link_folder(Path::new("/run").join(name).as_path()), is, "{name}");
        }
    }
}
