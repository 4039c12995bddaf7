//! Several servers on one database: each keeps what it remembers in step with the rest, and settles what those that have
//! ended left open.
//!
//! An event makes a server read again what it keeps in memory. Events are hints, so with a seat a sweep looks once a
//! second whether the database has a newer state: that is the bound when events do not come.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;

use super::Platform;
use super::access::Access;
use super::dispatcher::{Dispatcher, Running};
use super::identity::Identity;
use super::oplog::{Log, Peers, Seat};
use super::tree::Tree;
use crate::Result;
use crate::bus::{Bus, EventBody, Follower};

/// How often it is looked whether another server has changed what is kept in memory.
const SWEEP: Duration = Duration::from_secs(1);
/// How often open calls of servers that have ended are looked for: a host may have come that can say what became of
/// them.
const SETTLE: Duration = Duration::from_secs(10);

/// The tasks that do so; they end when the last handle is dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Others(Arc<Tasks>);

#[derive(Debug, Default)]
struct Tasks(Mutex<Vec<AbortHandle>>);

impl Tasks {
    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}

impl Others {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Follows the events of others and, with a seat, sweeps.
    pub(super) fn keep_in_step(&self, platform: &Platform) {
        let memory = Memory {
            tree: platform.tree.clone(),
            access: platform.access.clone(),
            identity: platform.identity.clone(),
            running: platform.dispatcher.running().clone(),
        };
        platform.events.follow(Arc::new(memory.clone()));
        if platform.seat.is_some() {
            self.spawn(memory.sweep(Arc::clone(&platform.events)));
        }
    }

    /// Watches whether the others live.
    pub(super) fn watch(&self, platform: &Platform) {
        if let Some(seat) = &platform.seat {
            self.spawn(watch(platform.log.clone(), platform.dispatcher.clone(), seat.clone()));
        }
    }

    pub(super) fn end(&self) {
        self.0.end();
    }
}

/// What a process keeps in memory of the database.
#[derive(Debug, Clone)]
struct Memory {
    tree: Tree,
    access: Access,
    identity: Identity,
    running: Running,
}

impl Memory {
    /// Reads again what is old; answers whether something was.
    async fn refresh(&self) -> Result<bool> {
        let access = self.access.reload().await?;
        Ok(self.tree.reload().await? || access)
    }

    async fn sweep(self, events: Arc<dyn Bus>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            match self.refresh().await {
                // Its event comes, unless the way is cut.
                Ok(true) if events.health().is_none_or(|health| !health.ok) => events.reset(),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "it cannot be seen whether another server changed something")
                }
            }
        }
    }

    async fn follow_on(&self) {
        self.identity.forget();
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "what another server changed cannot be read yet");
        }
    }
}

#[async_trait]
impl Follower for Memory {
    async fn follow(&self, body: &EventBody) {
        if let EventBody::Cancel { call } = body {
            self.running.cancel(*call);
        }
        if matches!(body, EventBody::Renew | EventBody::Tree { .. } | EventBody::Access { .. }) {
            self.follow_on().await;
        }
    }

    async fn renew(&self) {
        self.follow_on().await;
    }
}

async fn watch(log: Log, dispatcher: Dispatcher, seat: Seat) {
    let (mut peers, mut since) = (Peers::default(), Duration::ZERO);
    loop {
        tokio::time::sleep(seat.beat()).await;
        since += seat.beat();
        let fenced = match peers.look(&log).await {
            Ok(fenced) => fenced,
            Err(error) => {
                tracing::debug!(%error, "it cannot be seen whether the other servers live");
                continue;
            }
        };
        if fenced == 0 && since < SETTLE {
            continue;
        }
        since = Duration::ZERO;
        match dispatcher.settle_ended().await {
            Ok(0) => {}
            Ok(calls) => tracing::info!(calls, "settled calls of a server that has ended"),
            Err(error) => tracing::warn!(%error, "calls of a server that has ended cannot be settled yet"),
        }
    }
}
