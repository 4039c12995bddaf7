//! The action `transfer` of `/system`: what somebody holds becomes somebody else's.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{DirectoryHost, Node, Snapshot, came_between, store};
use crate::host::{HostCall, HostError, HostReply, Receipt};
use crate::platform::access::{self, Access, Grant, Principal, right_to_grant};
use crate::platform::handover::{Fate, Handover, Item, Participant};
use crate::platform::oplog::hash_payload;
use crate::sql::{SqlError, Tx};
use crate::{Actor, Call, Change, ChangeOp, Code, Error, Result, UserId};

/// Where people and what they hold are administered.
const PLACE: &str = "/system";
/// The action.
pub(super) const TRANSFER: &str = "transfer";
/// Most things that one call hands over; more than that were made by a program, which can hand them over in parts.
const MAX_ITEMS: usize = 5_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    from: UserId,
    to: UserId,
    #[serde(default)]
    end_tokens: bool,
}

/// Whether a call hands something over.
pub(in super::super) fn is_transfer(call: &Call) -> bool {
    call.action.as_str() == TRANSFER && call.path.as_str() == PLACE
}

/// Whether somebody hands over what is their own: that needs no right on the place, only on each thing.
pub(in super::super) fn is_own_transfer(call: &Call) -> bool {
    let from = call.input.get("from").and_then(serde_json::Value::as_str).and_then(|id| id.parse().ok());
    is_transfer(call) && is_in_person(&call.actor) && call.actor.id.is_some() && call.actor.id == from
}

/// Whether no token and no app stands between the person and the call.
fn is_in_person(actor: &Actor) -> bool {
    actor.scope.is_none() && actor.app.is_none()
}

/// Everything that the unit needs.
struct Work {
    handover: Handover,
    call: HostCall,
    tree: Arc<Snapshot>,
    access: Access,
    everything: bool,
    participants: Arc<Vec<Arc<dyn Participant>>>,
}

/// What was done.
struct Done {
    output: Arc<RawValue>,
    changes: Vec<Change>,
}

/// Why the unit ended without being kept.
enum Stop {
    /// It was only tried.
    DryRun(Done),
    /// Something cannot be handed over.
    Refused(Error),
    /// The database did not take the transaction.
    Database(SqlError),
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl DirectoryHost {
    /// Runs the action. A dry run is the preview.
    pub(super) async fn transfer(&self, call: &HostCall) -> Result<HostReply, HostError> {
        let work = self.work(call)?;
        let (participants, handover) = (Arc::clone(&work.participants), work.handover);
        let done = self.tree.db.write_with(work, |work, tx| Box::pin(work.run(tx))).await;
        let Done { output, changes } = match done {
            Ok(done) => {
                self.tree.refresh_soon().await;
                participants.iter().for_each(|one| one.handed_over(&handover));
                done
            }
            Err(Stop::DryRun(done)) => done,
            Err(Stop::Refused(error)) => return Err(error.into()),
            Err(Stop::Database(error @ SqlError::ConnectionLost { .. })) => {
                return Err(HostError::CutOff(error.into()));
            }
            Err(Stop::Database(error)) => return Err(came_between(error).into()),
        };
        Ok(HostReply::applied(output, changes, call.dry_run))
    }

    fn work(&self, call: &HostCall) -> Result<Work> {
        if call.path.as_str() != PLACE {
            return Err(Error::of(Code::UnknownAction));
        }
        if !is_in_person(&call.actor) {
            return Err(Error::new(
                Code::Forbidden,
                "This needs a login; no token and no app does it for you.",
            ));
        }
        let input: Input = serde_json::from_slice(&call.input)
            .map_err(|error| Error::field("", "schema", error.to_string()))?;
        let access = self.tree.access.clone();
        let everything =
            matches!(access.snapshot().principal(&call.actor), Principal::Admin | Principal::Platform);
        if !everything && call.actor.id != Some(input.from) {
            return Err(Error::of(Code::Forbidden));
        }
        if input.from == input.to {
            return Err(Error::field("/to", "same", "somebody else has to take it over"));
        }
        let Input { from, to, end_tokens } = input;
        let handover = Handover { from, to, end_tokens, at: self.tree.env.now() };
        let (tree, participants) = (self.tree.snapshot(), self.tree.participants.all());
        Ok(Work { handover, call: call.clone(), tree, access, everything, participants })
    }
}

impl Work {
    async fn run(&self, tx: &mut Tx) -> std::result::Result<Done, Stop> {
        let Handover { from, to, at, .. } = self.handover;
        let may = |grant: &Grant| self.may_hand(grant);
        let grants = access::store::transfer(tx, from, to, at, &may).await?;
        let mut items: Vec<Item> = grants.iter().map(|(grant, goes)| self.item(grant, *goes)).collect();
        for participant in self.participants.iter() {
            items.extend(participant.hand_over(tx, &self.handover).await?);
        }
        if items.len() > MAX_ITEMS {
            let message = format!("{} things at once are too many; {MAX_ITEMS} is the most.", items.len());
            return Err(Error::new(Code::PayloadTooLarge, message).into());
        }
        let changes = items.iter().filter(|item| item.fate != Fate::Kept).map(|item| self.change(item));
        let changes: Vec<Change> = changes.collect();
        let text = json!({ "from": from, "to": to, "items": items }).to_string();
        let output: Arc<RawValue> = RawValue::from_string(text).map_err(Error::internal)?.into();
        store::write_receipt(tx, &self.receipt(&output, &changes)).await?;
        let done = Done { output, changes };
        if self.call.dry_run { Err(Stop::DryRun(done)) } else { Ok(done) }
    }

    /// Nobody gives what they could not grant.
    fn may_hand(&self, grant: &Grant) -> bool {
        let right = right_to_grant(grant.role, grant.deny);
        let rights = |node: &Arc<Node>| self.access.rights(&self.call.actor, &node.chain, &node.path);
        self.everything || self.tree.by_id(grant.node).is_some_and(|node| rights(node).contains(right))
    }

    fn item(&self, grant: &Grant, goes: bool) -> Item {
        Item {
            kind: if grant.deny { "denial" } else { "grant" }.to_owned(),
            path: self.tree.by_id(grant.node).map(|node| node.path.clone()),
            name: grant.role.as_str().to_owned(),
            fate: if goes { Fate::Handed } else { Fate::Kept },
        }
    }

    /// As a record shows it, at its own path or at that of the call.
    fn change(&self, item: &Item) -> Change {
        let side = |user: UserId| json!({ "kind": item.kind, "name": item.name, "of": user });
        let ended = item.fate == Fate::Ended;
        Change {
            path: item.path.clone().unwrap_or_else(|| self.call.path.clone()),
            row: None,
            version: None,
            op: if ended { ChangeOp::Delete } else { ChangeOp::Update },
            old: Some(side(self.handover.from)),
            new: (!ended).then(|| side(self.handover.to)),
        }
    }

    fn receipt(&self, output: &Arc<RawValue>, changes: &[Change]) -> Receipt {
        Receipt {
            call: self.call.id,
            request_hash: hash_payload(&String::from_utf8_lossy(&self.call.input)),
            output: Some(Arc::clone(output)),
            changes: changes.to_vec(),
            omitted: None,
            changes_hash: String::new(),
            applied_at: self.handover.at,
        }
    }
}
