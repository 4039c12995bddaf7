//! What the two ends of a link say to each other: the heads of frames, as JSON.
//!
//! Either side asks, the other one answers, in any order; an ask that its asker has given up is cancelled. Notes have no
//! answer and may be lost.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ActionName, Actor, CallId, Change, FileId, HostCall, HostError, HttpRequest, LogEntry, Manifest,
    Progress, Reply, ResourcePath, Source, TableSteps, Timestamp, Trace, python::ScriptHead,
};

/// The head of a frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A question. Ids rise by one for each side, from one; what is asked is a [`ToApp`] or a [`ToPlatform`].
    Ask {
        /// Its id.
        id: u64,
        /// What is asked.
        ask: Box<RawValue>,
    },
    /// The answer to a question.
    Answer {
        /// The question's id.
        id: u64,
        /// What it is.
        answer: Answer,
    },
    /// Nobody waits for the answer any more.
    Cancel {
        /// The question's id.
        id: u64,
    },
    /// Something that is only told.
    Note(Note),
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What was asked for, as the question says.
    Done(Box<RawValue>),
    /// Why it is not there.
    Failed(HostError),
}

/// Something that is only told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// How far a call has come; an app says so.
    Progress {
        /// The call.
        call: CallId,
        /// How far.
        progress: Progress,
    },
    /// A line of an app's log.
    Log {
        /// The call during which it was logged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// What is logged.
        entry: LogEntry,
    },
    /// Lines of an app's log that could not be sent.
    LogLost {
        /// How many.
        lines: u64,
    },
    /// The caller wants no more of a call. It ends by itself, or is cancelled two seconds later; a platform says so.
    Stop {
        /// The call.
        call: CallId,
    },
    /// No call comes any more; what runs is waited for.
    Drain,
}

/// What a platform asks an app.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToApp {
    /// To run a function. The body is its input, the answer a [`Called`] with the output as its body.
    Call(Box<CallHead>),
    /// For the receipt of a call; the answer is a receipt, or null.
    Receipt {
        /// The call.
        call: CallId,
    },
    /// The same for a call that is given up: it can take effect no more.
    Fence {
        /// The call.
        call: CallId,
    },
    /// To forget some receipts from before a moment; the answer is how many.
    ForgetReceipts {
        /// The moment.
        before: Timestamp,
    },
    /// How many rows a table has; the answer is a number, or null.
    RowCount {
        /// The table, inside the workspace.
        path: String,
        /// Counted up to this.
        most: u32,
    },
    /// Whether it works; the answer is null.
    Health,
}

/// What an app asks a platform.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToPlatform {
    /// To be let in: the first question, which every version understands. The answer is a [`Welcome`].
    Hello {
        /// The versions of the protocol that it speaks, the first and the last.
        versions: (u32, u32),
        /// What it declares.
        manifest: Box<Manifest>,
    },
    /// To have it known what it did to its tables, at most once and before it says whether it is ready. The answer is null.
    /// A platform that does not know this question refuses it, and the app goes on.
    TableSteps(TableSteps),
    /// To get calls: its tables are open. The answer is null.
    Ready,
    /// To be let go: it cannot run here, and says why. The answer is null.
    NotReady(crate::Error),
    /// To call another function for the one who called it. The body is the input, the answer a [`Dispatched`] with the
    /// output as its body.
    Dispatch {
        /// The call that it runs.
        during: CallId,
        /// The function.
        path: ResourcePath,
        /// What is asked of it.
        action: ActionName,
        /// Shows what would change and changes nothing; a call that itself only shows does so anyway.
        dry_run: bool,
    },
    /// What is known of files; the answer is a list.
    FindFiles {
        /// The call that it runs.
        during: CallId,
        /// The files.
        ids: Vec<FileId>,
    },
    /// That rows are about to name files; the answer is null.
    ClaimFiles {
        /// The call that it runs.
        during: CallId,
        /// The files.
        ids: Vec<FileId>,
    },
    /// For some of a file's bytes: the answer is null, its body the bytes.
    ReadFile {
        /// The call that it runs.
        during: CallId,
        /// The file.
        id: FileId,
        /// Which bytes.
        range: Range<u64>,
    },
    /// To make a file of the body; the answer is what is known of it.
    WriteFile {
        /// The call that it runs.
        during: CallId,
        /// What people call it.
        name: String,
        /// Its media type.
        media_type: String,
    },
    /// To send a request to somebody outside. The body is the request's, the answer an
    /// [`HttpResponse`](crate::HttpResponse) with its body.
    Http {
        /// The call that it runs.
        during: CallId,
        /// The request.
        request: Box<HttpRequest>,
    },
    /// To run a script in Python. The body is the bytes of its files, the answer a
    /// [`DoneHead`](crate::python::DoneHead) with those of the files that it made.
    Python {
        /// The call that it runs.
        during: CallId,
        /// The script.
        script: Box<ScriptHead>,
    },
}

/// A call without its input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallHead {
    /// Its id, also the id of its receipt.
    pub id: CallId,
    /// The function.
    pub path: ResourcePath,
    /// What is asked of it.
    pub action: ActionName,
    /// Who asks.
    pub actor: Actor,
    /// What started it.
    pub source: Source,
    /// Where it stands in a trace.
    pub trace: Trace,
    /// How long it may take, in milliseconds.
    pub left_ms: u64,
    /// Shows what would change and changes nothing.
    pub dry_run: bool,
}

impl CallHead {
    /// The head of a call, now.
    #[must_use]
    pub fn of(call: &HostCall, now: Timestamp) -> Self {
        Self {
            id: call.id,
            path: call.path.clone(),
            action: call.action.clone(),
            actor: call.actor.clone(),
            source: call.source.clone(),
            trace: call.trace,
            left_ms: u64::try_from(call.deadline.since(now).as_millis()).unwrap_or(u64::MAX),
            dry_run: call.dry_run,
        }
    }
}

/// What a call gave, without its output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Called {
    /// The rows that were, or in a dry run would be, changed.
    pub changes: Vec<Change>,
    /// Whether a receipt was written with the rows.
    pub receipt: bool,
    /// Whether that receipt keeps every change.
    pub undoable: bool,
}

/// What another function gave, without its output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dispatched {
    /// The call that was made.
    pub call: CallId,
    /// The rows that it changed, or would change.
    pub changes: Vec<Change>,
    /// Whether nothing was changed because that was asked.
    pub dry_run: bool,
    /// Whether it can be taken back.
    pub undoable: bool,
    /// SHA-256 of the changes, of a dry run; hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_hash: Option<String>,
}

impl From<Reply> for Dispatched {
    fn from(reply: Reply) -> Self {
        let Reply { call, output: _, changes, dry_run, undoable, diff_hash } = reply;
        Self { call, changes, dry_run, undoable, diff_hash }
    }
}

/// How an app is let in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol that is spoken from now on.
    pub version: u32,
    /// Where the app is mounted.
    pub workspace: ResourcePath,
    /// Where its database is, for [`DbOptions`](crate::sql::DbOptions).
    pub database: String,
    /// What seals the cursors of its lists.
    pub cursor_key: [u8; 32],
}

impl fmt::Debug for Welcome {
    /// Without what nobody may read in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Welcome")
            .field("version", &self.version)
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}
