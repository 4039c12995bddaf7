//! Where tasks and executions lie, and how flows reach them.

#[cfg(feature = "testing")]
mod memory;
mod rows;
mod sql;

use std::future::Future;

use kageos_core::sql::{Db, SqlError, migrate};
use kageos_core::{Error, Result, Timestamp};

#[cfg(feature = "testing")]
pub use memory::{Memory, Weather};
pub(crate) use rows::{Body, Coming, DueTask, Requeue, Rows, TaskRow, WorkerRow};
pub use sql::MIGRATIONS;
use sql::SqlRows;

/// Why a flow did nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// What the rows say.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// What was asked for cannot be.
    #[error("{0}")]
    Refused(Error),
    /// The worker was fenced: others have what it was at.
    #[error("the worker was fenced")]
    Fenced,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sql(error) => error.into(),
            Failure::Refused(error) => error,
            Failure::Fenced => Self::of(kageos_core::Code::Unavailable).caused_by(failure),
        }
    }
}

/// What happens in one unit.
pub(crate) trait Flow: Send + Sync + 'static {
    type Output: Send + 'static;

    /// It may run more than once, and awaits nothing but the rows.
    fn run<R: Rows>(&self, rows: &mut R) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// Where tasks and executions lie.
#[derive(Debug, Clone)]
pub(crate) struct Store(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Sql(Db),
    #[cfg(feature = "testing")]
    Memory(Memory),
}

impl Store {
    /// The tables in this database, brought to the latest version.
    pub(crate) async fn open(db: Db, now: Timestamp) -> Result<Self, SqlError> {
        migrate(&db, "scheduler", MIGRATIONS, now.as_micros()).await?;
        Ok(Self(Kind::Sql(db)))
    }

    #[cfg(feature = "testing")]
    pub(crate) fn memory(memory: Memory) -> Self {
        Self(Kind::Memory(memory))
    }

    /// Runs a flow: all of it is kept, or nothing.
    pub(crate) async fn apply<F: Flow>(&self, flow: F) -> Result<F::Output, Failure> {
        match &self.0 {
            Kind::Sql(db) => {
                db.write_with(flow, |flow, tx| {
                    Box::pin(async move { flow.run(&mut SqlRows::new(tx, true)).await })
                })
                .await
            }
            #[cfg(feature = "testing")]
            Kind::Memory(memory) => memory.apply(flow).await,
        }
    }

    /// Runs a flow that only reads.
    pub(crate) async fn look<F: Flow>(&self, flow: F) -> Result<F::Output, Failure> {
        match &self.0 {
            Kind::Sql(db) => {
                let flow = std::sync::Arc::new(flow);
                db.read(move |tx| {
                    let flow = std::sync::Arc::clone(&flow);
                    Box::pin(async move { flow.run(&mut SqlRows::new(tx, false)).await })
                })
                .await
            }
            #[cfg(feature = "testing")]
            Kind::Memory(memory) => memory.apply(flow).await,
        }
    }
}

#[cfg(test)]
mod conformance;
