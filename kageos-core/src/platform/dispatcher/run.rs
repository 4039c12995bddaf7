//! Steps four to seven: record, run, record, announce.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, JoinHandle};

use super::{Admitted, Dispatcher, is_about_access, settle};
use crate::bus::EventBody;
use crate::host::{HostCall, HostError, HostReply};
use crate::platform::files::is_about_files;
use crate::platform::oplog::{Draft, Earlier, Kept, Key, Status, hash_payload};
use crate::platform::tree::{Snapshot, is_transfer};
use crate::{Actor, Audit, Call, CallId, Change, Code, Error, Reply, ResourcePath, Result, Right, hex, json};

/// How much longer than its deadline a host is waited for: it ends the call itself, and commits what is in flight.
const GRACE: Duration = Duration::from_secs(5);
/// How long a call that is told to end may take to do so by itself.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// Most changed rows that an event names; with more, listeners refetch.
const MAX_EVENT_ROWS: usize = 100;
/// Most changed rows that a record shows.
const MAX_RECORD_ROWS: usize = 100;
/// Longest reply that is kept for a repetition with the same idempotency key, in bytes.
const MAX_KEPT_REPLY: usize = 64 * 1024;

/// What became of a call once its intent is known.
pub(super) enum Begun {
    /// It was made before with the same key, and this is what it gave.
    Repeated(Reply),
    /// Its intent is on disk.
    Goes(Admitted),
}

impl Dispatcher {
    /// A call that changes nothing: one record, written behind.
    pub(super) async fn read(&self, admitted: Admitted) -> Result<Reply> {
        let done = self.run(&admitted).await.map_err(HostError::into_error);
        let (status, code) = match &done {
            Ok(_) => (Status::Ok, None),
            Err(error) => (Status::Failed, Some(error.code)),
        };
        let call = &admitted.call;
        let level = self.audit_of(&admitted, done.is_ok());
        if level > Audit::None {
            let draft = Draft::settled(call, Some(admitted.node.id), self.inner.env.now(), status);
            let draft = draft.code(code).duration(self.since(&admitted));
            let whole = level == Audit::Full;
            let input = admitted.action().filter(|_| whole).map(|action| action.redacted(&call.input));
            self.inner.log.settled(input.as_deref().into_iter().fold(draft, Draft::payload)).await;
        }
        let reply = self.dressed(&admitted, done?).await?;
        Ok(self.shown(&call.actor, &call.path, answer(call, reply)))
    }

    /// A call that may change something: intent, run, outcome, event.
    pub(super) async fn change(&self, admitted: Admitted) -> Result<Reply> {
        match self.begin(admitted).await? {
            Begun::Repeated(reply) => Ok(reply),
            Begun::Goes(admitted) => self.go_on(admitted).await,
        }
    }

    /// Records the intent, unless the call was made before with the same key.
    pub(super) async fn begin(&self, admitted: Admitted) -> Result<Begun> {
        let call = &admitted.call;
        let input = admitted.action().map(|action| action.redacted(&call.input));
        let input = input.as_deref().unwrap_or(&Value::Null);
        let key = key_of(call, input);
        let intent = Draft::intent(call, admitted.node.id, self.inner.env.now(), input);
        if let Err(earlier) = self.inner.log.intent(intent.followed(admitted.followed), key.clone()).await? {
            let reply = repeated(&earlier, key.as_ref())?;
            return Ok(Begun::Repeated(self.shown(&call.actor, &call.path, reply)));
        }
        Ok(Begun::Goes(admitted))
    }

    /// Runs a call whose intent is recorded.
    pub(super) async fn go_on(&self, admitted: Admitted) -> Result<Reply> {
        let call = &admitted.call;
        if let Err(error) = self.inner.files.claim(call.id, admitted.claims.clone()).await {
            self.failed(&admitted, Status::Failed, &error).await;
            return Err(error);
        }
        let ended = match self.run(&admitted).await {
            Ok(reply) if !admitted.changes() => self.dressed(&admitted, reply).await.map_err(HostError::from),
            ended => ended,
        };
        match ended {
            Ok(reply) => self.applied(&admitted, reply).await,
            Err(HostError::Refused(error)) => {
                self.failed(&admitted, Status::Failed, &error).await;
                Err(error)
            }
            // Whoever waits has asked for the end, not for what may still come.
            Err(HostError::CutOff(error)) if error.code == Code::Cancelled => {
                self.cut_off(admitted, error, &settle::HAS_ENDED).await
            }
            Err(HostError::CutOff(error)) => self.cut_off(admitted, error, &settle::MAY_STILL_COMMIT).await,
            Err(HostError::Ended(error)) => self.cut_off(admitted, error, &settle::HAS_ENDED).await,
        }
    }

