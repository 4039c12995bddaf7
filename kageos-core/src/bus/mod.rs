//! Events: what open screens, counters and triggers follow.
//!
//! Events are hints, never the truth: whoever misses some refetches. A listener that falls behind the window, or
//! comes back too late, is told to [reset](Missed). [`Events`] serves one process, `NatsBus` several over NATS
//! JetStream; both keep what the suite in `testing` asks of a [`Bus`].

mod event;
mod hub;
mod local;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;

use async_trait::async_trait;

pub use event::{Event, EventBody, EventId, Missed};
pub use hub::{Listener, WINDOW};
pub use local::Events;

/// Carries events from who publishes to who listens.
#[async_trait]
pub trait Bus: Send + Sync + std::fmt::Debug {
    /// Tells everybody who listens: here at once, elsewhere as soon as may be. Never waits and never fails; what
    /// could not be carried is made known to others as [`Missed`].
    fn publish(&self, body: EventBody);

    /// Listens from now on, or without a gap from after `last`, which another process may have given. What lies just
    /// after `last` may be told twice.
    ///
    /// # Errors
    /// [`Missed`] when the events after `last` are not kept any more.
    fn listen(&self, last: Option<EventId>) -> Result<Listener, Missed>;

    /// Whom to ask before listeners here are told what another process did. The first one stays.
    fn follow(&self, follower: Arc<dyn Follower>);

    /// Tells all who listen here that they have [`Missed`] something.
    fn reset(&self);

    /// How the way to other processes is; `None` when there are none.
    fn health(&self) -> Option<Health>;

    /// Sends what waits, for a moment, and ends.
    async fn close(&self);
}

/// Keeps what this process remembers in step with others.
#[async_trait]
pub trait Follower: Send + Sync + std::fmt::Debug {
    /// Another process did this; listeners here are told once this returns.
    async fn follow(&self, body: &EventBody);

    /// Events of others were missed; listeners here are told once this returns.
    async fn renew(&self);
}

/// How the way to other processes is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether events come and go.
    pub ok: bool,
    /// What it is like, or what is wrong with it.
    pub detail: String,
}
