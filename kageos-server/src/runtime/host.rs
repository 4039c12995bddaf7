//! The host of the actions that workspaces have about themselves.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kageos_core::{
    CallId, Change, ChangeOp, Code, Error, Host, HostCall, HostError, HostReply, Manifest, NodeId, Receipt,
    Result, Right, manifest::SCHEMA_VERSION, platform::release::workspace_of,
};
use serde_json::{Value, json, value::RawValue};

use super::{
    Runtime,
    actions::WorkspaceAction,
    attach, logs, releases, secrets,
    source::{self, Author, Changes, Edit, FileWrite, Query, Repository, SourcePath},
};

/// Attempts at a commit that another one came before.
const ATTEMPTS: u32 = 5;
/// Most files of which a comparison tells.
const MAX_DIFF: usize = 300;
/// Files on a page when nothing is said.
const FILES: usize = 200;
/// Commits on a page when nothing is said.
const COMMITS: usize = 50;
/// How long lines of a log are looked for; who wants to know more asks again.
const LOOK_UP: Duration = Duration::from_millis(300);
/// Matches when nothing is said.
const MATCHES: usize = 100;

/// Runs what is asked of a workspace itself.
#[derive(Debug)]
pub(super) struct WorkspaceHost {
    runtime: Runtime,
    manifest: Arc<Manifest>,
}

/// A source as a call finds it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) workspace: NodeId,
    pub(super) repository: Repository,
    /// Its newest commit; `None` before the first.
    pub(super) head: Option<String>,
}

impl Found {
    /// Lets the repository have the newest commit.
    async fn bring_head(&self, runtime: &Runtime) -> Result<()> {
        match &self.head {
            Some(head) => self.bring(runtime, head).await,
            None => Ok(()),
        }
    }

    /// Lets the repository have a commit that another server may have made.
    pub(super) async fn bring(&self, runtime: &Runtime, commit: &str) -> Result<()> {
        match &runtime.inner.depot {
            Some(depot) => depot.bring_source(self.workspace, &self.repository, commit).await,
            None => Ok(()),
        }
    }
}

/// What a commit is made of.
enum Making {
    Files(Vec<FileWrite>),
    Edits { path: SourcePath, expected: String, edits: Vec<Edit> },
    Revert(String),
}

