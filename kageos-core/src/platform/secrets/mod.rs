//! The secrets of workspaces: set by administrators, put into requests by the platform, read by nobody else.
//!
//! A secret is sealed with a key that is not in the database, for one workspace, name and origin: a row that is moved, or
//! whose origin is changed, does not open. It is used for requests to that origin alone, whatever an app declares later.

mod store;

use std::collections::HashMap;

use serde_json::{Value, json};

pub use store::MIGRATIONS;
use store::Row;
pub(super) use store::forget;

use super::identity::Secret;
use super::receipts::{Receipts, Stop, Work};
use super::seal::SealKey;
use super::workspace;
use crate::host::{HostCall, HostError, HostReply};
use crate::path::is_code;
use crate::sql::{Db, SqlError};
use crate::{Change, ChangeOp, Code, Env, Error, NodeId, Origin, Result, Timestamp, UserId};

/// Most secrets of a workspace.
pub const MAX_SECRETS: usize = 100;
/// Shortest secret, in bytes: what is shorter would be found in texts that have nothing to do with it.
pub const MIN_SECRET: usize = 8;
/// Longest secret, in bytes.
pub const MAX_SECRET: usize = 4096;
/// Secrets that are sealed anew in one unit.
const STEP: usize = 200;

/// What is known of a secret besides itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name in the workspace.
    pub name: String,
    /// Where it may go.
    pub origin: Origin,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub changed_by: Option<UserId>,
}

/// Sets, opens and forgets secrets; cheap to clone.
#[derive(Debug, Clone)]
pub struct Secrets {
    db: Db,
    env: Env,
    key: SealKey,
    receipts: Receipts,
}

impl Secrets {
    /// Those in `db`, the platform's, sealed with `key`.
    #[must_use]
    pub fn new(db: Db, env: Env, key: SealKey) -> Self {
        let receipts = Receipts::new(db.clone(), env.clone());
        Self { db, env, key, receipts }
    }

    /// Time and randomness.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Sets a secret, with the receipt of the call that asks for it.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] with all that is wrong; [`Code::Conflict`] when the workspace has as many as it may.
    pub async fn set(
        &self,
        call: &HostCall,
        workspace: NodeId,
        (name, origin): (&str, &Origin),
        value: &Secret,
    ) -> Result<HostReply, HostError> {
        check(name, value)?;
        let sealed = self.key.seal(&self.env, &place(workspace, name, origin), value)?;
        let key_id = self.key.id().to_owned();
        let row = Row { name: name.to_owned(), origin: origin.clone(), sealed, key_id };
        let output = json!({ "name": name, "origin": origin, "set": true });
        let change = changed(call, name, ChangeOp::Update, Some(json!({ "origin": origin })));
        let by = call.actor.id;
        let work = Work { input: (workspace, row, by), output, changes: vec![change] };
        let told = without_value(call);
        let done = self.receipts.apply(&told, work, moved, |(workspace, row, by), tx, at| {
            Box::pin(async move {
                store::remove(tx, *workspace, &row.name).await?;
                if store::count(tx, *workspace).await? >= MAX_SECRETS {
                    let message = format!("A workspace has at most {MAX_SECRETS} secrets.");
                    return Err(Stop::Refused(Error::new(Code::Conflict, message)));
                }
                Ok(store::insert(tx, *workspace, row, *by, at).await?)
            })
        });
        Ok(done.await?.ok_or_else(|| Error::of(Code::Conflict))?)
    }

    /// Forgets a secret, with the receipt of the call that asks for it.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] when there is none of that name.
    pub async fn remove(
        &self,
        call: &HostCall,
        workspace: NodeId,
        name: &str,
    ) -> Result<HostReply, HostError> {
        let output = json!({ "name": name, "set": false });
        let change = changed(call, name, ChangeOp::Purge, None);
        let work = Work { input: (workspace, name.to_owned()), output, changes: vec![change] };
        let done = self.receipts.apply(call, work, moved, |(workspace, name), tx, _| {
            Box::pin(async move {
                if store::remove(tx, *workspace, name).await? {
                    return Ok(());
                }
                Err(Stop::Refused(Error::field("/name", "not_found", "There is no such secret.")))
            })
        });
        Ok(done.await?.ok_or_else(|| Error::of(Code::Conflict))?)
    }

