//! What a database server holds of ours, beside what it should hold.

use std::collections::BTreeSet;

use super::store::{self, Maker};
use super::{ACCOUNT_PREFIX, DATABASE_PREFIX, Databases};
use crate::{NodeId, Result};

/// What does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Orphan {
    /// A database with a name of ours that belongs to no workspace here.
    Database(String),
    /// An account with a name of ours that belongs to no workspace here.
    Account(String),
    /// A workspace whose database is gone; its name.
    NoDatabase(NodeId, String),
    /// A workspace whose account is gone; its name.
    NoAccount(NodeId, String),
}

/// What was found on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How many workspaces have their database there.
    pub databases: usize,
    /// What does not fit, in order.
    pub orphans: Vec<Orphan>,
}

impl Databases {
    /// Compares the server with what the platform made there. Of several Kageos on one server each takes the others'
    /// for orphans.
    ///
    /// # Errors
    /// What the databases answer.
    pub async fn look(&self) -> Result<Found> {
        let entries = store::entries(&self.db).await?;
        let maker = Maker::open(&self.admin, self.engine).await?;
        let listed = maker.list().await;
        maker.close().await;
        let (databases, accounts) = listed?;
        let known =
            |name: fn(&store::Entry) -> &String| entries.iter().map(name).cloned().collect::<BTreeSet<_>>();
        let strange = |found: &BTreeSet<String>,
                       known: BTreeSet<String>,
                       prefix: &str,
                       orphan: fn(String) -> Orphan| {
            let ours = found.difference(&known).filter(|name| is_ours(name, prefix));
            ours.cloned().map(orphan).collect::<Vec<_>>()
        };
        let mut orphans = strange(&databases, known(|it| &it.name), DATABASE_PREFIX, Orphan::Database);
        orphans.extend(strange(&accounts, known(|it| &it.account), ACCOUNT_PREFIX, Orphan::Account));
        for entry in entries.iter().filter(|entry| entry.ready) {
            if !databases.contains(&entry.name) {
                orphans.push(Orphan::NoDatabase(entry.workspace, entry.name.clone()));
            }
            if !accounts.contains(&entry.account) {
                orphans.push(Orphan::NoAccount(entry.workspace, entry.account.clone()));
            }
        }
        Ok(Found { databases: entries.len(), orphans })
    }
}

/// Whether a name is one that we give.
fn is_ours(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|id| id.parse::<NodeId>().is_ok())
}
