//! Ends of attempts, and who may tell them.

use std::time::Duration;

use kageos_core::{TaskId, WorkerId};

use super::{at, each, every, failure};
use crate::decide::Outcome;
use crate::flow::{Attempts, Find};
use crate::{Policy, Reason, Record, Retry, State};

fn retries(max_attempts: u32) -> Policy {
    Policy { retry: Retry { max_attempts, first_s: 10, cap_s: 100, after_loss: true }, ..Policy::default() }
}

#[test]
fn the_end_of_an_attempt_is_taken_once_and_from_nobody_else() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let mut run = bench.fire(at(60), 10).await.remove(0);
            let other = WorkerId::new(&bench.env);
            assert!(!bench.end(other, &run, Outcome::Done(None), at(61)).await);
            run.attempt += 1;
            assert!(!bench.end(bench.worker, &run, Outcome::Done(None), at(61)).await);
            run.attempt -= 1;
            let output = Outcome::Done(Some("{\"a\":1}".into()));
            assert!(bench.end(bench.worker, &run, output, at(62)).await);
            assert!(!bench.end(bench.worker, &run, failure("late"), at(63)).await);
            let ended = bench.history(task).await.remove(0).unwrap();
            assert_eq!((ended.state, ended.attempts, ended.ended), (State::Succeeded, 1, at(62)));
            assert_eq!((ended.output.as_deref(), ended.worker), (Some("{\"a\":1}"), Some(bench.worker)));
            assert!(bench.open(task).await.is_empty());
            let found = bench.apply(Find(run.id)).await;
            assert!(matches!(found, Some(Record::Ended(it)) if it == ended));
        })
    });
}

#[test]
fn a_failure_is_tried_again_after_a_pause_that_grows_until_somebody_has_to_look() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(3600)), retries(3)).await;
            let mut run = bench.fire(at(3600), 10).await.remove(0);
            let mut now = at(3600);
            for pause in [10, 20] {
                assert!(bench.end(bench.worker, &run, failure("no"), now).await);
                let ready = bench.open(task).await[0].ready.unwrap();
                let (least, most) = (Duration::from_secs(pause), Duration::from_millis(pause * 1200));
                assert!((now.plus(least)..now.plus(most)).contains(&ready), "{ready:?}");
                assert!(bench.claim(ready.minus(Duration::from_millis(1)), 10).await.is_empty());
                run = bench.claim(ready, 10).await.remove(0);
                now = ready;
            }
            assert_eq!((run.attempt, run.failures), (3, 2));
            assert!(bench.end(bench.worker, &run, failure("no, never"), now).await);
            let ended = bench.history(task).await.remove(0).unwrap();
            assert_eq!((ended.state, ended.attempts, ended.reason), (State::Dead, 3, Some(Reason::Failed)));
            assert_eq!(ended.error.as_deref(), Some("no, never"));
            let attempts = bench.apply(Attempts(run.id)).await;
            let told: Vec<_> =
                attempts.iter().map(|it| (it.number, it.reason, it.error.as_deref())).collect();
            assert_eq!(told, [(1, Reason::Failed, Some("no")), (2, Reason::Failed, Some("no"))]);
        })
    });
}

#[test]
fn a_failure_that_nothing_mends_and_one_without_retries_end_at_once() {
    each(|bench| {
        Box::pin(async {
            let (one, many) = (bench.create(Some(every(60)), retries(1)).await, retries(5));
            let many = bench.create(Some(every(60)), many).await;
            let timed = bench.create(Some(every(60)), retries(1)).await;
            for run in bench.fire(at(60), 10).await {
                let (reason, last) = if run.task == timed {
                    (Reason::TimedOut, false)
                } else {
                    (Reason::Failed, run.task == many)
                };
                let outcome = Outcome::Failed { reason, error: String::new(), last };
                assert!(bench.end(bench.worker, &run, outcome, at(61)).await);
            }
            let state = async |task: TaskId| bench.history(task).await[0].state;
            assert_eq!(state(one).await, State::Failed);
            assert_eq!(state(many).await, State::Failed);
            assert_eq!(state(timed).await, State::TimedOut);
        })
    });
}

#[test]
fn what_is_given_back_is_begun_by_somebody_else_and_counts_as_no_failure() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), retries(1)).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            assert!(bench.end(bench.worker, &run, Outcome::Released, at(61)).await);
            let again = bench.claim(at(61), 10).await.remove(0);
            assert_eq!((again.id, again.attempt, again.failures, again.losses), (run.id, 2, 0, 0));
            bench.succeed(&again, at(62)).await;
            assert_eq!(bench.history(task).await[0].attempts, 2);
            assert_eq!(bench.apply(Attempts(run.id)).await[0].reason, Reason::Released);
        })
    });
}

#[test]
fn many_ends_go_together() {
    each(|bench| {
        Box::pin(async {
            let policy = Policy { overlap: crate::Overlap::Allow(1000), ..Policy::default() };
            let task = bench.create(None, policy).await;
            for _ in 0..300 {
                bench.ask(task, None).await;
            }
            let runs = bench.claim(at(1), 1000).await;
            assert_eq!(runs.len(), 300);
            let rules = std::sync::Arc::new(crate::rules::Rules::none());
            let end = |(at, run): (usize, &crate::Execution)| crate::decide::End {
                id: run.id,
                task: run.task,
                attempt: 1,
                outcome: if at % 3 == 0 { Outcome::Released } else { Outcome::Done(None) },
                rules: std::sync::Arc::clone(&rules),
            };
            let ends = runs.iter().enumerate().map(end).collect();
            let flow = crate::flow::EndAll {
                worker: bench.worker,
                rules: std::sync::Arc::clone(&bench.rules),
                ends,
                now: at(2),
            };
            let done = bench.apply(flow).await;
            assert!(done.refused.is_empty() && done.stirred);
            assert_eq!((bench.history(task).await.len(), bench.open(task).await.len()), (200, 100));
            assert_eq!(bench.claim(at(3), 1000).await.len(), 100);
        })
    });
}
