//! On which runtime node the app of a release runs.

use std::sync::Arc;

use super::store;
use crate::sql::Db;
use crate::{Code, Error, NodeId, Result, Timestamp};

/// Where the app of a release runs, or ran last. Whether it runs now its node tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimePlace {
    /// The runtime node.
    pub node: String,
    /// Its process: one that was started again runs nothing that an earlier one did.
    pub life: String,
    /// Grows from place to place. A node starts nothing with a smaller one than it has seen.
    pub token: u64,
}

/// The places of the apps of one server on runtime nodes.
#[derive(Debug, Clone)]
pub struct RuntimePlaces {
    db: Db,
    server: Arc<str>,
}

impl RuntimePlaces {
    /// Those of a server in its platform's database: of several on one database each has a word of its own, that of its
    /// [`Seat`](crate::platform::oplog::Seat), and one that is alone may have an empty one.
    #[must_use]
    pub fn new(db: Db, server: &str) -> Self {
        Self { db, server: server.into() }
    }

    /// Whose they are.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The last place of a release; `None` when it had none.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn find(&self, workspace: NodeId, release: u32) -> Result<Option<RuntimePlace>> {
        Ok(store::runtime_place(&self.db, &self.server, workspace, release).await?)
    }

    /// Takes a place for a release whose last one was `last`.
    ///
    /// # Errors
    /// [`Code::Conflict`] when somebody else has taken one meanwhile; what the database answers.
    pub async fn take(
        &self,
        (workspace, release): (NodeId, u32),
        last: Option<&RuntimePlace>,
        (node, life): (&str, &str),
        now: Timestamp,
    ) -> Result<RuntimePlace> {
        // A database that was restored has seen less than the nodes.
        let token = (last.map_or(0, |last| last.token) + 1).max(u64::try_from(now.as_micros()).unwrap_or(0));
        let place = RuntimePlace { node: node.to_owned(), life: life.to_owned(), token };
        let last = last.map(|last| last.token);
        match store::take_runtime_place(&self.db, &self.server, (workspace, release), last, &place).await? {
            true => Ok(place),
            false => Err(Error::new(Code::Conflict, "Another start of this server gives this app a place.")),
        }
    }
}
