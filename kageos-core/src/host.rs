//! What runs functions: in this process, in another one, on another machine.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ActionName, Actor, CallId, Change, Error, LogEntry, Manifest, ResourcePath, Source, SourceKind,
    Timestamp, Trace,
};

/// Largest reply that a receipt keeps, in bytes; of a larger one it keeps only that it was given.
pub const MAX_RECEIPT_REPLY: usize = 64 * 1024;

/// Runs the functions of one workspace.
#[async_trait]
pub trait Host: Send + Sync + std::fmt::Debug {
    /// What the app declares.
    fn manifest(&self) -> Arc<Manifest>;

    /// Who acts in a call that this host would run, when that is not simply whoever calls: somebody with fewer rights, whose
    /// the call is from then on. Most hosts run what everybody calls who may.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) for callers whom it does not answer.
    fn narrows(&self, _actor: &Actor) -> Result<Option<Actor>, Error> {
        Ok(None)
    }

    /// Whether its app reaches what lies outside only through the platform, which notes that
    /// ([`CallControl::acts_outside`]). Of any other host it is taken that whatever declares the effect `external` has
    /// acted outside once it has begun.
    fn is_sealed(&self) -> bool {
        false
    }

    /// Runs one call that was authorised and validated. Dropping the future cancels it.
    async fn call(&self, call: HostCall) -> Result<HostReply, HostError>;

    /// What the workspace's database says about a call: its receipt, or that it was not applied.
    ///
    /// # Errors
    /// When the database is out of reach, so nothing is known.
    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>, Error>;

    /// Forgets some of the receipts from before a moment, a bounded number, and answers how many: zero when there is
    /// none left. Nobody needs them any more. A host that keeps none has nothing to do.
    ///
    /// # Errors
    /// What the workspace's database answers.
    async fn forget_receipts(&self, before: Timestamp) -> Result<u64, Error> {
        let _ = before;
        Ok(0)
    }

    /// The same for a call that is given up: without a receipt it can take effect no more, not even by another process
    /// that was stopped and goes on. A host whose calls end with its own process has nothing more to do.
    ///
    /// # Errors
    /// As [`Host::receipt`]; [`Code::OutcomeUnknown`](crate::Code::OutcomeUnknown) when the database will never be asked
    /// again, so nobody will know.
    async fn fence(&self, call: CallId) -> Result<Option<Receipt>, Error> {
        self.receipt(call).await
    }

    /// How many rows lie in the table at a path inside the workspace, counted up to `most`; `None` when the host does
    /// not know that quickly. A host without tables leaves it so.
    ///
    /// # Errors
    /// When the database is out of reach.
    async fn row_count(&self, _path: &str, _most: u32) -> Result<Option<u32>, Error> {
        Ok(None)
    }
}

/// A call as a host sees it.
#[derive(Debug, Clone)]
pub struct HostCall {
    /// Its id, also the id of its receipt.
    pub id: CallId,
    /// The function.
    pub path: ResourcePath,
    /// What is asked of it.
    pub action: ActionName,
    /// What it is given: JSON that matches the action's input schema.
    pub input: Vec<u8>,
    /// Who asks.
    pub actor: Actor,
    /// What started it.
    pub source: Source,
    /// Where it stands in a trace.
    pub trace: Trace,
    /// When it is too late.
    pub deadline: Timestamp,
    /// Shows what would change and changes nothing.
    pub dry_run: bool,
    /// Progress out, cancellation in.
    pub control: Arc<dyn CallControl>,
}

impl HostCall {
    /// Refuses who acts for somebody: an app, an agent, a schedule, a link. Some things are asked by a person or a program
    /// itself or not at all.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden).
    pub fn check_itself(&self) -> Result<(), Error> {
        let itself = matches!(self.source.kind, SourceKind::Web | SourceKind::Api | SourceKind::Cli);
        if itself && self.actor.app.is_none() {
            return Ok(());
        }
        let message =
            "An app, an agent or a schedule does not do this for somebody; an administrator does it.";
        Err(Error::new(crate::Code::Forbidden, message))
    }
}

/// What a host gives back.
#[derive(Debug, Clone)]
pub struct HostReply {
    /// The output.
    pub output: Arc<RawValue>,
    /// The rows that were, or in a dry run would be, changed.
    pub changes: Vec<Change>,
    /// Whether a receipt was written with the rows.
    pub receipt: bool,
    /// Whether that receipt keeps every change, so that the call can be taken back.
    pub undoable: bool,
}

impl HostReply {
    /// A reply of a call that changed nothing.
    #[must_use]
    pub fn read(output: Arc<RawValue>) -> Self {
        Self { output, changes: Vec::new(), receipt: false, undoable: false }
    }

    /// A reply of a call whose receipt keeps all its changes, unless it only showed them.
    #[must_use]
    pub fn applied(output: Arc<RawValue>, changes: Vec<Change>, dry_run: bool) -> Self {
        Self { output, changes, receipt: !dry_run, undoable: !dry_run }
    }
}

/// Why a host gives nothing back.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum HostError {
    /// Nothing was changed.
    #[error("refused: {0}")]
    Refused(Error),
    /// It is not known whether anything was changed, and it may still be; the receipt will tell.
    #[error("cut off: {0}")]
    CutOff(Error),
    /// It is not known whether anything was changed, but nothing more will be; the receipt tells.
    #[error("ended: {0}")]
    Ended(Error),
}

impl HostError {
    /// What a caller is told.
    #[must_use]
    pub fn into_error(self) -> Error {
        match self {
            Self::Refused(error) | Self::CutOff(error) | Self::Ended(error) => error,
        }
    }
}

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The proof, written in the transaction of the rows, that a call took effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// The call.
    pub call: CallId,
    /// SHA-256 of its input, hexadecimal.
    pub request_hash: String,
    /// Its output, when it had at most [`MAX_RECEIPT_REPLY`] bytes.
    pub output: Option<Arc<RawValue>>,
    /// The rows it changed, when they fit beside the output.
    pub changes: Vec<Change>,
    /// What is kept of the changes when they did not fit.
    pub omitted: Option<Omitted>,
    /// SHA-256 of the changes, hexadecimal.
    pub changes_hash: String,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// Changes that are too many to be kept: how many, which exactly, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// How many rows were changed.
    pub rows: u64,
    /// SHA-256 of the changes, hexadecimal.
    pub sha256: String,
    /// The functions whose rows were changed, each once.
    pub paths: Vec<ResourcePath>,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What is being done, for people.
    #[serde(default)]
    pub message: String,
}

/// A running call's line to its caller.
pub trait CallControl: Send + Sync + std::fmt::Debug {
    /// Tells the caller how far the call has come.
    fn report(&self, progress: Progress);
    /// Whether the caller has gone; work in steps asks between them.
    fn is_cancelled(&self) -> bool;
    /// Notes that the call is about to do something outside, which stands whatever becomes of the rest; answers whether
    /// it still may. Not when it was given up: then it is known that it did nothing.
    fn acts_outside(&self) -> bool {
        true
    }
    /// Takes a line that the call logs. It never waits; whoever keeps no log leaves it so.
    fn log(&self, _: LogEntry) {}
}

/// Nobody listens and nobody cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoControl;

impl CallControl for NoControl {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}
