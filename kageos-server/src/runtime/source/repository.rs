//! The git repository of a workspace: its objects. Which commit is the newest stands in the platform's database.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use git2::{
    Commit, Diff, DiffOptions, FileMode, ObjectType, Oid, Patch, Repository as Git, RepositoryInitOptions,
    Signature, Time, Tree, TreeWalkMode, TreeWalkResult, build::TreeUpdateBuilder,
};
use kageos_core::{CallId, Code, Error, Result, Timestamp};
use serde::Serialize;

use super::SourcePath;

/// The branch that follows the newest commit, for who looks at the repository with git.
pub(super) const BRANCH: &str = "refs/heads/main";
/// Before the id of the call that made a commit, at the end of its message.
const CALL: &str = "Kageos-Call: ";
/// Domain of the authors' addresses, which go nowhere.
const DOMAIN: &str = "@kageos.invalid";
/// Largest patch of a file that is told, in bytes.
const MAX_PATCH: usize = 256 * 1024;
/// Bytes of patches in one answer.
const MAX_PATCHES: usize = 4 * 1024 * 1024;
/// Lines around a change in a patch.
const CONTEXT: u32 = 3;

/// A repository without a work tree.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    path: PathBuf,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Where it lies.
    pub(crate) path: SourcePath,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// The id of its content.
    pub(crate) hash: String,
}

/// How much a commit holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Who makes a commit, when, why, and in which call.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) at: Timestamp,
    pub(crate) message: String,
    pub(crate) call: CallId,
}

/// A commit as it is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CommitInfo {
    pub(crate) commit: String,
    pub(crate) message: String,
    pub(crate) author: Person,
    pub(crate) at: Timestamp,
    pub(crate) call: Option<String>,
}

/// Who made it, by id and the login name of then.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// What is different of one file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FileDiff {
    pub(crate) path: String,
    pub(crate) change: &'static str,
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) patch: Option<String>,
}

/// The files of a commit by path, with the id of their content.
pub(crate) type Files = BTreeMap<SourcePath, String>;

impl Repository {
    /// The repository in a folder, made when there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if !path.join("HEAD").exists() {
            let mut options = RepositoryInitOptions::new();
            options.bare(true).external_template(false).initial_head("main");
            let git = Git::init_opts(path, &options).map_err(broken)?;
            // What is told to be there has to be on disk.
            git.config().and_then(|mut it| it.set_bool("core.fsyncObjectFiles", true)).map_err(broken)?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How much a commit holds.
    pub(crate) fn weight(&self, commit: &str) -> Result<Weight> {
        let all = self.list(commit)?;
        Ok(Weight { files: all.len() as u64, bytes: all.iter().map(|entry| entry.size).sum() })
    }

    pub(super) fn git(&self) -> Result<Git> {
        Git::open_bare(&self.path).map_err(broken)
    }

