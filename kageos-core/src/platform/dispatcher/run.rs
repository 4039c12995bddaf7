//! Steps four to seven: record, run, record, announce.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, JoinHandle};

use super::{Admitted, Dispatcher, settle};
use crate::bus::EventBody;
use crate::host::{CallControl, HostCall, HostError, HostReply, Progress};
use crate::platform::oplog::{Draft, Earlier, Key, Status, hash_payload, hex};
use crate::{Call, CallId, Change, Code, Error, Reply, ResourcePath, Result};

/// How much longer than its deadline a host is waited for: it ends the call itself, and commits what is in flight.
const GRACE: Duration = Duration::from_secs(5);
/// Most changed rows that an event names; with more, listeners refetch.
const MAX_EVENT_ROWS: usize = 100;
/// Most changed rows that a record shows.
const MAX_RECORD_ROWS: usize = 100;
/// Longest reply that is kept for a repetition with the same idempotency key, in bytes.
const MAX_KEPT_REPLY: usize = 64 * 1024;

impl Dispatcher {
    /// A call that changes nothing: one record, written behind.
    pub(super) async fn read(&self, admitted: Admitted) -> Result<Reply> {
        let done = self.run(&admitted).await.map_err(HostError::into_error);
        let (status, code) = match &done {
            Ok(_) => (Status::Ok, None),
            Err(error) => (Status::Failed, Some(error.code)),
        };
        let call = &admitted.call;
        let draft = Draft::settled(call, Some(admitted.node.id), self.inner.env.now(), status);
        self.inner.log.settled(draft.code(code).duration(self.since(&admitted))).await;
        done.map(|reply| answer(call, reply))
    }

    /// A call that may change something: intent, run, outcome, event.
    pub(super) async fn change(&self, admitted: Admitted) -> Result<Reply> {
        let call = &admitted.call;
        let key = key_of(call);
        let input = admitted.action().map(|action| action.redacted(&call.input));
        let input = input.as_deref().unwrap_or(&Value::Null);
        let intent = Draft::intent(call, admitted.node.id, self.inner.env.now(), input);
        if let Err(earlier) = self.inner.log.intent(intent, key.clone()).await? {
            return repeated(&earlier, key.as_ref());
        }
        match self.run(&admitted).await {
            Ok(reply) => self.applied(&admitted, reply, key).await,
            Err(HostError::Refused(error)) => {
                self.failed(&admitted, Status::Failed, error.code, key).await;
                Err(error)
            }
            Err(HostError::CutOff(error)) => {
                self.cut_off(admitted, error, key, &settle::MAY_STILL_COMMIT).await
            }
            Err(HostError::Ended(error)) => self.cut_off(admitted, error, key, &settle::HAS_ENDED).await,
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
            control: Arc::new(Announce { dispatcher: self.clone(), call: call.id, path: call.path.clone() }),
        };
        let host = Arc::clone(&admitted.host);
        let run = tokio::spawn(async move { host.call(host_call).await });
        match tokio::time::timeout(admitted.timeout + GRACE, AbortOnDrop(run)).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => Err(HostError::Ended(Error::internal(panic))),
            Err(_) => Err(HostError::CutOff(Error::of(Code::DeadlineExceeded))),
        }
    }

    /// The call took effect: the outcome goes behind, unless no receipt could rebuild it.
    pub(super) async fn applied(
        &self,
        admitted: &Admitted,
        reply: HostReply,
        key: Option<Key>,
    ) -> Result<Reply> {
        let (call, receipt) = (&admitted.call, reply.receipt);
        let reply = answer(call, reply);
        let draft = Draft::outcome(call, admitted.node.id, self.inner.env.now(), Status::Ok);
        let mut draft = draft.duration(self.since(admitted));
        if !reply.changes.is_empty() {
            draft = draft.payload(&self.changes_for_record(&reply.changes));
        }
        let kept = key.as_ref().and_then(|_| kept(&reply));
        self.inner.log.outcome(draft, key, kept).await;
        if !receipt {
            self.inner.log.flush().await?;
        }
        self.announce(call, &reply.changes);
        Ok(reply)
    }

    pub(super) async fn failed(&self, admitted: &Admitted, status: Status, code: Code, key: Option<Key>) {
        let draft = Draft::outcome(&admitted.call, admitted.node.id, self.inner.env.now(), status);
        let draft = draft.code(Some(code)).duration(self.since(admitted));
        self.inner.log.outcome(draft, key, None).await;
    }

    fn since(&self, admitted: &Admitted) -> Duration {
        self.inner.env.clock.monotonic().saturating_sub(admitted.started)
    }

    /// The changed rows as the log may show them, or their count and digest when they are many.
    pub(super) fn changes_for_record(&self, changes: &[Change]) -> Value {
        let tree = self.inner.tree.snapshot();
        let redacted = changes.iter().map(|change| {
            let function = tree.get(&change.path).and_then(|node| self.inner.mounts.function(node));
            match function.as_ref().and_then(|function| function.sensitive_row()) {
                None => change.clone(),
                Some(schema) => {
                    let side = |side: &Option<Value>| {
                        side.as_ref().map(|value| super::redact::redact(schema, value).into_owned())
                    };
                    Change { old: side(&change.old), new: side(&change.new), ..change.clone() }
                }
            }
        });
        if changes.len() <= MAX_RECORD_ROWS {
            return serde_json::to_value(redacted.collect::<Vec<_>>()).unwrap_or(Value::Null);
        }
        let digest = digest(&redacted.collect::<Vec<_>>());
        serde_json::json!({ "omitted": { "rows": changes.len(), "sha256": digest } })
    }

    pub(super) fn announce(&self, call: &Call, changes: &[Change]) {
        let mut paths: Vec<&ResourcePath> = changes.iter().map(|change| &change.path).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            if path.kind().is_none() {
                self.inner.events.publish(EventBody::Tree { path: path.clone() });
                self.inner.events.publish(EventBody::Access { path: Some(path.clone()) });
                continue;
            }
            let of_path = changes.iter().filter(|change| change.path == *path);
            let rows: Vec<String> =
                of_path.filter_map(|change| change.row.clone()).take(MAX_EVENT_ROWS + 1).collect();
            let rows = if rows.len() > MAX_EVENT_ROWS { Vec::new() } else { rows };
            let (action, id) = (call.action.clone(), call.id);
            self.inner.events.publish(EventBody::Change { path: path.clone(), action, call: id, rows });
        }
    }
}

