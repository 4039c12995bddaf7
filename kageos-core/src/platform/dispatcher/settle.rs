//! What becomes of a call that was cut off: its receipt tells, nobody guesses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json, value::RawValue};

use super::{Admitted, Dispatcher, is_about_access};
use crate::host::{Host, HostReply, Receipt};
use crate::platform::files::is_about_files;
use crate::platform::oplog::{Draft, Header, OpenIntent, Status};
use crate::{Call, CallId, Code, Error, Reply, Result};

/// Pauses before questions for the receipt of a call whose host may still be committing.
pub(super) const MAY_STILL_COMMIT: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(10)];
/// The same when the host has ended: one question is enough.
pub(super) const HAS_ENDED: [Duration; 1] = [Duration::ZERO];

/// Pauses before questions for the receipt of a call whose host was out of reach all that time: for two minutes often, then
/// for a day.
fn out_of_reach() -> impl Iterator<Item = Duration> {
    let often = std::iter::repeat_n(Duration::from_secs(5), 24);
    often.chain(std::iter::repeat_n(Duration::from_secs(60), 24 * 60))
}

/// What the host of a call that was cut off says.
enum Said {
    /// What became of the call.
    Settled(Result<Reply>),
    /// There is no receipt yet.
    Nothing,
    OutOfReach,
}

impl Dispatcher {
    /// Asks for the receipt until it is there or the host has surely given up.
    pub(super) async fn cut_off(
        &self,
        admitted: Admitted,
        error: Error,
        pauses: &[Duration],
    ) -> Result<Reply> {
        if !admitted.changes() {
            // There is nothing to be found out.
            self.failed(&admitted, Status::Failed, &error).await;
            return Err(error);
        }
        let mut said = Said::OutOfReach;
        for (at, pause) in pauses.iter().enumerate() {
            tokio::time::sleep(*pause).await;
            said = self.ask(&admitted, &error, at + 1 == pauses.len()).await;
            if matches!(said, Said::Settled(_)) {
                break;
            }
        }
        let Said::Settled(settled) = said else {
            // The intent stays open. Whoever waits is told so.
            let unknown = Error::of(Code::OutcomeUnknown).caused_by(error.clone());
            admitted.place.leave();
            tokio::spawn(self.clone().ask_later(admitted, error));
            return Err(unknown);
        };
        settled
    }

    /// Asks again, for as long as the host is out of reach; after a day the next start does.
    async fn ask_later(self, mut admitted: Admitted, error: Error) {
        for pause in out_of_reach() {
            tokio::time::sleep(pause).await;
            // The rows may be another host's by now.
            if self.is_of_app(&admitted.call)
                && let Some(host) = self.inner.mounts.host(&admitted.node.chain)
            {
                admitted.host = host;
            }
            if matches!(self.ask(&admitted, &error, true).await, Said::Settled(_)) {
                return;
            }
        }
    }

    /// Asks for the receipt; the `last` question takes its place, so that nothing is applied any more.
    async fn ask(&self, admitted: &Admitted, error: &Error, last: bool) -> Said {
        let (host, call) = (&admitted.host, admitted.call.id);
        let lost = match if last { host.fence(call).await } else { host.receipt(call).await } {
            Ok(Some(receipt)) => {
                if admitted.call.path.kind().is_none() {
                    self.inner.tree.refresh_soon().await;
                }
                return Said::Settled(self.applied(admitted, rebuilt(receipt)).await);
            }
            Ok(None) if last => false,
            Err(gone) if last && gone.code == Code::OutcomeUnknown => true,
            Ok(None) => return Said::Nothing,
            // Perhaps not for long.
            Err(_) => return Said::OutOfReach,
        };
        let external = admitted.action().is_some_and(|action| action.schema().effect.effects.external);
        let acted = external && (!admitted.host.is_sealed() || admitted.place.acted_outside());
        let unknown = acted || lost;
        let status = if unknown { Status::Unknown } else { Status::NotApplied };
        self.failed(admitted, status, error).await;
        Said::Settled(Err(match unknown {
            true => Error::of(Code::OutcomeUnknown).caused_by(error.clone()),
            false => error.clone(),
        }))
    }