    /// The files of a commit in order of their paths.
    pub(crate) fn list(&self, commit: &str) -> Result<Vec<Entry>> {
        let git = self.git()?;
        let tree = tree(&git, commit)?;
        let odb = git.odb().map_err(broken)?;
        let mut all = Vec::new();
        walk(&tree, |path, id| {
            if let (Ok(path), Ok((size, _))) = (path.parse(), odb.read_header(id)) {
                all.push(Entry { path, size: size as u64, hash: id.to_string() });
            }
        })?;
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// The files of a commit, without their sizes.
    pub(crate) fn files(&self, commit: &str) -> Result<Files> {
        let git = self.git()?;
        let mut all = Files::new();
        walk(&tree(&git, commit)?, |path, id| {
            if let Ok(path) = path.parse() {
                all.insert(path, id.to_string());
            }
        })?;
        Ok(all)
    }

    /// The content of a file of a commit, with its id.
    pub(crate) fn read(&self, commit: &str, path: &SourcePath) -> Result<Option<(Vec<u8>, String)>> {
        let git = self.git()?;
        let Ok(entry) = tree(&git, commit)?.get_path(Path::new(path.as_str())) else { return Ok(None) };
        if entry.kind() != Some(ObjectType::Blob) {
            return Ok(None);
        }
        let blob = git.find_blob(entry.id()).map_err(broken)?;
        Ok(Some((blob.content().to_vec(), entry.id().to_string())))
    }

    /// The content with an id.
    pub(crate) fn content(&self, hash: &str) -> Result<Vec<u8>> {
        let git = self.git()?;
        let blob = git.find_blob(oid(hash)?).map_err(broken)?;
        Ok(blob.content().to_vec())
    }

    /// The id that a content has, or would have.
    pub(crate) fn hash(content: &[u8]) -> Result<String> {
        Ok(Oid::hash_object(ObjectType::Blob, content).map_err(broken)?.to_string())
    }

    /// Makes a commit that writes or removes files; nothing points to it yet.
    pub(crate) fn commit(
        &self,
        parent: Option<&str>,
        changes: &BTreeMap<SourcePath, Option<Vec<u8>>>,
        author: &Author,
    ) -> Result<String> {
        let git = self.git()?;
        let parent = parent.map(|id| commit(&git, id)).transpose()?;
        let before = match &parent {
            Some(parent) => parent.tree().map_err(broken)?,
            None => {
                let empty = git.treebuilder(None).and_then(|it| it.write()).map_err(broken)?;
                git.find_tree(empty).map_err(broken)?
            }
        };
        // What goes goes first: a file may come where a folder was, and the other way round.
        let mut removed = TreeUpdateBuilder::new();
        changes.iter().filter(|(_, content)| content.is_none()).for_each(|(path, _)| {
            removed.remove(path.as_str());
        });
        let without = removed.create_updated(&git, &before).map_err(broken)?;
        let without = git.find_tree(without).map_err(broken)?;
        let mut written = TreeUpdateBuilder::new();
        for (path, content) in changes.iter().filter_map(|(path, content)| Some((path, content.as_ref()?))) {
            written.upsert(path.as_str(), git.blob(content).map_err(broken)?, FileMode::Blob);
        }
        let tree = written.create_updated(&git, &without).map_err(broken)?;
        write(&git, parent.as_ref(), tree, author)
    }

    /// Makes a commit that takes back what another one did; `None` when that was changed since.
    pub(crate) fn revert(&self, head: &str, taken_back: &str, author: &Author) -> Result<Option<String>> {
        let git = self.git()?;
        let (head, back) = (commit(&git, head)?, commit(&git, taken_back)?);
        if back.parent_count() == 0 {
            return Ok(None);
        }
        let mut index = git.revert_commit(&back, &head, 0, None).map_err(broken)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        let tree = index.write_tree_to(&git).map_err(broken)?;
        write(&git, Some(&head), tree, author).map(Some)
    }

    /// Lets the branch follow the newest commit. It is for who looks with git; nothing here relies on it.
    pub(crate) fn follow(&self, commit: &str) {
        let followed = self.git().and_then(|git| {
            let id = oid(commit)?;
            git.reference(BRANCH, id, true, "kageos").map(drop).map_err(broken)
        });
        if let Err(error) = followed {
            tracing::warn!(%error, "the branch of a source does not follow its newest commit");
        }
    }

    /// Commits from the newest or from `from` on, at most `limit`, and where the rest begins; with `path` those that
    /// changed it.
    pub(crate) fn history(
        &self,
        from: &str,
        path: Option<&SourcePath>,
        limit: usize,
    ) -> Result<(Vec<CommitInfo>, Option<String>)> {
        let git = self.git()?;
        let (mut found, mut next) = (Vec::new(), Some(commit(&git, from)?));
        while let Some(one) = next {
            if found.len() == limit {
                return Ok((found, Some(one.id().to_string())));
            }
            let parent = one.parent(0).ok();
            if path.is_none_or(|path| {
                content_at(&one, path) != parent.as_ref().and_then(|it| content_at(it, path))
            }) {
                found.push(info(&one)?);
            }
            next = parent;
        }
        Ok((found, None))
    }

    /// Whether a commit is `head` or one before it.
    pub(crate) fn is_before(&self, head: &str, commit: &str) -> Result<bool> {
        let git = self.git()?;
        let Ok(id) = Oid::from_str(commit) else { return Ok(false) };
        let head = oid(head)?;
        Ok(head == id || git.graph_descendant_of(head, id).unwrap_or(false))
    }

    /// The commit before another one.
    pub(crate) fn parent(&self, id: &str) -> Result<Option<String>> {
        let git = self.git()?;
        Ok(commit(&git, id)?.parent_id(0).ok().map(|id| id.to_string()))
    }

    /// What is different between two commits, at most `limit` files, and whether there are more.
    pub(crate) fn diff(
        &self,
        from: Option<&str>,
        to: &str,
        path: Option<&SourcePath>,
        limit: usize,
    ) -> Result<(Vec<FileDiff>, bool)> {
        let git = self.git()?;
        let from = from.map(|id| tree(&git, id)).transpose()?;
        let to = tree(&git, to)?;
        let mut options = DiffOptions::new();
        options.context_lines(CONTEXT).disable_pathspec_match(true);
        if let Some(path) = path {
            options.pathspec(path.as_str());
        }
        let diff = git.diff_tree_to_tree(from.as_ref(), Some(&to), Some(&mut options)).map_err(broken)?;
        let count = diff.deltas().len();
        let (mut files, mut bytes) = (Vec::new(), 0);
        for index in 0..count.min(limit) {
            let Some(mut file) = file_diff(&diff, index)? else { continue };
            bytes += file.patch.as_ref().map_or(0, String::len);
            if bytes > MAX_PATCHES {
                file.patch = None;
            }
            files.push(file);
        }
        Ok((files, count > limit))
    }
}

fn file_diff(diff: &Diff<'_>, index: usize) -> Result<Option<FileDiff>> {
    let Some(delta) = diff.get_delta(index) else { return Ok(None) };
    let change = match delta.status() {
        git2::Delta::Added => "added",
        git2::Delta::Deleted => "removed",
        _ => "changed",
    };
    let path = delta.new_file().path().or_else(|| delta.old_file().path());
    let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let patch = Patch::from_diff(diff, index).map_err(broken)?;
    let Some(mut patch) = patch else {
        return Ok(Some(FileDiff { path, change, added: 0, removed: 0, patch: None }));
    };
    let (_, added, removed) = patch.line_stats().map_err(broken)?;
    let text = patch.to_buf().map_err(broken)?;
    let text = text.as_str().ok().filter(|text| text.len() <= MAX_PATCH).map(str::to_owned);
    Ok(Some(FileDiff { path, change, added, removed, patch: text }))
}

fn write(git: &Git, parent: Option<&Commit<'_>>, tree: Oid, author: &Author) -> Result<String> {
    let seconds = author.at.as_micros().div_euclid(1_000_000);
    // A name is for people and may hold what git does not take.
    let name: String = author.name.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
    let name = if name.trim().is_empty() { author.id.clone() } else { name };
    let mail = format!("{}{DOMAIN}", author.id);
    let signature = Signature::new(&name, &mail, &Time::new(seconds, 0)).map_err(broken)?;
    let said: String = author.message.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    let message = format!("{}\n\n{CALL}{}\n", said.trim(), author.call);
    let tree = git.find_tree(tree).map_err(broken)?;
    let parents: Vec<_> = parent.into_iter().collect();
    let id = git.commit(None, &signature, &signature, &message, &tree, &parents).map_err(broken)?;
    Ok(id.to_string())
}

fn info(commit: &Commit<'_>) -> Result<CommitInfo> {
    let text = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    let (message, call) = match text.rsplit_once(CALL) {
        Some((message, call)) => (message.trim().to_owned(), Some(call.trim().to_owned())),
        None => (text.trim().to_owned(), None),
    };
    let author = commit.author();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let id = lossy(author.email_bytes());
    Ok(CommitInfo {
        commit: commit.id().to_string(),
        message,
        author: Person {
            id: id.strip_suffix(DOMAIN).unwrap_or(&id).to_owned(),
            name: lossy(author.name_bytes()),
        },
        at: Timestamp::from_micros(commit.time().seconds().saturating_mul(1_000_000)),
        call,
    })
}

/// The id of the content that a commit has at a path.
fn content_at(commit: &Commit<'_>, path: &SourcePath) -> Option<Oid> {
    commit.tree().ok()?.get_path(Path::new(path.as_str())).ok().map(|entry| entry.id())
}

/// Every file below a tree. Links and repositories within are none: nothing here makes them.
fn walk(tree: &Tree<'_>, mut each: impl FnMut(&str, Oid)) -> Result<()> {
    tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let is_file = matches!(entry.filemode(), 0o100_644 | 0o100_755);
        if let (true, Ok(name)) = (is_file, entry.name()) {
            each(&format!("{folder}{name}"), entry.id());
        }
        TreeWalkResult::Ok
    })
    .map_err(broken)
}

fn tree<'a>(git: &'a Git, id: &str) -> Result<Tree<'a>> {
    commit(git, id)?.tree().map_err(broken)
}

fn commit<'a>(git: &'a Git, id: &str) -> Result<Commit<'a>> {
    git.find_commit(oid(id)?).map_err(|_| Error::field("/commit", "not_found", "There is no such commit."))
}

pub(super) fn oid(text: &str) -> Result<Oid> {
    Oid::from_str(text).map_err(|_| Error::field("/commit", "not_found", "There is no such commit."))
}

/// What only the disk or a damaged repository answers.
pub(super) fn broken(error: git2::Error) -> Error {
    Error::new(Code::Unavailable, "The repository of this workspace does not answer.").caused_by(error)
}
