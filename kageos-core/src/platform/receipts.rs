//! Calls that change the platform's own database: the change and the call's receipt in one unit.

use std::sync::Arc;

use serde_json::{Value, value::RawValue};

use super::oplog::hash_payload;
use super::tree::{fence_receipt, read_receipt, write_receipt};
use crate::host::{HostCall, HostError, HostReply, Receipt};
use crate::sql::{Db, SqlError, Tx, UnitFuture};
use crate::{CallId, Change, Code, Env, Error, Result, Timestamp};

/// Why a unit was not kept.
#[derive(Debug)]
pub(super) enum Stop {
    /// It was only tried.
    DryRun,
    /// It was worked out from an old state.
    TooLate,
    /// The call was given up, and somebody has said so.
    Fenced,
    /// It was refused.
    Refused(Error),
    /// The database did not take it.
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

/// What a call's unit works on, and what the call answers.
#[derive(Debug)]
pub(super) struct Work<W> {
    /// What the unit needs.
    pub(super) input: W,
    /// What is answered.
    pub(super) output: Value,
    /// What is changed.
    pub(super) changes: Vec<Change>,
}

/// What the platform's own hosts write beside what they change.
#[derive(Debug, Clone)]
pub(super) struct Receipts {
    db: Db,
    env: Env,
}

impl Receipts {
    pub(super) fn new(db: Db, env: Env) -> Self {
        Self { db, env }
    }

    /// Runs a unit and writes the call's receipt with it, at the same moment, which the unit is told. A dry run is rolled
    /// back; a step that does not find what it relied on ends as `came_between` says. `None` when the work was
    /// [`Stop::TooLate`].
    pub(super) async fn apply<W, F>(
        &self,
        call: &HostCall,
        work: Work<W>,
        came_between: fn(SqlError) -> Error,
        unit: F,
    ) -> Result<Option<HostReply>, HostError>
    where
        W: Send + Sync + 'static,
        F: for<'t> Fn(&'t W, &'t mut Tx, Timestamp) -> UnitFuture<'t, (), Stop> + Send + Sync + 'static,
    {
        let Work { input, output, changes } = work;
        let output: Arc<RawValue> =
            RawValue::from_string(output.to_string()).map_err(Error::internal)?.into();
        let receipt = Receipt {
            call: call.id,
            request_hash: hash_payload(&String::from_utf8_lossy(&call.input)),
            output: Some(Arc::clone(&output)),
            changes: changes.clone(),
            omitted: None,
            changes_hash: String::new(),
            applied_at: self.env.now(),
        };
        let dry_run = call.dry_run;
        let done = self.db.write_with((input, receipt, unit), move |(input, receipt, unit), tx| {
            Box::pin(async move {
                // First, so that of a call and who gives it up one waits for the other.
                write_receipt(tx, receipt).await.map_err(fenced)?;
                unit(input, tx, receipt.applied_at).await?;
                if dry_run { Err(Stop::DryRun) } else { Ok(()) }
            })
        });
        match done.await {
            Ok(()) | Err(Stop::DryRun) => Ok(Some(HostReply::applied(output, changes, dry_run))),
            Err(Stop::TooLate) => Ok(None),
            Err(Stop::Fenced) => Err(Error::of(Code::Cancelled).into()),
            Err(Stop::Refused(error)) => Err(error.into()),
            Err(Stop::Database(error @ SqlError::ConnectionLost { .. })) => {
                Err(HostError::CutOff(error.into()))
            }
            Err(Stop::Database(error)) => Err(came_between(error).into()),
        }
    }

    /// [`crate::Host::receipt`]
    pub(super) async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        Ok(read_receipt(&self.db, call).await?)
    }

    /// [`crate::Host::fence`]
    pub(super) async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        if fence_receipt(&self.db, call, self.env.now()).await? {
            return Ok(None);
        }
        self.receipt(call).await
    }
}

/// The place of a receipt is taken by whoever gave the call up.
fn fenced(error: SqlError) -> Stop {
    if error.is_unique_violation() { Stop::Fenced } else { Stop::Database(error) }
}
