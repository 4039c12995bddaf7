//! Who lives, and who may claim what.

use std::sync::Arc;

use kageos_core::WorkerId;

use super::{Bench, at, each, every, failure, ids};
use crate::decide::Outcome;
use crate::flow::{Attempts, Beat, Fence};
use crate::store::Failure;
use crate::{Policy, Reason, Retry, State};

impl Bench {
    async fn fence(&self, victim: WorkerId, beat: Option<u64>) -> Option<usize> {
        self.apply(Fence { victim, beat, in_order: false, rules: Arc::clone(&self.rules), now: at(100) })
            .await
    }

    async fn other(&self) -> WorkerId {
        let other = WorkerId::new(&self.env);
        self.join(other, "b").await;
        other
    }
}

#[test]
fn what_a_worker_that_is_gone_was_at_goes_back_into_the_queue() {
    each(|bench| {
        Box::pin(async {
            let other = bench.other().await;
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            let beat = |is_busy| Beat { worker: other, is_busy };
            let seen = bench.apply(beat(false)).await.others;
            let (id, beats) = (seen[0].id, seen[0].beat);
            assert_eq!((seen.len(), id), (1, bench.worker));
            // It lives: its beat went on.
            assert!(bench.claim(at(61), 10).await.is_empty());
            assert_eq!(bench.fence(id, beats).await, None);
            let beats = bench.apply(beat(true)).await.others[0].beat;
            assert_eq!(bench.fence(id, beats).await, Some(1));
            assert_eq!(bench.fence(id, beats).await, None);
            // Whatever it says now is not heard.
            assert!(!bench.end(bench.worker, &run, Outcome::Done(None), at(101)).await);
            for refused in [
                bench.refused(bench.claim_flow(bench.worker, at(101), 10)).await,
                bench.refused(bench.fire_flow(at(101), 10)).await,
                bench.refused(Beat { worker: bench.worker, is_busy: true }).await,
            ] {
                assert!(matches!(refused, Failure::Fenced), "{refused:?}");
            }
            let (started, _) = bench.apply(bench.claim_flow(other, at(101), 10)).await;
            let again = &started[0].execution;
            assert_eq!((again.id, again.attempt, again.losses), (run.id, 2, 1));
            assert!(bench.end(other, again, Outcome::Done(None), at(102)).await);
            assert_eq!(bench.history(task).await[0].worker, Some(other));
            assert_eq!(bench.apply(Attempts(run.id)).await[0].reason, Reason::Lost);
        })
    });
}

#[test]
fn what_may_not_be_made_again_and_what_ends_its_workers_is_dead() {
    each(|bench| {
        Box::pin(async {
            let once = Policy { retry: Retry { after_loss: false, ..Retry::default() }, ..Policy::default() };
            let once = bench.create(Some(every(60)), once).await;
            let killer = bench.create(Some(every(60)), Policy::default()).await;
            bench.fire(at(60), 0).await;
            for _ in 0..5 {
                let worker = bench.other().await;
                bench.apply(bench.claim_flow(worker, at(101), 10)).await;
                assert!(bench.fence(worker, None).await.is_some());
            }
            for (task, attempts) in [(once, 1), (killer, 5)] {
                let ended = bench.history(task).await.remove(0).unwrap();
                assert_eq!(
                    (ended.state, ended.reason, ended.attempts),
                    (State::Dead, Some(Reason::Lost), attempts)
                );
            }
        })
    });
}

#[test]
fn two_workers_never_claim_the_same() {
    each(|bench| {
        Box::pin(async {
            let other = bench.other().await;
            let task = bench.create(None, Policy::default()).await;
            for _ in 0..40 {
                bench.ask(task, None).await;
            }
            let mut claimed = Vec::new();
            for _ in 0..10 {
                let (one, two) = tokio::join!(
                    bench.store.apply(bench.claim_flow(bench.worker, at(1), 3)),
                    bench.store.apply(bench.claim_flow(other, at(1), 3))
                );
                for (started, _) in [one.unwrap(), two.unwrap()] {
                    claimed.extend(started.into_iter().map(|it| it.execution));
                }
            }
            let mut all = ids(&claimed);
            all.sort_unstable();
            all.dedup();
            assert_eq!((all.len(), claimed.len()), (40, 40));
        })
    });
}

#[test]
fn the_important_go_first_and_an_executor_that_is_not_here_is_left_to_others() {
    each(|bench| {
        Box::pin(async {
            let with = |priority| Policy { priority, ..Policy::default() };
            let (low, high) = (bench.create(None, with(1)).await, bench.create(None, with(9)).await);
            bench.ask(low, None).await;
            bench.ask(high, None).await;
            let first = bench.claim(at(1), 1).await.remove(0);
            assert_eq!(first.task, high);
            let nobody: Arc<[Arc<str>]> = Arc::from(vec![Arc::from("another")]);
            let flow = crate::flow::Claim { executors: nobody, ..bench.claim_flow(bench.worker, at(1), 10) };
            let (started, coming) = bench.apply(flow).await;
            assert!(started.is_empty() && !coming.queued);
            assert_eq!(bench.claim(at(1), 10).await[0].task, low);
        })
    });
}

#[test]
fn one_that_is_told_to_end_hears_of_it_at_its_beat_and_is_cancelled_then() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            let cancel = crate::flow::Cancel { id: run.id, rules: Arc::clone(&bench.rules), now: at(61) };
            bench.apply(cancel).await;
            let beat = bench.apply(Beat { worker: bench.worker, is_busy: true }).await;
            assert_eq!(beat.to_end, [run.id]);
            assert!(bench.end(bench.worker, &run, failure("told to"), at(62)).await);
            let ended = bench.history(task).await.remove(0).unwrap();
            assert_eq!((ended.state, ended.reason), (State::Cancelled, Some(Reason::Requested)));
        })
    });
}
