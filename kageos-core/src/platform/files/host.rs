//! The platform's own host for files: it runs their actions, with a receipt like every other host.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json, value::RawValue};

use super::actions::{Brought, FileAction, PAGE};
use super::store::{self, State, Stored};
use super::{FileStore, name, right_of};
use crate::host::{Host, HostCall, HostError, HostReply, Receipt};
use crate::manifest::SCHEMA_VERSION;
use crate::platform::receipts::{Receipts, Work};
use crate::platform::tree::Node;
use crate::sql::SqlError;
use crate::{CallId, Change, ChangeOp, Code, Error, FileId, Manifest, Result, Right};

/// Runs the actions about files.
#[derive(Debug, Clone)]
pub(in crate::platform) struct FileHost {
    files: FileStore,
    receipts: Receipts,
    manifest: Arc<Manifest>,
}

/// What is done to one file.
#[derive(Debug, Clone)]
enum Step {
    Attach(Stored),
    Discard(Stored),
}

impl FileHost {
    /// Acts on `files`.
    pub(in crate::platform) fn new(files: FileStore) -> Self {
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            app: "system".to_owned(),
            title: "Files".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: Vec::new(),
            egress: crate::Egress::default(),
        };
        let receipts = Receipts::new(files.inner.db.clone(), files.inner.env.clone());
        Self { files, receipts, manifest: Arc::new(manifest) }
    }

    async fn run(&self, call: &HostCall) -> Result<HostReply, HostError> {
        let files = &self.files.inner;
        let tree = files.tree.snapshot();
        let node = tree.get(&call.path).ok_or_else(|| Error::of(Code::NotFound))?;
        // The node was looked up again, so is the right: somebody may have been faster.
        let held = files.access.rights(&call.actor, &node.chain, &node.path);
        let right = right_of(&call.action, node.path.kind(), held);
        files.access.check(&call.actor, right, &node.chain, &node.path)?;
        let input = crate::json::parse(&call.input)?;
        let action = FileAction::read(&call.action, input)
            .map_err(|error| Error::field("", "schema", error.to_string()))?;
        match action {
            FileAction::UploadFile(brought) => {
                let file = self.brought(call, node, brought).await?;
                self.apply(call, node, Step::Attach(file)).await
            }
            FileAction::DiscardFile { file } => {
                let file = self.file_of(node, file).await?;
                // What has to go for good goes, whatever names it, by who answers for the place.
                let named = file.state == State::Kept && node.path.kind().is_some();
                if named && !held.contains(Right::Admin) {
                    let message =
                        "A row names or named this file, so only who administers this place removes it.";
                    return Err(Error::new(Code::Conflict, message).into());
                }
                self.apply(call, node, Step::Discard(file)).await
            }
            FileAction::ReadFile { file } => {
                let file = self.file_of(node, file).await?;
                Ok(read(&json!(file.info(&node.path)))?)
            }
            FileAction::ListFiles { limit, next } => Ok(self.list(node, limit.unwrap_or(PAGE), next).await?),
        }
    }

    /// A file of the node.
    async fn file_of(&self, node: &Node, id: FileId) -> Result<Stored> {
        let found = store::find(&self.files.inner.db, &[id]).await?.pop();
        let mine = found.filter(|file| file.is_there() && file.node == Some(node.id));
        mine.ok_or_else(|| Error::of(Code::NotFound))
    }

    /// The staged file that the call brings, which has to be what the call says, so that the record is true.
    async fn brought(&self, call: &HostCall, node: &Node, said: Brought) -> Result<Stored> {
        let found = store::find(&self.files.inner.db, &[said.file]).await?.pop();
        let own = |file: &Stored| file.state == State::Staged && file.created_by == call.actor.id;
        let missing = || Error::field("/file", "not_found", "You have brought no such file.");
        let file = found.filter(own).ok_or_else(missing)?;
        if (&file.media_type, file.size, &file.sha256) != (&said.media_type, said.size, &said.sha256) {
            return Err(Error::field(
                "/sha256",
                "differs",
                "The bytes that came are not those that were named.",
            ));
        }
        // A directory has no fields: what lies in it stays until somebody removes it.
        let state = if node.path.kind().is_some() { State::Fresh } else { State::Kept };
        Ok(Stored { node: Some(node.id), state, name: name::clean(&said.name), ..file })
    }

    async fn list(&self, node: &Node, limit: u32, next: Option<FileId>) -> Result<HostReply> {
        let db = &self.files.inner.db;
        let mut found = store::of_node(db, node.id, next, i64::from(limit) + 1).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|file| file.id);
        let items: Vec<_> = found.iter().map(|file| file.info(&node.path)).collect();
        read(&json!({ "items": items, "next": next }))
    }

    async fn apply(&self, call: &HostCall, node: &Node, step: Step) -> Result<HostReply, HostError> {
        let (Step::Attach(file) | Step::Discard(file)) = &step;
        let shown = json!({ "file": {
            "id": file.id, "name": file.name, "type": file.media_type, "size": file.size, "sha256": file.sha256,
        } });
        let (op, old, new, output) = match &step {
            Step::Attach(_) => (ChangeOp::Create, None, Some(shown), json!(file.info(&node.path))),
            Step::Discard(_) => (ChangeOp::Purge, Some(shown), None, json!({})),
        };
        let changes = vec![Change { path: node.path.clone(), row: None, version: None, op, old, new }];
        let work = Work { input: step, output, changes };
        let reply = self.receipts.apply(call, work, came_between, |step, tx, at| {
            Box::pin(async move {
                match step {
                    Step::Attach(file) => store::attach(tx, file, at).await?,
                    Step::Discard(file) => store::discard(tx, file, at).await?,
                }
                Ok(())
            })
        });
        Ok(reply.await?.ok_or_else(|| Error::of(Code::Conflict))?)
    }
}

/// A file that is not as it was found: somebody was faster.
fn came_between(error: SqlError) -> Error {
    match error {
        SqlError::RowsAffected { .. } => {
            let message = "The file was changed, or is being used, at the same time.";
            Error::new(Code::Conflict, message).caused_by(error)
        }
        error => error.into(),
    }
}

fn raw(output: &Value) -> Result<Arc<RawValue>> {
    Ok(RawValue::from_string(output.to_string()).map_err(Error::internal)?.into())
}

/// The reply of an action that only reads.
fn read(output: &Value) -> Result<HostReply> {
    Ok(HostReply::read(raw(output)?))
}

#[async_trait]
impl Host for FileHost {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        self.run(&call).await
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>, Error> {
        self.receipts.receipt(call).await
    }

    async fn fence(&self, call: CallId) -> Result<Option<Receipt>, Error> {
        self.receipts.fence(call).await
    }
}
