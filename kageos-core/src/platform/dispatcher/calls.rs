//! Calls about calls: one that runs on after the answer, what has become of it, and its end before its time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::run::{Begun, answer};
use super::{Admitted, Dispatcher};
use crate::bus::EventBody;
use crate::host::{HostReply, Progress};
use crate::platform::oplog::{Activity, Draft, Status};
use crate::{
    ActionName, ActionSchema, Actor, ActorKind, Call, CallId, Code, Effect, Effects, Error, Reply,
    ResourcePath, Result, Right, Timestamp,
};

/// What became of a call by now.
#[derive(Debug, Clone)]
pub struct CallState {
    /// The call.
    pub call: CallId,
    /// What was called, where it lies now.
    pub path: ResourcePath,
    /// What was asked.
    pub action: ActionName,
    /// The trace's id.
    pub trace: String,
    /// When it came.
    pub at: Timestamp,
    /// How it stands.
    pub status: Status,
    /// How long it took, in milliseconds, once it has ended.
    pub duration_ms: Option<f64>,
    /// How far it has come, when it runs in this process and has said so.
    pub progress: Option<Progress>,
    /// What it gave, for who called, when it took effect and was followed; at most for a day, and not when it was large.
    pub reply: Option<Reply>,
    /// Why it failed or was refused.
    pub error: Option<Error>,
}

/// A call that was let in.
#[derive(Debug)]
pub enum Started {
    /// It has ended.
    Ended(Reply),
    /// It runs on.
    Running(Box<CallState>),
}

impl Dispatcher {
    /// Calls and waits for the end, at most for `wait`; then the call runs on, and [`Dispatcher::state`] tells of it. Its
    /// intent is on disk before. A dry run is waited for.
    ///
    /// # Errors
    /// What the door refuses, and of a call that has ended its failure.
    pub async fn start(&self, call: Call, wait: Duration) -> Result<Started> {
        let call = Arc::new(call);
        let admitted = self.enter(&call).await?;
        if call.dry_run || call.action == ActionName::CANCEL {
            return self.finish(admitted).await.map(Started::Ended);
        }
        let admitted = Admitted { followed: true, ..admitted };
        let (id, path, action) = (call.id, call.path.clone(), call.action.clone());
        let (trace, at) = (call.trace.id(), self.inner.env.now());
        let (this, (told, begun)) = (self.clone(), oneshot::channel());
        let mut runs: JoinHandle<Result<Reply>> = tokio::spawn(async move {
            match this.begin(admitted).await? {
                Begun::Repeated(reply) => Ok(reply),
                Begun::Goes(admitted) => {
                    let _ = told.send(());
                    this.go_on(admitted).await
                }
            }
        });
        // Without that word the call did not begin, and says why at once.
        let wait = if begun.await.is_ok() { wait } else { Duration::MAX };
        if let Ok(ended) = tokio::time::timeout(wait, &mut runs).await {
            let cut_off = |error| Error::of(Code::OutcomeUnknown).caused_by(error);
            return ended.map_err(cut_off)?.map(Started::Ended);
        }
        let progress = self.inner.running.progress(id);
        let (status, duration_ms, reply, error) = (Status::Pending, None, None, None);
        Ok(Started::Running(Box::new(CallState {
            call: id,
            path,
            action,
            trace,
            at,
            status,
            duration_ms,
            progress,
            reply,
            error,
        })))
    }

    /// What became of a call: for who called, and for the admins of its path.
    ///
    /// # Errors
    /// [`Code::NotFound`], or what the database answers.
    pub async fn state(&self, actor: &Actor, call: CallId) -> Result<CallState> {
        let (entry, kept) = self.inner.log.call(call).await?.ok_or_else(|| Error::of(Code::NotFound))?;
        let path = self.where_it_is(&entry);
        let own = self.may_follow(actor, &entry, &path)?;
        let failed = || entry.code.map(Error::of);
        let kept = kept.filter(|_| own);
        let (reply, error) = match entry.status {
            Status::Ok => (kept.and_then(|kept| serde_json::from_str(&kept).ok()), None),
            Status::Pending => (None, None),
            _ => (None, kept.and_then(|kept| serde_json::from_str(&kept).ok()).or_else(failed)),
        };
        let reply = reply.map(|reply| self.shown(actor, &path, reply));
        let progress = (entry.status == Status::Pending).then(|| self.inner.running.progress(call)).flatten();
        Ok(CallState {
            call,
            path,
            action: entry.action,
            trace: entry.trace,
            at: entry.at,
            status: entry.status,
            duration_ms: entry.duration_ms,
            progress,
            reply,
            error,
        })
    }