fn answer(call: &Call, reply: HostReply) -> Reply {
    let diff_hash = call.dry_run.then(|| digest(&reply.changes));
    Reply { call: call.id, output: reply.output, changes: reply.changes, dry_run: call.dry_run, diff_hash }
}

fn digest(changes: &[Change]) -> String {
    hash_payload(&serde_json::to_string(changes).unwrap_or_default())
}

/// A key counts for one actor, one path and one action.
fn key_of(call: &Call) -> Option<Key> {
    let key = call.idempotency_key.as_ref()?;
    let actor = call.actor.id.map(|id| id.to_string()).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [actor.as_str(), call.path.as_str(), call.action.as_str(), key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(Key { scope: hex(&hash.finalize()), input_hash: hash_payload(&call.input.to_string()) })
}

/// A reply as it is kept for a repetition.
pub(super) fn kept(reply: &Reply) -> Option<Arc<str>> {
    let text = serde_json::to_string(reply).ok()?;
    Some(if text.len() <= MAX_KEPT_REPLY { text.into() } else { "null".into() })
}

/// The answer to a call whose key was used before.
fn repeated(earlier: &Earlier, key: Option<&Key>) -> Result<Reply> {
    if key.is_some_and(|key| key.input_hash != earlier.input_hash) {
        return Err(Error::of(Code::IdempotencyConflict));
    }
    let Some(reply) = &earlier.reply else { return Err(Error::of(Code::InProgress)) };
    let kept: Option<Reply> = serde_json::from_str(reply).map_err(Error::internal)?;
    kept.map_or_else(|| Ok(without_reply(earlier.call)), Ok)
}

/// The first call took effect, and its reply was too large to keep.
fn without_reply(call: CallId) -> Reply {
    let output: Arc<RawValue> = RawValue::NULL.to_owned().into();
    Reply { call, output, changes: Vec::new(), dry_run: false, diff_hash: None }
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

/// Passes on how far a call has come.
#[derive(Debug)]
struct Announce {
    dispatcher: Dispatcher,
    call: CallId,
    path: ResourcePath,
}

impl CallControl for Announce {
    fn report(&self, progress: Progress) {
        let (path, call) = (self.path.clone(), self.call);
        self.dispatcher.inner.events.publish(EventBody::Progress { path, call, progress });
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}
