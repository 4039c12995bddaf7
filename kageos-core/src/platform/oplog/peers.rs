//! Other servers on the same database: whether they live.
//!
//! Nobody's clock is trusted: a server watches the beats of the others and takes one for dead that has not beaten for
//! the time of the lease by the watcher's own count, while the watcher itself could read. Times in which it could not
//! (it was stopped, or the database was away) do not count.

use std::collections::HashMap;
use std::time::Duration;

use super::Log;
use super::store::streams::{self, Peer};
use crate::sql::SqlError;
use crate::{Code, Error, StreamId};

/// Beats in the time of a lease: one that comes late, or that a busy database takes late, is no death.
const BEATS_PER_LEASE: u32 = 5;
/// Most that passes between two looks, as a multiple of the time that should: what is more was no watching.
const LONGEST_LOOKS: u32 = 2;

/// A server among several on one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Which server: a word that stays when it is started again.
    pub node: String,
    /// What only one process at a time holds, a lock on a file for example: whoever opens a log with it knows that
    /// all who had it before have ended.
    pub holder: String,
    /// After so long without a beat a server is taken for dead.
    pub lease: Duration,
}

impl Seat {
    /// How often a server says that it lives, and looks whether others do.
    #[must_use]
    pub fn beat(&self) -> Duration {
        self.lease / BEATS_PER_LEASE
    }
}

/// What is known of the other servers.
#[derive(Debug, Default)]
pub struct Peers {
    seen: HashMap<StreamId, Seen>,
    looked_at: Option<Duration>,
}

#[derive(Debug)]
struct Seen {
    peer: Peer,
    silent: Duration,
}

impl Peers {
    /// Looks once, and fences who has been silent for the time of the lease; answers how many that were.
    ///
    /// # Errors
    /// What the database answers; then the time since the last look does not count.
    pub async fn look(&mut self, log: &Log) -> Result<usize, SqlError> {
        let Some(seat) = log.seat.clone() else { return Ok(0) };
        let before = self.looked_at.take();
        let living = streams::living(&log.db, log.stream()).await?;
        let now = log.env.clock.monotonic();
        let passed = before.map_or(Duration::ZERO, |before| now.saturating_sub(before));
        self.looked_at = Some(now);
        self.note(living, passed.min(seat.beat() * LONGEST_LOOKS));
        let mut fenced = 0;
        for seen in self.seen.values().filter(|seen| seen.silent >= seat.lease) {
            if streams::fence(&log.db, &seen.peer, log.stream(), log.env.now()).await? {
                let (stream, node) = (seen.peer.stream, seen.peer.node.as_deref().unwrap_or("?"));
                tracing::warn!(%stream, node, "a server has ended; its calls are settled here");
                fenced += 1;
            }
        }
        Ok(fenced)
    }

    fn note(&mut self, living: Vec<Peer>, passed: Duration) {
        let mut before = std::mem::take(&mut self.seen);
        for peer in living {
            let same = before.remove(&peer.stream).filter(|seen| seen.peer.beat == peer.beat);
            let silent = same.map_or(Duration::ZERO, |seen| seen.silent + passed);
            self.seen.insert(peer.stream, Seen { peer, silent });
        }
    }

    /// How many other servers live.
    #[must_use]
    pub fn living(&self) -> usize {
        self.seen.len()
    }
}

impl Log {
    /// Waits until no other server says that it is the same node: one that was cut off without a sign is taken for
    /// dead after the time of the lease; one that goes on beating has a copy of this node's state.
    ///
    /// # Errors
    /// [`Code::Conflict`] when another server is the same node, or what the database answers.
    pub async fn alone_on_its_node(&self) -> crate::Result<()> {
        let Some(seat) = self.seat.clone() else { return Ok(()) };
        let twin = |peer: &Peer| {
            peer.node.as_ref() == Some(&seat.node) && peer.holder.as_ref() != Some(&seat.holder)
        };
        let mut peers = Peers::default();
        let mut first: HashMap<StreamId, i64> = HashMap::new();
        loop {
            peers.look(self).await?;
            let twins: Vec<&Peer> =
                peers.seen.values().map(|seen| &seen.peer).filter(|it| twin(it)).collect();
            if twins.is_empty() {
                return Ok(());
            }
            let mut beats = |peer: &&Peer| *first.entry(peer.stream).or_insert(peer.beat) != peer.beat;
            if twins.into_iter().any(|peer| beats(&peer)) {
                let message =
                    format!("Another server says that it is node {}, from a copy of its state.", seat.node);
                return Err(Error::new(Code::Conflict, message));
            }
            tokio::time::sleep(seat.beat()).await;
        }
    }
}