    /// The path of a call about another one, for [`ActionName::UNDO`] and [`ActionName::CANCEL`]: where that one was
    /// made, wherever it lies now, or what is left above it.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the actor may not know of the call, or what the database answers.
    pub async fn path_of(&self, actor: &Actor, call: CallId) -> Result<ResourcePath> {
        let (entry, _) = self.inner.log.call(call).await?.ok_or_else(|| Error::of(Code::NotFound))?;
        let path = self.where_it_is(&entry);
        let tree = self.inner.tree.snapshot();
        let node = tree.get(&path).ok_or_else(|| Error::of(Code::NotFound))?;
        self.inner.access.check(actor, Right::Read, &node.chain, &node.path)?;
        Ok(path)
    }

    /// The path of the node that was called, wherever it lies now; when it is gone, what is left above it.
    pub(super) fn where_it_is(&self, entry: &Activity) -> ResourcePath {
        let tree = self.inner.tree.snapshot();
        if let Some(node) = entry.node.and_then(|id| tree.by_id(id)) {
            return node.path.clone();
        }
        let mut path = Some(entry.path.clone());
        while let Some(here) = path {
            if tree.get(&here).is_some() {
                return here;
            }
            path = here.parent();
        }
        entry.path.clone()
    }

    /// Whether it was the actor who called; an admin of the path may follow the call too.
    fn may_follow(&self, actor: &Actor, entry: &Activity, path: &ResourcePath) -> Result<bool> {
        let tree = self.inner.tree.snapshot();
        let node = tree.get(path).ok_or_else(|| Error::of(Code::NotFound))?;
        let rights = self.inner.access.rights(actor, &node.chain, &node.path);
        let own = entry.actor.id == actor.id && (actor.id.is_some() || actor.kind == ActorKind::System);
        if rights.contains(Right::Read) && (own || rights.contains(Right::Admin)) {
            return Ok(own);
        }
        Err(Error::of(Code::NotFound))
    }

    /// Tells a running call to end, wherever it runs. It may still take effect: its own record says how it ended.
    pub(super) async fn cancel(&self, admitted: &Admitted) -> Result<Reply> {
        let call = &admitted.call;
        let named = named_call(&call.input)?;
        let done = self.tell_to_end(call, named).await;
        let (status, code) = match &done {
            Ok(()) => (Status::Ok, None),
            Err(error) => (Status::Failed, Some(error.code)),
        };
        let draft = Draft::settled(call, Some(admitted.node.id), self.inner.env.now(), status);
        let draft = draft.code(code).duration(self.since(admitted)).payload(&call.input);
        self.inner.log.settled(draft).await;
        done?;
        let output = serde_json::value::to_raw_value(&json!({})).map_err(Error::internal)?.into();
        Ok(answer(call, HostReply::read(output)))
    }

    async fn tell_to_end(&self, call: &Call, named: CallId) -> Result<()> {
        let state = self.state(&call.actor, named).await?;
        if state.status != Status::Pending {
            return Err(Error::new(Code::Conflict, "The call has ended already."));
        }
        if !self.inner.running.cancel(named) {
            self.inner.events.publish(EventBody::Cancel { call: named });
        }
        Ok(())
    }
}

/// Whether an action is about another call, whatever was called.
pub(super) fn is_about_calls(action: &ActionName) -> bool {
    *action == ActionName::UNDO || *action == ActionName::CANCEL
}

/// The call that an input names.
pub(super) fn named_call(input: &Value) -> Result<CallId> {
    let named = input.get("call").and_then(Value::as_str).and_then(|text| text.parse().ok());
    named.ok_or_else(|| Error::field("/call", "schema", "This is not the id of a call."))
}

/// The schemas of the actions about calls. Which rights they need depends on the call that they name.
pub(super) fn call_actions() -> Vec<ActionSchema> {
    let action = |name: ActionName, title: &str, effects, effect: fn(Effect) -> Effect| ActionSchema {
        name,
        title: title.to_owned(),
        right: Right::Read,
        effect: effect(Effect::of(effects)),
        input: json!({
            "type": "object",
            "properties": { "call": { "type": "string", "pattern": "^[0-9a-z]{26}$", "title": "Call" } },
            "required": ["call"],
            "additionalProperties": false,
        }),
        output: json!({ "type": "object" }),
    };
    let changes = Effects { creates: true, updates: true, deletes: true, ..Effects::default() };
    vec![
        action(ActionName::UNDO, "Undo", changes, |effect| effect),
        action(ActionName::CANCEL, "Cancel", Effects::READS, |effect| Effect {
            idempotent: true,
            dry_run: false,
            ..effect
        }),
    ]
}
