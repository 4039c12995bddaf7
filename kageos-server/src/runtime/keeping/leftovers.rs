//! What processes of an earlier server left in the state folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::runtime::{Runtime, build::remove_tree};

impl Runtime {
    /// Removes the folders of links, what was tried, and programs that were only half there. Nothing runs yet.
    pub(in crate::runtime) fn clear_leftovers(&self) {
        let state = &self.inner.options.state;
        let links = entries(&state.root().join("run")).into_iter().filter(|path| is_link_folder(path));
        let workspaces = entries(&state.workspaces_dir());
        let trials = workspaces.iter().map(|folder| folder.join("build/trial"));
        for folder in links.chain(trials) {
            if let Err(error) = remove_tree(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "something of an earlier server stays");
            }
        }
        let releases = workspaces.iter().flat_map(|folder| entries(&folder.join("releases")));
        for release in releases {
            let _ = fs::remove_file(release.join("program.making"));
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether it is named like the folder of a link: the end of a workspace's id, `r` or `t`, and a release.
fn is_link_folder(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((workspace, release)) = name.split_once('-') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
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
            ("lock", false),
            ("init", false),
            ("0123456789-r1", false),
        ] {
            assert_eq!(is_link_folder(Path::new("/run").join(name).as_path()), is, "{name}");
        }
    }
}
