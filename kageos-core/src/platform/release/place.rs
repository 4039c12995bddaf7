//! On which runtime node the app of a workspace runs.

use super::store;
use crate::sql::Db;
use crate::{Code, Error, NodeId, Result};

/// Where the app of a workspace runs, or ran last. Whether it runs now its node tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimePlace {
    /// The runtime node.
    pub node: String,
    /// Its process: one that was started again runs nothing that an earlier one did.
    pub life: String,
    /// Counts the places that the workspace had. A node starts nothing with a smaller one than it has seen.
    pub token: u64,
}

/// The places of apps on runtime nodes.
#[derive(Debug, Clone)]
pub struct RuntimePlaces {
    db: Db,
}

impl RuntimePlaces {
    /// Those of a platform's database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The last place of a workspace; `None` when it had none.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn find(&self, workspace: NodeId) -> Result<Option<RuntimePlace>> {
        Ok(store::runtime_place(&self.db, workspace).await?)
    }

    /// Every place.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn all(&self) -> Result<Vec<(NodeId, RuntimePlace)>> {
        Ok(store::runtime_places(&self.db).await?)
    }

    /// Takes a place for a workspace whose last one was `last`.
    ///
    /// # Errors
    /// [`Code::Conflict`] when somebody else has taken one meanwhile; what the database answers.
    pub async fn take(
        &self,
        workspace: NodeId,
        last: Option<&RuntimePlace>,
        node: &str,
        life: &str,
    ) -> Result<RuntimePlace> {
        let token = last.map_or(0, |last| last.token) + 1;
        let place = RuntimePlace { node: node.to_owned(), life: life.to_owned(), token };
        match store::take_runtime_place(&self.db, workspace, last.map(|last| last.token), &place).await? {
            true => Ok(place),
            false => Err(Error::new(Code::Conflict, "Another server gives this workspace a place.")),
        }
    }
}
