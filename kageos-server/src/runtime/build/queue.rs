//! Who builds next: one at a time, as a compiler takes every processor.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kageos_core::{Code, Error, NodeId, Result, SourceKind};
use tokio::sync::watch;

/// Builds that wait, of all workspaces and of one: each builds what is newest at its turn, so a third would build nothing
/// that the second does not. Whoever comes first does not count those that come after.
const MAX_WAITING: (usize, usize) = (64, 2);

/// How soon somebody needs a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// A person waits for it, or a program that one has started.
    Person,
    /// An agent works on it.
    Agent,
    /// Nobody looks.
    Unattended,
}

impl Priority {
    /// That of what such a call asks for.
    pub(crate) const fn of(source: SourceKind) -> Self {
        match source {
            SourceKind::Web | SourceKind::Cli | SourceKind::Api | SourceKind::Link => Self::Person,
            SourceKind::Mcp | SourceKind::Agent => Self::Agent,
            SourceKind::Schedule | SourceKind::App | SourceKind::System => Self::Unattended,
        }
    }
}

/// The builds that wait for their turn; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// Told of each change.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Somebody builds.
    taken: bool,
    last: u64,
    /// In the order of their turns: whose workspace it is.
    all: BTreeMap<Place, NodeId>,
}

/// First by priority, then by when it came.
type Place = (Priority, u64);

/// The turn of one build, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Queue);

/// A build that waits; one that is dropped waits no more.
struct Waits {
    queue: Queue,
    place: Place,
}

impl Queue {
    /// Waits for the turn of a build; `tell` hears how many come before it, again when that changes.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] when as many wait as may.
    pub(crate) async fn turn(
        &self,
        priority: Priority,
        workspace: NodeId,
        mut tell: impl FnMut(usize),
    ) -> Result<Turn> {
        let mut changed = self.0.changed.subscribe();
        let waits = self.enter(priority, workspace)?;
        let mut told = None;
        loop {
            changed.mark_unchanged();
            let before = match waits.look() {
                Ok(turn) => return Ok(turn),
                Err(before) => before,
            };
            if told.replace(before) != Some(before) {
                tell(before);
            }
            changed.changed().await.map_err(Error::internal)?;
        }
    }

    /// The turn, when nobody builds or waits.
    pub(crate) fn try_turn(&self) -> Option<Turn> {
        let mut waiting = self.lock();
        if waiting.taken || !waiting.all.is_empty() {
            return None;
        }
        waiting.taken = true;
        Some(Turn(self.clone()))
    }

    fn enter(&self, priority: Priority, workspace: NodeId) -> Result<Waits> {
        let mut waiting = self.lock();
        let (mut all, mut own) = (0, 0);
        for (_, other) in waiting.all.range(..=(priority, u64::MAX)) {
            all += 1;
            own += usize::from(*other == workspace);
        }
        let busy = match (all >= MAX_WAITING.0, own >= MAX_WAITING.1) {
            (_, true) => Some("Builds of this workspace wait already; they build what is newest then."),
            (true, _) => Some("As many builds wait as may; try again."),
            _ => None,
        };
        if let Some(busy) = busy {
            return Err(Error::new(Code::TooManyRequests, busy));
        }
        waiting.last += 1;
        let place = (priority, waiting.last);
        waiting.all.insert(place, workspace);
        drop(waiting);
        self.0.changed.send_replace(());
        Ok(Waits { queue: self.clone(), place })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    /// The turn, when it is this one's; else how many come before, with the one that builds.
    fn look(&self) -> Result<Turn, usize> {
        let mut waiting = self.queue.lock();
        let before = waiting.all.range(..self.place).count() + usize::from(waiting.taken);
        if before > 0 {
            return Err(before);
        }
        waiting.taken = true;
        waiting.all.remove(&self.place);
        Ok(Turn(self.queue.clone()))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.queue.lock().all.remove(&self.place);
        self.queue.0.changed.send_replace(());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().taken = false;
        self.0.0.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kageos_core::Env;
    use tokio::{sync::mpsc, time::timeout};

    use super::*;

    /// Long enough for what has to happen, and for what must not.
    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn people_come_first_and_the_rest_in_order() {
        let (queue, env) = (Queue::default(), Env::system());
        let first = queue.turn(Priority::Unattended, NodeId::new(&env), |_| {}).await.unwrap();
        assert!(queue.try_turn().is_none());
        let (done, mut order) = mpsc::unbounded_channel();
        for (priority, name) in [
            (Priority::Unattended, "night"),
            (Priority::Agent, "agent"),
            (Priority::Person, "one"),
            (Priority::Person, "two"),
        ] {
            let (queue, done, workspace) = (queue.clone(), done.clone(), NodeId::new(&env));
            let (told, mut heard) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                let turn = queue
                    .turn(priority, workspace, |before| {
                        let _ = told.send(before);
                    })
                    .await
                    .unwrap();
                done.send(name).unwrap();
                drop(turn);
            });
            // It waits, behind the one that builds and those that come first.
            let before = timeout(SOON, heard.recv()).await.unwrap().unwrap();
            assert_eq!(before, if name == "two" { 2 } else { 1 }, "{name}");
        }
        drop(first);
        for name in ["one", "two", "agent", "night"] {
            assert_eq!(timeout(SOON, order.recv()).await.unwrap(), Some(name));
        }
        assert!(queue.try_turn().is_some());
    }

    #[tokio::test]
    async fn who_waits_no_more_lets_the_next_one_go() {
        let (queue, env) = (Queue::default(), Env::system());
        let first = queue.try_turn().unwrap();
        let gone = queue.turn(Priority::Person, NodeId::new(&env), |_| {});
        assert!(timeout(Duration::from_millis(20), gone).await.is_err());
        assert!(queue.lock().all.is_empty());
        let next = tokio::spawn({
            let (queue, workspace) = (queue.clone(), NodeId::new(&env));
            async move { queue.turn(Priority::Agent, workspace, |_| {}).await.map(drop) }
        });
        drop(first);
        timeout(SOON, next).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let (queue, env) = (Queue::default(), Env::system());
        let _first = queue.try_turn().unwrap();
        let one = NodeId::new(&env);
        let mut waiting: Vec<_> = (0..2).map(|_| queue.enter(Priority::Person, one).unwrap()).collect();
        let code = |workspace| queue.enter(Priority::Person, workspace).map(drop).map_err(|error| error.code);
        assert_eq!(code(one), Err(Code::TooManyRequests));
        assert_eq!(
            queue.enter(Priority::Agent, one).map(drop).map_err(|error| error.code),
            Err(Code::TooManyRequests)
        );
        waiting.extend((2..64).map(|_| queue.enter(Priority::Agent, NodeId::new(&env)).unwrap()));
        let night =
            |workspace| queue.enter(Priority::Unattended, workspace).map(drop).map_err(|error| error.code);
        assert_eq!(night(NodeId::new(&env)), Err(Code::TooManyRequests));
        assert_eq!(code(NodeId::new(&env)), Ok(()), "agents that wait keep nobody out");
        waiting.pop();
        assert_eq!(night(NodeId::new(&env)), Ok(()));
    }
}