    async fn run(&self, admitted: &Admitted) -> Result<HostReply, HostError> {
        let call = &admitted.call;
        let input = serde_json::to_vec(&call.input).map_err(Error::internal)?;
        let host_call = HostCall {
            id: call.id,
            path: call.path.clone(),
            action: call.action.clone(),
            input,
            actor: call.actor.clone(),
            source: call.source.clone(),
            trace: call.trace,
            deadline: self.inner.env.now().plus(admitted.timeout),
            dry_run: call.dry_run,
            control: Arc::new(admitted.place.control(
                (call.path.clone(), call.trace),
                Arc::clone(&self.inner.events),
                self.inner.logs.get().cloned(),
            )),
        };
        let host = Arc::clone(&admitted.host);
        let run = tokio::spawn(async move { host.call(host_call).await });
        tokio::select! {
            ended = tokio::time::timeout(admitted.timeout + GRACE, AbortOnDrop(run)) => match ended {
                Ok(Ok(done)) => done,
                Ok(Err(panic)) => Err(HostError::Ended(Error::internal(panic))),
                Err(_) => Err(HostError::CutOff(Error::of(Code::DeadlineExceeded))),
            },
            () = admitted.place.cancelled(CANCEL_GRACE) => Err(HostError::CutOff(Error::of(Code::Cancelled))),
        }
    }

    /// The call took effect: the outcome goes behind, unless no receipt could rebuild it.
    pub(super) async fn applied(&self, admitted: &Admitted, reply: HostReply) -> Result<Reply> {
        let (call, receipt) = (&admitted.call, reply.receipt);
        self.inner.files.settle(call.id, true).await;
        let undoable = reply.undoable && self.is_undoable(admitted, &reply.changes);
        let reply = Reply { undoable, ..answer(call, reply) };
        let draft = Draft::outcome(call, admitted.node.id, self.inner.env.now(), Status::Ok);
        let mut draft = draft.duration(self.since(admitted));
        if !reply.changes.is_empty() {
            draft = draft.payload(&self.changes_for_record(&reply.changes));
        }
        let keyed = call.idempotency_key.is_some() || admitted.followed;
        let kept = keyed.then(|| self.kept(&reply)).flatten();
        self.inner.log.outcome(draft, kept).await;
        if !receipt && admitted.changes() {
            self.inner.log.flush().await?;
        }
        self.announce(call, &reply.changes);
        Ok(self.shown(&call.actor, &call.path, reply))
    }

    /// The reply as its caller may see it: changes of paths that the caller may not read are left out.
    pub(super) fn shown(&self, actor: &Actor, path: &ResourcePath, mut reply: Reply) -> Reply {
        if reply.changes.iter().any(|change| change.path != *path) {
            let tree = self.inner.tree.snapshot();
            reply.changes.retain(|change| change.path == *path || self.may_read(&tree, actor, &change.path));
        }
        reply
    }

    pub(super) fn may_read(&self, tree: &Snapshot, actor: &Actor, path: &ResourcePath) -> bool {
        tree.get(path)
            .is_some_and(|node| self.inner.access.rights(actor, &node.chain, path).contains(Right::Read))
    }

    pub(super) async fn failed(&self, admitted: &Admitted, status: Status, error: &Error) {
        // What may have taken effect may have told somebody of its files.
        self.inner.files.settle(admitted.call.id, status == Status::Unknown).await;
        let draft = Draft::outcome(&admitted.call, admitted.node.id, self.inner.env.now(), status);
        let draft = draft.code(Some(error.code)).duration(self.since(admitted));
        let known = admitted.followed && status != Status::Unknown;
        let kept = known.then(|| serde_json::to_string(error).ok()).flatten().map(Arc::from);
        self.inner.log.outcome(draft, kept).await;
    }

    pub(super) fn since(&self, admitted: &Admitted) -> Duration {
        self.inner.env.clock.monotonic().saturating_sub(admitted.started)
    }

    /// The changed rows as the log may show them, or their count and digest when they are many.
    pub(super) fn changes_for_record(&self, changes: &[Change]) -> Value {
        let redacted = self.redacted(changes);
        if changes.len() <= MAX_RECORD_ROWS {
            return serde_json::to_value(redacted).unwrap_or(Value::Null);
        }
        serde_json::json!({ "omitted": { "rows": changes.len(), "sha256": digest(&redacted) } })
    }

