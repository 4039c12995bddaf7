//! Who does the work.

use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;
use kageos_core::{Error, ExecutionId, Result, TaskId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::Source;

/// Largest output that is kept, in bytes of JSON.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// Does the work of tasks that name it. It only does: when, how often and what of its end is the scheduler's.
///
/// An attempt may be made again after its worker was lost, and nobody can know how far it came. What has an effect
/// outside takes [`Run::key`] with it, so that the effect happens once.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Does it. Dropped when it has not ended a moment after it was told to.
    async fn execute(&self, run: Run) -> Result<Output, RunError>;
}

#[async_trait]
impl<F, R> Executor for F
where
    F: Fn(Run) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Output, RunError>> + Send,
{
    async fn execute(&self, run: Run) -> Result<Output, RunError> {
        self(run).await
    }
}

/// An attempt to be made.
#[derive(Debug, Clone)]
pub struct Run {
    /// The execution.
    pub execution: ExecutionId,
    /// Its task.
    pub task: TaskId,
    /// Whose rights it has.
    pub owner: Arc<str>,
    /// Counted from 1.
    pub attempt: u32,
    /// What asked for it.
    pub source: Source,
    /// The time that the schedule names.
    pub nominal: Timestamp,
    /// The nominal time and its jitter.
    pub planned: Timestamp,
    /// What the task, or whoever asked for it, gives.
    pub payload: Arc<RawValue>,
    /// Cancelled when it is to end.
    pub cancelled: CancellationToken,
}

impl Run {
    /// The same for all attempts of this execution, and for no other: under which an effect happens once.
    #[must_use]
    pub fn key(&self) -> String {
        self.execution.to_string()
    }

    /// The payload as a type.
    ///
    /// # Errors
    /// One that no further attempt mends, when the payload is not of that type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, RunError> {
        serde_json::from_str(self.payload.get()).map_err(|error| RunError::new(error).last())
    }
}

/// What an executor answers.
#[derive(Debug, Clone, Default)]
pub struct Output(pub(crate) Option<Arc<str>>);

impl Output {
    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A value, as JSON. One larger than [`MAX_OUTPUT_BYTES`] is not kept.
    ///
    /// # Errors
    /// When it has no JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string(value).map_err(Error::internal)?;
        Ok(Self(Some(text.into())))
    }
}

/// Why an attempt failed. Every error becomes one with `?`.
#[derive(Debug, Clone)]
pub struct RunError {
    pub(crate) message: String,
    pub(crate) last: bool,
}

impl RunError {
    /// A failure that another attempt may mend.
    pub fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), last: false }
    }

    /// No further attempt mends it.
    #[must_use]
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }
}

impl<E: std::error::Error> From<E> for RunError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
