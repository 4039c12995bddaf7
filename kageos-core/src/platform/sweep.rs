//! What has run out is forgotten: a bounded number of rows at a time, and a bounded number of times in a round.

use std::time::Duration;

use super::Platform;
use crate::sql::SqlError;
use crate::{Result, Timestamp};

/// How long a receipt is kept after its call: far longer than any call is in doubt.
pub const RECEIPT_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How much older than the oldest open intent a receipt has to be: two clocks may differ, and one may be set back.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an API token is listed after it ran out.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often it is looked for what has run out.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// Steps of one round; each removes a bounded number of rows, so that no writer waits long.
const MAX_STEPS: u32 = 200;

/// What one round removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Receipts of settled calls, of workspaces and of the tree.
    pub receipts: u64,
    /// Sessions that have ended.
    pub sessions: u64,
    /// API tokens that ran out long ago.
    pub tokens: u64,
    /// Idempotency keys that have run out.
    pub keys: u64,
    /// Files that nobody came back for.
    pub files: u64,
}

impl Platform {
    /// Forgets what has run out. Receipts stay while an intent is open that is not clearly younger, because they say
    /// what became of it. A workspace that does not answer is left for the next round.
    ///
    /// # Errors
    /// What the platform's database answers.
    pub async fn sweep(&self) -> Result<Swept> {
        let now = self.env.now();
        let keys = steps(|| async move { Ok(self.log.sweep(now).await?) }).await?;
        let sessions = steps(|| self.identity.forget_sessions(now)).await?;
        let tokens = steps(|| self.identity.forget_tokens(now.minus(TOKEN_LIFE))).await?;
        let before = self.receipts_before(now).await?;
        let mut receipts = steps(|| self.tree.forget_receipts(before)).await?;
        for (workspace, host) in self.mounts.all() {
            match steps(|| host.forget_receipts(before)).await {
                Ok(count) => receipts += count,
                Err(error) => tracing::warn!(%error, %workspace, "old receipts cannot be forgotten yet"),
            }
        }
        let files = self.sweep_files().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "files that nobody came back for are not removed yet");
            0
        });
        Ok(Swept { receipts, sessions, tokens, keys, files })
    }

    /// Receipts from before this moment are needed by nobody.
    async fn receipts_before(&self, now: Timestamp) -> Result<Timestamp, SqlError> {
        let old = now.minus(RECEIPT_LIFE);
        let open = self.log.oldest_open().await?.map(|at| at.minus(MARGIN));
        Ok(open.map_or(old, |open| open.min(old)))
    }

    /// Sweeps now and then, for ever. Whoever spawns it ends it.
    pub async fn keep_swept(self) {
        loop {
            tokio::time::sleep(EVERY).await;
            // In a task of its own, so that a round that panics is not the last.
            let this = self.clone();
            match tokio::spawn(async move { this.sweep().await }).await {
                Ok(Ok(swept)) if swept == Swept::default() => {}
                Ok(Ok(swept)) => tracing::info!(?swept, "forgot what has run out"),
                Ok(Err(error)) => tracing::warn!(%error, "what has run out cannot be forgotten yet"),
                Err(error) => tracing::error!(%error, "a round of forgetting broke off"),
            }
        }
    }
}

/// Repeats a step while it finds something, and answers how much that was in all.
async fn steps<F: Future<Output = Result<u64>>>(step: impl Fn() -> F) -> Result<u64> {
    let mut all = 0;
    for _ in 0..MAX_STEPS {
        match step().await? {
            0 => break,
            count => all += count,
        }
    }
    Ok(all)
}