    /// What is known of the secrets of a workspace, by name, at most [`MAX_SECRETS`].
    ///
    /// # Errors
    /// What the database answers.
    pub async fn list(&self, workspace: NodeId) -> Result<Vec<SecretInfo>> {
        Ok(store::list(&self.db, workspace).await?)
    }

    /// Opens those of the named secrets of a workspace that are set, for whoever puts them into a request.
    ///
    /// # Errors
    /// [`Code::Conflict`] when one was sealed with another key, or was changed.
    pub async fn open(&self, workspace: NodeId, names: &[&str]) -> Result<HashMap<String, (Origin, Secret)>> {
        let mut rows = store::sealed(&self.db, workspace).await?;
        rows.retain(|row| names.contains(&row.name.as_str()));
        let open = |row: Row| {
            let secret =
                self.key.open(&row.key_id, &place(workspace, &row.name, &row.origin), &row.sealed)?;
            Ok((row.name, (row.origin, secret)))
        };
        rows.into_iter().map(open).collect()
    }

    /// The names of the keys that have sealed something in the database.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn keys(&self) -> Result<Vec<String>> {
        let mut keys = store::keys(&self.db).await?;
        keys.extend(workspace::keys(&self.db).await?);
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Seals everything in the database anew that this key has sealed: secrets, and passwords of databases. Can be
    /// repeated: what the new key has sealed already stays. Answers how many there were.
    ///
    /// # Errors
    /// As [`Secrets::open`], and what the database answers.
    pub async fn seal_anew(&self, key: &SealKey) -> Result<u64> {
        let mut done = 0;
        loop {
            let rows = store::not_sealed_with(&self.db, key.id(), STEP).await?;
            if rows.is_empty() {
                break;
            }
            for (workspace, row) in rows {
                let place = place(workspace, &row.name, &row.origin);
                let secret = self.key.open(&row.key_id, &place, &row.sealed)?;
                let sealed = key.seal(&self.env, &place, &secret)?;
                let new = Row { sealed, key_id: key.id().to_owned(), ..row.clone() };
                done += store::replace(&self.db, workspace, &row, &new).await?;
            }
        }
        Ok(done + workspace::seal_anew(&self.db, &self.env, (&self.key, key)).await?)
    }
}

/// What is wrong with a secret, all at once.
fn check(name: &str, value: &Secret) -> Result<()> {
    let mut wrong = Vec::new();
    if !is_code(name) {
        let message = "A name is a lower-case letter, then letters, digits, underscores.";
        wrong.extend(Error::field("/name", "pattern", message).fields);
    }
    let text = value.expose();
    if !(MIN_SECRET..=MAX_SECRET).contains(&text.len()) {
        let message = format!("A secret has {MIN_SECRET} to {MAX_SECRET} characters.");
        wrong.extend(Error::field("/value", "length", message).fields);
    }
    if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) || text.trim() != text {
        let message = "A secret is visible ASCII, without spaces around it.";
        wrong.extend(Error::field("/value", "pattern", message).fields);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::invalid(wrong)) }
}

/// The call as its receipt may know it: not even a hash of the secret is kept.
fn without_value(call: &HostCall) -> HostCall {
    let shown = crate::json::parse(&call.input).map(|mut input| {
        if let Some(input) = input.as_object_mut() {
            input.remove("value");
        }
        input.to_string().into_bytes()
    });
    HostCall { input: shown.unwrap_or_default(), ..call.clone() }
}

fn changed(call: &HostCall, name: &str, op: ChangeOp, new: Option<Value>) -> Change {
    Change { path: call.path.clone(), row: Some(format!("secret/{name}")), version: None, op, old: None, new }
}

fn moved(error: SqlError) -> Error {
    match error {
        SqlError::UniqueViolation { .. } => {
            let message = "Somebody else has set it at the same time.";
            Error::new(Code::Conflict, message).caused_by(error)
        }
        error => error.into(),
    }
}

/// Where a secret is sealed for.
fn place(workspace: NodeId, name: &str, origin: &Origin) -> String {
    format!("The secret {name} for {origin} of the workspace {workspace}")
}
