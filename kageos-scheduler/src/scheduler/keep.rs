//! Beats, and watches the beats of others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kageos_core::WorkerId;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::life::Life;
use crate::flow::{Beat, Fence};
use crate::store::{Failure, WorkerRow};

/// Beats in the time of a lease.
const BEATS: u32 = 3;

/// How long the beats of others have stood still, by this worker's own count.
#[derive(Debug, Default)]
struct Watch {
    seen: HashMap<WorkerId, (u64, Duration)>,
    /// When it could look last.
    looked: Duration,
}

impl Watch {
    /// Those whose beat has stood still for a lease. Time in which nobody could look does not count.
    fn look(&mut self, others: &[WorkerRow], now: Duration, lease: Duration) -> Vec<(WorkerId, Option<u64>)> {
        let blind = now.saturating_sub(self.looked) > lease;
        self.looked = now;
        self.seen.retain(|id, _| others.iter().any(|it| it.id == *id));
        let mut gone = Vec::new();
        for other in others {
            let Some(beat) = other.beat else {
                // Somebody has begun to take its place.
                gone.push((other.id, None));
                continue;
            };
            let (known, since) = self.seen.entry(other.id).or_insert((beat, now));
            if *known != beat || blind {
                (*known, *since) = (beat, now);
            } else if now.saturating_sub(*since) >= lease {
                gone.push((other.id, Some(beat)));
            }
        }
        gone
    }
}

impl Life {
    /// Goes on until the worker was fenced, or must take itself for fenced because it could not beat for a lease.
    pub(super) async fn keep(&self, seen: mpsc::Sender<Vec<WorkerRow>>) {
        let core = &self.core;
        let lease = core.options.lease;
        let mut beaten = self.began;
        loop {
            sleep(lease / BEATS).await;
            let now = core.time.monotonic();
            let left = lease.saturating_sub(now.saturating_sub(beaten));
            let beat = core.store.apply(Beat { worker: self.id, is_busy: !core.held.is_empty() });
            // Whoever watches has seen the last beat after it began, so nobody has taken this place yet.
            let Ok(beat) = timeout(left, beat).await else {
                tracing::warn!(worker = %self.id, "no beat for the time of a lease: what runs is somebody else's");
                return;
            };
            match beat {
                Ok(done) => {
                    beaten = now;
                    core.time.sample(done.now, now);
                    done.to_end.iter().for_each(|id| core.held.cancel(*id));
                    // While the last ones are still being fenced, the next look will do.
                    let _ = seen.try_send(done.others);
                }
                Err(Failure::Fenced) => return,
                Err(failure) => tracing::warn!(%failure, "a beat failed"),
            }
        }
    }

    /// Takes the places of workers whose beat stands still, beside the beat of this one: one that was stopped may hold its
    /// row for a while.
    pub(super) async fn watch(&self, mut seen: mpsc::Receiver<Vec<WorkerRow>>) {
        let (lease, mut watch) = (self.core.options.lease, Watch::default());
        while let Some(others) = seen.recv().await {
            for (victim, beat) in watch.look(&others, self.core.time.monotonic(), lease) {
                self.fence(victim, beat).await;
            }
        }
    }

    /// Takes the place of a worker. What fails is tried at the next beat.
    async fn fence(&self, victim: WorkerId, beat: Option<u64>) {
        let core = &self.core;
        let (rules, now) = (Arc::clone(&core.rules), core.time.now());
        let flow = Fence { victim, beat, in_order: false, rules, now };
        match core.store.apply(flow).await {
            Ok(Some(executions)) => {
                tracing::warn!(%victim, executions, "a worker is gone; what it was at goes back into the queue");
                core.stir();
            }
            Ok(None) => {}
            Err(failure) => tracing::warn!(%failure, %victim, "a worker that is gone could not be fenced"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn check(looks: &[(u64, Option<u64>)], gone: bool) {
        let (mut watch, id) = (Watch::default(), WorkerId::NIL);
        let mut last = Vec::new();
        for (seconds, beat) in looks {
            let other = WorkerRow { id, name: "a".to_owned(), beat: *beat };
            last = watch.look(&[other], at(*seconds), LEASE);
        }
        assert_eq!(!last.is_empty(), gone, "{looks:?}");
    }

    #[test]
    fn a_beat_that_stands_still_for_a_lease_is_gone() {
        check(&[(1, Some(5)), (5, Some(5)), (10, Some(5))], false);
        check(&[(1, Some(5)), (5, Some(5)), (11, Some(5))], true);
        check(&[(1, Some(5)), (5, Some(6)), (11, Some(6))], false);
        check(&[(1, None)], true);
    }

    #[test]
    fn time_in_which_nobody_could_look_does_not_count() {
        check(&[(1, Some(5)), (20, Some(5))], false);
        check(&[(1, Some(5)), (20, Some(5)), (25, Some(5)), (30, Some(5))], true);
    }
}
