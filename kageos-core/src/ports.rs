//! The ports through which libraries meet without knowing each other.

use async_trait::async_trait;

use crate::{Call, Reply, Result};

/// The one door: every use of a function goes through here.
#[async_trait]
pub trait Dispatch: Send + Sync + std::fmt::Debug {
    /// Resolves, authorises, validates, records, runs, records and announces a call.
    ///
    /// # Errors
    /// Whatever refuses the call, with a stable code.
    async fn dispatch(&self, call: Call) -> Result<Reply>;
}