    /// Settles what processes that have ended left open. Answers how many intents that were; those whose host is not
    /// here stay open. Servers may do so at the same time: of their outcomes one counts.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn recover(&self) -> Result<usize> {
        self.inner.log.fence_ended().await?;
        self.settle_ended().await
    }

    /// The same for those that were found to have ended before.
    pub(in crate::platform) async fn settle_ended(&self) -> Result<usize> {
        let mut settled = 0;
        let mut after = None;
        loop {
            let open = self.inner.log.left_open(after.as_ref()).await?;
            for intent in &open {
                settled += usize::from(self.recover_one(intent).await?);
            }
            let Some(last) = open.into_iter().next_back() else { break };
            after = Some(last);
        }
        self.inner.log.flush().await?;
        Ok(settled)
    }

    /// Whether the intent could be settled.
    async fn recover_one(&self, intent: &OpenIntent) -> Result<bool> {
        let header = &intent.header;
        let Some(host) = self.host_of(header) else { return Ok(false) };
        let (receipt, lost) = match host.fence(header.call).await {
            Ok(receipt) => (receipt, false),
            Err(gone) if gone.code == Code::OutcomeUnknown => (None, true),
            Err(_) => return Ok(false),
        };
        let unknown = lost || self.is_external(header);
        let now = self.inner.env.now();
        let receipt_reply = receipt.as_ref().map(|receipt| Reply {
            call: header.call,
            output: receipt.output.clone().unwrap_or_else(null),
            changes: receipt.changes.clone(),
            dry_run: false,
            undoable: false,
            diff_hash: None,
        });
        let took_effect = receipt.is_some() || unknown;
        self.inner.files.settle_any(header.call, took_effect).await;
        let draft = match receipt {
            Some(receipt) => {
                let draft = Draft::recovered(header, now, Status::Ok);
                self.receipt_for_record(&receipt).iter().fold(draft, Draft::payload)
            }
            None if unknown => Draft::recovered(header, now, Status::Unknown),
            None => Draft::recovered(header, now, Status::NotApplied),
        };
        tracing::info!(call = %header.call, status = draft.header().status.as_str(), "a call of an earlier process is settled");
        let kept = receipt_reply.as_ref().and_then(|reply| self.kept(reply));
        self.inner.log.outcome(draft, kept).await;
        Ok(true)
    }

    /// What a receipt says was changed, or that it was too much to keep.
    fn receipt_for_record(&self, receipt: &Receipt) -> Option<Value> {
        match &receipt.omitted {
            Some(omitted) => Some(json!({ "omitted": omitted })),
            None => (!receipt.changes.is_empty()).then(|| self.changes_for_record(&receipt.changes)),
        }
    }

    /// Whether a call is the app's, and not the platform's own.
    fn is_of_app(&self, call: &Call) -> bool {
        let action = &call.action;
        call.path.kind().is_some() && !is_about_files(action) && !is_about_access(action)
    }

    /// The host of the workspace as it was called then, wherever it lies now.
    fn host_of(&self, header: &Header) -> Option<Arc<dyn Host>> {
        if is_about_files(&header.action) {
            return Some(Arc::clone(&self.inner.file_host));
        }
        if header.path.kind().is_none() || is_about_access(&header.action) {
            return Some(Arc::clone(&self.inner.directory_host));
        }
        let tree = self.inner.tree.snapshot();
        let node = header.node.and_then(|id| tree.by_id(id)).or_else(|| tree.get(&header.path));
        let workspace = || header.path.workspace().and_then(|path| tree.get(&path).cloned());
        let chain = node
            .map(|node| Arc::clone(&node.chain))
            .or_else(|| workspace().map(|node| Arc::clone(&node.chain)))?;
        self.inner.mounts.host(&chain)
    }

    fn is_external(&self, header: &Header) -> bool {
        let tree = self.inner.tree.snapshot();
        let function =
            header.node.and_then(|id| tree.by_id(id)).and_then(|node| self.inner.mounts.function(node));
        let effects = function.and_then(|function| {
            function.action(&header.action).map(|action| action.schema().effect.effects)
        });
        effects.is_some_and(|effects| effects.external)
    }

    /// Whether a call still runs or waits to be settled.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn is_pending(&self, call: CallId) -> Result<bool> {
        Ok(self.inner.log.is_pending(call).await?)
    }
}

fn rebuilt(receipt: Receipt) -> HostReply {
    let undoable = receipt.omitted.is_none();
    let output = receipt.output.unwrap_or_else(null);
    HostReply { output, changes: receipt.changes, receipt: true, undoable }
}

fn null() -> Arc<RawValue> {
    RawValue::NULL.to_owned().into()
}