    /// The changed rows without what their schema calls sensitive.
    fn redacted(&self, changes: &[Change]) -> Vec<Change> {
        let tree = self.inner.tree.snapshot();
        let redacted = changes.iter().map(|change| {
            let function = tree.get(&change.path).and_then(|node| self.inner.mounts.function(node));
            let Some(schema) = function.as_ref().and_then(|function| function.sensitive_row()) else {
                return change.clone();
            };
            let side = |side: &Option<Value>| {
                side.as_ref().map(|value| super::redact::redact(schema, value).into_owned())
            };
            Change { old: side(&change.old), new: side(&change.new), ..change.clone() }
        });
        redacted.collect()
    }

    /// A reply as it is kept for whoever repeats the call, when it is not too large.
    pub(super) fn kept(&self, reply: &Reply) -> Option<Arc<str>> {
        let kept = Reply { changes: self.redacted(&reply.changes), ..reply.clone() };
        serde_json::to_string(&kept).ok().filter(|text| text.len() <= MAX_KEPT_REPLY).map(Arc::from)
    }

    pub(super) fn announce(&self, call: &Call, changes: &[Change]) {
        if is_transfer(call) {
            return self.inner.events.publish(EventBody::Access { path: None });
        }
        if self.inner.added.has(&call.path, &call.action) {
            // It changes something of the workspace, perhaps its nodes too; those have no rows.
            let (rows, nodes): (Vec<Change>, Vec<Change>) =
                changes.iter().cloned().partition(|change| change.row.is_some());
            if !nodes.is_empty() {
                self.inner.events.publish(EventBody::Tree { path: call.path.clone() });
                self.inner.events.publish(EventBody::Access { path: Some(call.path.clone()) });
            }
            return self.announce_rows(call, &rows);
        }
        let files = is_about_files(&call.action);
        if !files && (call.path.kind().is_none() || is_about_access(&call.action)) {
            return self.announce_tree(changes);
        }
        self.announce_rows(call, changes);
    }

    fn announce_rows(&self, call: &Call, changes: &[Change]) {
        let mut paths: Vec<&ResourcePath> = changes.iter().map(|change| &change.path).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            let of_path = changes.iter().filter(|change| change.path == *path);
            let rows: Vec<String> =
                of_path.filter_map(|change| change.row.clone()).take(MAX_EVENT_ROWS + 1).collect();
            let rows = if rows.len() > MAX_EVENT_ROWS { Vec::new() } else { rows };
            let (action, id) = (call.action.clone(), call.id);
            self.inner.events.publish(EventBody::Change { path: path.clone(), action, call: id, rows });
        }
    }

    /// The first change is the top of what changed; after a move both places are told.
    fn announce_tree(&self, changes: &[Change]) {
        let Some(top) = changes.first() else { return };
        let moved = top.new.as_ref().and_then(|new| new.get("path")).and_then(Value::as_str);
        let moved = moved.and_then(|path| path.parse().ok());
        for path in [Some(top.path.clone()), moved].into_iter().flatten() {
            self.inner.events.publish(EventBody::Tree { path: path.clone() });
            self.inner.events.publish(EventBody::Access { path: Some(path) });
        }
    }
}

pub(super) fn answer(call: &Call, reply: HostReply) -> Reply {
    let HostReply { output, changes, .. } = reply;
    let diff_hash = call.dry_run.then(|| digest(&changes));
    Reply { call: call.id, output, changes, dry_run: call.dry_run, undoable: false, diff_hash }
}

fn digest(changes: &[Change]) -> String {
    hash_payload(&serde_json::to_string(changes).unwrap_or_default())
}

/// A key counts for one actor, one path and one action, with an input that is the same but for what nobody may read: not
/// even a hash is kept of that.
fn key_of(call: &Call, input: &Value) -> Option<Key> {
    let key = call.idempotency_key.as_ref()?;
    let actor = call.actor.id.map(|id| id.to_string()).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [actor.as_str(), call.path.as_str(), call.action.as_str(), key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(Key { scope: hex(&hash.finalize()), input_hash: hash_payload(&json::canonical(input)) })
}

/// The answer to a call whose key was used before.
fn repeated(earlier: &Earlier, key: Option<&Key>) -> Result<Reply> {
    if key.is_some_and(|key| key.input_hash != earlier.input_hash) {
        return Err(Error::of(Code::IdempotencyConflict));
    }
    match &earlier.reply {
        Kept::Running => Err(Error::of(Code::InProgress)),
        Kept::Unknown => Err(Error::of(Code::OutcomeUnknown)),
        Kept::Nothing => Ok(without_reply(earlier.call)),
        Kept::Reply(reply) => serde_json::from_str(reply).map_err(Error::internal),
    }
}

/// The first call took effect, and its reply was too large to keep.
fn without_reply(call: CallId) -> Reply {
    let output: Arc<RawValue> = RawValue::NULL.to_owned().into();
    Reply { call, output, changes: Vec::new(), dry_run: false, undoable: false, diff_hash: None }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
