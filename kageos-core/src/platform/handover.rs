//! Handing over what somebody holds to somebody else, in one transaction.
//!
//! The tree's host moves the grants; whoever else keeps something for people takes part as a [`Participant`] in the
//! same transaction. A preview is the same work in a dry run.

use std::fmt::Debug;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::sql::{Tx, UnitFuture};
use crate::{Error, ResourcePath, Timestamp, UserId};

/// Who hands over to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// Whose things they are.
    pub from: UserId,
    /// Whose they become.
    pub to: UserId,
    /// The API tokens of the first one end.
    pub end_tokens: bool,
    /// When it happens.
    pub at: Timestamp,
}

/// One thing that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is: `grant`, `denial`, `namespace`, `token`, or what a participant calls its own.
    pub kind: String,
    /// Where it is, when it lies in the tree.
    pub path: Option<ResourcePath>,
    /// Its name, for people: the role of a grant, the name of a token.
    pub name: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes over.
    Handed,
    /// It ends.
    Ended,
    /// It stays where it is.
    Kept,
}

/// Keeps something for people, and takes part when that is handed over.
pub trait Participant: Send + Sync + Debug {
    /// Hands over what it keeps and says what that was. It runs inside the transaction, again when that has to be
    /// repeated, and awaits nothing else; after a dry run all of it is taken back. An error takes back everything.
    fn hand_over<'t>(&'t self, tx: &'t mut Tx, handover: &'t Handover) -> UnitFuture<'t, Vec<Item>, Error>;

    /// Learns that the transaction is committed.
    fn handed_over(&self, handover: &Handover);
}

/// Who takes part; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Participants(Arc<ArcSwap<Vec<Arc<dyn Participant>>>>);

impl Participants {
    pub(super) fn add(&self, participant: Arc<dyn Participant>) {
        self.0.rcu(|all| all.iter().chain([&participant]).cloned().collect::<Vec<_>>());
    }

    pub(super) fn all(&self) -> Arc<Vec<Arc<dyn Participant>>> {
        self.0.load_full()
    }
}