impl WorkspaceHost {
    pub(super) fn new(runtime: Runtime) -> Self {
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            app: "system".to_owned(),
            title: "Workspace".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: Vec::new(),
            egress: kageos_core::Egress::default(),
        };
        Self { runtime, manifest: Arc::new(manifest) }
    }

    async fn run(&self, call: &HostCall) -> Result<HostReply, HostError> {
        let input = kageos_core::json::parse(&call.input)?;
        let action = WorkspaceAction::read(&call.action, input)
            .map_err(|error| Error::field("", "schema", error.to_string()))?;
        if let WorkspaceAction::ReadLogs(query) = action {
            return self.read_logs(call, query).await;
        }
        if call.actor.app.is_some() {
            let message = "An app does not look after workspaces, whoever calls it.";
            return Err(Error::new(Code::Forbidden, message).into());
        }
        let found = self.found(call, action.is_of_source()).await?;
        match action {
            WorkspaceAction::ReadLogs(_) => Err(Error::of(Code::UnknownAction).into()),
            WorkspaceAction::ListSource { at, under, limit, next } => {
                list(found, at, under, limit.unwrap_or(FILES), next).await
            }
            WorkspaceAction::ReadSource { path, at } => read_source(found, path, at).await,
            WorkspaceAction::SearchSource(query) => search(found, query).await,
            WorkspaceAction::ListCommits { path, limit, next } => {
                commits(found, path, limit.unwrap_or(COMMITS), next).await
            }
            WorkspaceAction::DiffSource { from, to, path } => diff(found, from, to, path).await,
            WorkspaceAction::WriteSource { files, message } => {
                let message =
                    message.unwrap_or_else(|| named("Write", files.iter().map(|it| it.path.as_str())));
                self.make(call, found, Making::Files(files), message).await
            }
            WorkspaceAction::EditSource { path, expected, edits, message } => {
                let message = message.unwrap_or_else(|| named("Edit", std::iter::once(path.as_str())));
                let path = SourcePath::read(&path, "/path").map_err(|error| Error::invalid(vec![error]))?;
                self.make(call, found, Making::Edits { path, expected, edits }, message).await
            }
            WorkspaceAction::RevertCommit { commit, message } => {
                let message = message.unwrap_or_else(|| format!("Take back {commit}"));
                self.make(call, found, Making::Revert(commit), message).await
            }
            WorkspaceAction::Build {} => releases::build(&self.runtime, call, found).await,
            WorkspaceAction::Publish { release, consent } => {
                releases::publish(&self.runtime, call, found.workspace, (release, consent)).await
            }
            WorkspaceAction::Attach { link, consent } => {
                attach::attach(&self.runtime, call, found.workspace, (link, consent)).await
            }
            WorkspaceAction::Detach { link } => attach::detach(&self.runtime, found.workspace, link).await,
            WorkspaceAction::ListReleases { limit, next } => {
                releases::list(&self.runtime, found.workspace, limit, next.as_deref()).await
            }
            WorkspaceAction::ReadRelease { release } => {
                releases::read(&self.runtime, call, found.workspace, release).await
            }
            WorkspaceAction::SetSecret { name, value, origin } => {
                secrets::set(&self.runtime, call, found.workspace, (name, value, origin)).await
            }
            WorkspaceAction::RemoveSecret { name } => {
                secrets::remove(&self.runtime, call, found.workspace, &name).await
            }
            WorkspaceAction::ListSecrets { release } => {
                secrets::list(&self.runtime, found.workspace, release).await
            }
            WorkspaceAction::ReadUsage {} => {
                let usage = self.runtime.usage(found.workspace).await?;
                Ok(reply(&serde_json::to_value(usage).map_err(Error::internal)?)?)
            }
            WorkspaceAction::Restart {} => {
                self.runtime.restart(found.workspace).await?;
                Ok(reply(&json!({}))?)
            }
        }
    }

    /// Lines of the log, as many as can be found in a moment.
    async fn read_logs(&self, call: &HostCall, query: logs::Query) -> Result<HostReply, HostError> {
        let workspace = self.workspace(call).await?;
        let (folder, clock) =
            (self.runtime.inner.logs.folder(workspace), self.runtime.platform().env().clock.clone());
        let found = blocking(move || {
            let begun = clock.monotonic();
            logs::read(&folder, &query, || clock.monotonic().saturating_sub(begun) > LOOK_UP)
        });
        Ok(reply(&found.await?)?)
    }

    /// The workspace that is called, when the caller may still administer it and it lies here.
    async fn workspace(&self, call: &HostCall) -> Result<NodeId> {
        let platform = self.runtime.platform();
        let workspace = workspace_of(platform.tree(), &call.path)?;
        let tree = platform.tree().snapshot();
        let node = tree.get(&call.path).ok_or_else(|| Error::of(Code::NotFound))?;
        // The node was looked up again, so is the right: somebody may have been faster.
        platform.access().check(&call.actor, Right::Admin, &node.chain, &node.path)?;
        self.runtime.check_home(workspace).await?;
        Ok(workspace)
    }

    /// The source of the workspace that is called; with `whole`, its newest commit is here.
    async fn found(&self, call: &HostCall, whole: bool) -> Result<Found> {
        let (platform, workspace) = (self.runtime.platform(), self.workspace(call).await?);
        let folder = self.runtime.source_dir(workspace)?;
        let repository = blocking(move || Repository::open(&folder)).await?;
        let head = platform.releases().head(workspace).await?.map(|head| head.commit);
        let found = Found { workspace, repository, head };
        if whole {
            found.bring_head(&self.runtime).await?;
        }
        Ok(found)
    }

    /// Makes a commit and lets it be the newest; when another one came before, anew from that one.
    async fn make(
        &self,
        call: &HostCall,
        mut found: Found,
        making: Making,
        message: String,
    ) -> Result<HostReply, HostError> {
        let author = Author {
            id: call.actor.id.map(|id| id.to_string()).unwrap_or_else(|| "system".to_owned()),
            name: call.actor.name.clone(),
            at: self.runtime.platform().env().now(),
            message: message.lines().collect::<Vec<_>>().join("\n"),
            call: call.id,
        };
        let making = Arc::new(making);
        let mut attempts = 0..ATTEMPTS;
        let releases = self.runtime.platform().releases();
        loop {
            let (from, work) = (found.head.clone(), (found.clone(), Arc::clone(&making), author.clone()));
            let quotas = self.runtime.inner.options.quotas;
            let made = blocking(move || {
                let (found, making, author) = work;
                let (to, changed) = made(&found, &making, &author)?;
                if !changed.is_empty() {
                    quotas.admit(&found.repository, found.head.as_deref(), &to)?;
                }
                Ok((to, changed))
            });
            let (to, changed) = made.await?;
            let output = json!({ "commit": to, "files": changed.iter().map(|it| json!({
                "path": it.path, "hash": it.new,
            })).collect::<Vec<_>>() });
            if changed.is_empty() || Some(&to) == from.as_ref() {
                // Nothing was to be done, so nothing was.
                let changes = (output, Vec::new());
                let head = found.head.clone();
                let Some(head) = head else { return Ok(reply(&changes.0)?) };
                return releases.commit(call, found.workspace, Some(head.clone()), head, changes).await;
            }
            if let (Some(depot), false) = (&self.runtime.inner.depot, call.dry_run) {
                depot.keep_source(found.workspace, &found.repository, &to).await?;
            }
            let changes = changed.iter().map(|it| it.change(call)).collect();
            let done = releases.commit(call, found.workspace, from, to.clone(), (output, changes)).await;
            match done {
                Err(HostError::Refused(error))
                    if error.code == Code::Conflict && attempts.next().is_some() =>
                {
                    found.head = releases.head(found.workspace).await?.map(|head| head.commit);
                    found.bring_head(&self.runtime).await?;
                }
                Ok(done) => {
                    if !call.dry_run {
                        let repository = found.repository.clone();
                        blocking(move || {
                            repository.follow(&to);
                            Ok(())
                        })
                        .await?;
                    }
                    return Ok(done);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A file that a commit changed, by the ids of its content.
#[derive(Debug, Clone)]
struct Changed {
    path: String,
    old: Option<String>,
    new: Option<String>,
}

impl Changed {
    fn change(&self, call: &HostCall) -> Change {
        let side = |hash: &Option<String>| hash.as_ref().map(|hash| json!({ "hash": hash }));
        let op = match (&self.old, &self.new) {
            (None, _) => ChangeOp::Create,
            (_, None) => ChangeOp::Purge,
            _ => ChangeOp::Update,
        };
        let (row, path) = (Some(self.path.clone()), call.path.clone());
        Change { path, row, version: None, op, old: side(&self.old), new: side(&self.new) }
    }
}

/// A commit that nothing points to yet, and what it changes; the newest one when it would change nothing.
fn made(found: &Found, making: &Making, author: &Author) -> Result<(String, Vec<Changed>)> {
    let repository = &found.repository;
    let head = found.head.as_deref();
    let there = head.map(|head| repository.files(head)).transpose()?.unwrap_or_default();
    let changes: Changes = match making {
        Making::Files(files) => source::check(&there, files.clone())?,
        Making::Edits { path, expected, edits } => {
            let (head, missing) =
                (head.unwrap_or_default(), || Error::field("/path", "not_found", "There is no such file."));
            if head.is_empty() || !there.contains_key(path) {
                return Err(missing());
            }
            let (content, _) = repository.read(head, path)?.ok_or_else(missing)?;
            let text = text(content)?;
            // First whether it is what was read: else an edit that does not fit would hide why.
            let write = |text| {
                vec![FileWrite { path: path.to_string(), text: Some(text), expected: Some(expected.clone()) }]
            };
            source::check(&there, write(text.clone())).map_err(|error| placed(error, "/expected"))?;
            source::check(&there, write(source::edited(&text, edits)?))
                .map_err(|error| placed(error, "/edits"))?
        }
        Making::Revert(commit) => {
            let head =
                head.ok_or_else(|| Error::field("/commit", "not_found", "There is no such commit."))?;
            if !repository.is_before(head, commit)? {
                return Err(Error::field("/commit", "not_found", "There is no such commit in this source."));
            }
            let message = "What this commit changed was changed again since, or it is the first.";
            let reverted = repository.revert(head, commit, author)?;
            let to = reverted.ok_or_else(|| Error::new(Code::Conflict, message).at("/commit"))?;
            let after = repository.files(&to)?;
            let paths: std::collections::BTreeSet<_> = there.keys().chain(after.keys()).collect();
            let changed = paths.into_iter().filter(|path| there.get(*path) != after.get(*path));
            let changed = changed.map(|path| Changed {
                path: path.to_string(),
                old: there.get(path).cloned(),
                new: after.get(path).cloned(),
            });
            return Ok((to, changed.collect()));
        }
    };
    if changes.is_empty() {
        return Ok((head.unwrap_or_default().to_owned(), Vec::new()));
    }
    let to = repository.commit(head, &changes, author)?;
    let changed = changes.iter().map(|(path, content)| {
        let new = content.as_deref().map(Repository::hash).transpose()?;
        Ok(Changed { path: path.to_string(), old: there.get(path).cloned(), new })
    });
    Ok((to, changed.collect::<Result<_>>()?))
}

/// The mistakes of a call that names one file, at the places that this call has.
fn placed(error: Error, pointer: &str) -> Error {
    let fields = error.fields.into_iter().map(|mut field| {
        pointer.clone_into(&mut field.pointer);
        field
    });
    Error { fields: fields.collect(), ..error }
}

fn named<'a>(verb: &str, paths: impl Iterator<Item = &'a str>) -> String {
    let paths: Vec<_> = paths.collect();
    match paths.as_slice() {
        [one] => format!("{verb} {one}"),
        [one, rest @ ..] => format!("{verb} {one} and {} more", rest.len()),
        [] => verb.to_owned(),
    }
}

fn text(content: Vec<u8>) -> Result<String> {
    String::from_utf8(content).map_err(|_| Error::field("/path", "binary", "This file is no text."))
}

/// A commit that an input names, which has to belong to this source; the newest when none is named.
fn commit_of(found: &Found, named: Option<String>, pointer: &str) -> Result<Option<String>> {
    let missing = || Error::field(pointer, "not_found", "There is no such commit in this source.");
    match (&found.head, named) {
        (head, None) => Ok(head.clone()),
        (Some(head), Some(named)) if found.repository.is_before(head, &named)? => Ok(Some(named)),
        _ => Err(missing()),
    }
}

async fn list(
    found: Found,
    at: Option<String>,
    under: Option<String>,
    limit: usize,
    next: Option<String>,
) -> Result<HostReply, HostError> {
    let output = blocking(move || {
        let Some(commit) = commit_of(&found, at, "/at")? else {
            return Ok(json!({ "commit": null, "files": [], "next": null }));
        };
        let all = found.repository.list(&commit)?.into_iter();
        let mut files: Vec<_> = all
            .filter(|entry| source::is_under(entry.path.as_str(), under.as_deref()))
            .filter(|entry| next.as_deref().is_none_or(|next| entry.path.as_str() > next))
            .take(limit + 1)
            .collect();
        let more = files.len() > limit;
        files.truncate(limit);
        let next = files.last().filter(|_| more).map(|entry| entry.path.clone());
        Ok(json!({ "commit": commit, "files": files, "next": next }))
    });
    Ok(reply(&output.await?)?)
}

async fn read_source(found: Found, path: String, at: Option<String>) -> Result<HostReply, HostError> {
    let output = blocking(move || {
        let path = SourcePath::read(&path, "/path").map_err(|error| Error::invalid(vec![error]))?;
        let missing = || Error::field("/path", "not_found", "There is no such file.");
        let commit = commit_of(&found, at, "/at")?.ok_or_else(missing)?;
        let (content, hash) = found.repository.read(&commit, &path)?.ok_or_else(missing)?;
        let size = content.len();
        Ok(json!({ "commit": commit, "path": path, "hash": hash, "size": size, "text": text(content)? }))
    });
    Ok(reply(&output.await?)?)
}

async fn search(found: Found, query: Query) -> Result<HostReply, HostError> {
    let output = blocking(move || {
        let limit = query.limit.unwrap_or(MATCHES);
        let Some(commit) = found.head else {
            return Ok(json!({ "commit": null, "matches": [], "more": false }));
        };
        let (matches, more) = source::search(&found.repository, &commit, &query, limit)?;
        Ok(json!({ "commit": commit, "matches": matches, "more": more }))
    });
    Ok(reply(&output.await?)?)
}

async fn commits(
    found: Found,
    path: Option<String>,
    limit: usize,
    next: Option<String>,
) -> Result<HostReply, HostError> {
    let output = blocking(move || {
        let path = path.map(|path| SourcePath::read(&path, "/path")).transpose();
        let path = path.map_err(|error| Error::invalid(vec![error]))?;
        let Some(from) = commit_of(&found, next, "/next")? else {
            return Ok(json!({ "commits": [], "next": null }));
        };
        let (commits, next) = found.repository.history(&from, path.as_ref(), limit)?;
        Ok(json!({ "commits": commits, "next": next }))
    });
    Ok(reply(&output.await?)?)
}

async fn diff(
    found: Found,
    from: Option<String>,
    to: Option<String>,
    path: Option<String>,
) -> Result<HostReply, HostError> {
    let output = blocking(move || {
        let path = path.map(|path| SourcePath::read(&path, "/path")).transpose();
        let path = path.map_err(|error| Error::invalid(vec![error]))?;
        let missing = || Error::field("/to", "not_found", "There is no source yet.");
        let to = commit_of(&found, to, "/to")?.ok_or_else(missing)?;
        let from = match from {
            Some(from) => commit_of(&found, Some(from), "/from")?,
            None => found.repository.parent(&to)?,
        };
        let (files, more) = found.repository.diff(from.as_deref(), &to, path.as_ref(), MAX_DIFF)?;
        Ok(json!({ "from": from, "to": to, "files": files, "more": more }))
    });
    Ok(reply(&output.await?)?)
}

/// Work on the disk, off the threads that wait for the network.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

/// The reply of an action that only reads.
pub(super) fn reply(output: &Value) -> Result<HostReply> {
    let output = RawValue::from_string(output.to_string()).map_err(Error::internal)?;
    Ok(HostReply::read(output.into()))
}

#[async_trait]
impl Host for WorkspaceHost {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        self.run(&call).await
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        self.runtime.platform().releases().receipt(call).await
    }

    async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        self.runtime.platform().releases().fence(call).await
    }
}
