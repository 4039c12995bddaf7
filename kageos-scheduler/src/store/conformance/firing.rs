//! Tasks that are due.

use std::time::Duration;

use kageos_core::Timestamp;

use super::{Bench, at, each, every, ids, noon};
use crate::flow::Look;
use crate::{Delay, Missed, Overlap, Policy, Reason, Schedule, State, TaskState, Trigger};

/// Reason, seconds after noon of the first and the last, and how many.
type NotRun = (Reason, u64, u64, Option<u32>);

fn seconds(at: Timestamp) -> u64 {
    at.since(noon()).as_secs()
}

impl Bench {
    async fn left_out(&self, task: kageos_core::TaskId) -> Vec<NotRun> {
        let skipped = self.history(task).await.into_iter().filter(|it| it.state == State::Skipped);
        let told = skipped.map(|it| {
            (it.reason.unwrap(), seconds(it.nominal), seconds(it.until.unwrap_or(it.nominal)), it.count)
        });
        told.collect()
    }
}

#[test]
fn an_occurrence_has_one_execution_however_many_fire() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            assert!(bench.fire(at(59), 10).await.is_empty());
            let (one, other) = tokio::join!(
                bench.store.apply(bench.fire_flow(at(60), 10)),
                bench.store.apply(bench.fire_flow(at(60), 10))
            );
            let begun = [one.unwrap().started, other.unwrap().started].concat();
            assert_eq!(begun.len(), 1);
            let run = &begun[0].execution;
            assert_eq!((run.nominal, run.state, run.attempt), (at(60), State::Running, 1));
            assert_eq!(run.id, crate::execution::occurrence_id(task, at(60)));
            assert!(bench.fire(at(61), 10).await.is_empty());
            let row = bench.apply(Look(task)).await.unwrap();
            assert_eq!((row.due.cursor, row.next, row.due.runs), (at(60), Some(at(120)), 1));
        })
    });
}

#[test]
fn without_a_free_slot_it_waits_in_the_queue() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            assert!(bench.fire(at(60), 0).await.is_empty());
            let open = bench.open(task).await;
            assert_eq!((open.len(), open[0].state, open[0].attempt), (1, State::Queued, 0));
            let claimed = bench.claim(at(61), 5).await;
            assert_eq!((ids(&claimed), claimed[0].attempt), (ids(&open), 1));
            assert!(bench.claim(at(61), 5).await.is_empty());
        })
    });
}

/// A task every ten seconds that nobody looked at until `now`: how many run, and what is said of the others.
fn check_missed(missed: Missed, overlap: Overlap, now: u64, run: &[u64], left_out: &[NotRun]) {
    each(|bench| {
        let (run, left_out) = (run.to_vec(), left_out.to_vec());
        Box::pin(async move {
            let task = bench.create(Some(every(10)), Policy { missed, overlap, ..Policy::default() }).await;
            let begun = bench.fire(at(now), 1000).await;
            assert_eq!(begun.iter().map(|it| seconds(it.nominal)).collect::<Vec<_>>(), run);
            assert_eq!(bench.left_out(task).await, left_out);
        })
    });
}

#[test]
fn missed_runs_are_made_up_for_as_the_rule_says() {
    let missed = |first, last, count| (Reason::Missed, first, last, Some(count));
    check_missed(Missed::Once, Overlap::Skip, 45, &[40], &[missed(10, 30, 3)]);
    check_missed(Missed::Last(2), Overlap::Allow(2), 45, &[30, 40], &[missed(10, 20, 2)]);
    check_missed(Missed::All, Overlap::Allow(9), 45, &[10, 20, 30, 40], &[]);
    // The newest is on time, so it runs; when even that is late, none does.
    check_missed(Missed::Skip, Overlap::Skip, 45, &[40], &[missed(10, 30, 3)]);
}

#[test]
fn a_long_time_away_is_one_entry() {
    // A day and more: too many to count one by one.
    let (day, reason) = (86_405, Reason::Missed);
    check_missed(Missed::Once, Overlap::Skip, day, &[86_400], &[(reason, 10, 86_390, None)]);
    check_missed(
        Missed::Last(3),
        Overlap::Allow(3),
        day,
        &[86_380, 86_390, 86_400],
        &[(reason, 10, 86_370, None)],
    );
}

#[test]
fn what_is_late_does_not_run_where_late_is_wrong() {
    each(|bench| {
        Box::pin(async {
            let policy = Policy { missed: Missed::Skip, ..Policy::default() };
            let skips = bench.create(Some(every(3600)), policy).await;
            let within = Policy { start_within_s: Some(30), ..Policy::default() };
            let within = bench.create(Some(every(3600)), within).await;
            assert!(bench.fire(at(3661), 10).await.is_empty());
            assert_eq!(bench.left_out(skips).await, [(Reason::Missed, 3600, 3600, Some(1))]);
            assert_eq!(bench.left_out(within).await, [(Reason::TooLate, 3600, 3600, Some(1))]);
            // In the queue too.
            assert!(bench.fire(at(7200), 0).await.is_empty());
            assert_eq!(bench.claim(at(7231), 10).await.len(), 1);
            assert_eq!(bench.left_out(within).await[1..], [(Reason::TooLate, 7200, 7200, None)]);
        })
    });
}

#[test]
fn runs_that_overlap_do_as_the_rule_says() {
    each(|bench| {
        Box::pin(async {
            let policy = |overlap| Policy { overlap, ..Policy::default() };
            let skip = bench.create(Some(every(60)), policy(Overlap::Skip)).await;
            let queue = bench.create(Some(every(60)), policy(Overlap::Queue(1))).await;
            let allow = bench.create(Some(every(60)), policy(Overlap::Allow(2))).await;
            let first = bench.fire(at(60), 10).await;
            assert_eq!(first.len(), 3);
            assert_eq!(bench.fire(at(120), 10).await.len(), 1);
            bench.fire(at(180), 10).await;
            let states =
                async |task| -> Vec<State> { bench.open(task).await.iter().map(|it| it.state).collect() };
            assert_eq!(states(skip).await, [State::Running]);
            assert_eq!(states(queue).await, [State::Running, State::Waiting]);
            assert_eq!(states(allow).await, [State::Running, State::Running]);
            let overlap = |second| (Reason::Overlap, second, second, Some(1));
            assert_eq!(bench.left_out(skip).await, [overlap(120), overlap(180)]);
            assert_eq!(bench.left_out(queue).await, [overlap(180)]);
            assert_eq!(bench.left_out(allow).await, [overlap(180)]);
            // The end of the first lets the one that waits go.
            let first = first.iter().find(|it| it.task == queue).unwrap();
            bench.succeed(first, at(190)).await;
            let claimed = bench.claim(at(190), 10).await;
            assert_eq!((claimed.len(), claimed[0].nominal), (1, at(120)));
        })
    });
}

#[test]
fn a_newer_run_takes_the_place_of_the_one_before() {
    each(|bench| {
        Box::pin(async {
            let policy = Policy { overlap: Overlap::CancelPrevious, ..Policy::default() };
            let task = bench.create(Some(every(60)), policy).await;
            let first = bench.fire(at(60), 10).await.remove(0);
            assert!(bench.fire(at(120), 10).await.is_empty());
            assert!(bench.fire(at(180), 10).await.is_empty());
            let open = bench.open(task).await;
            assert_eq!(
                (open.len(), open[0].cancel, open[1].state),
                (2, Some(Reason::Superseded), State::Waiting)
            );
            assert_eq!(open[1].nominal, at(180));
            assert!(bench.end(bench.worker, &first, super::failure("told to"), at(181)).await);
            assert_eq!(bench.claim(at(181), 10).await[0].nominal, at(180));
            let history = bench.history(task).await;
            let ends: Vec<_> = history.iter().map(|it| (it.state, it.reason.unwrap())).collect();
            assert_eq!(
                ends,
                [(State::Cancelled, Reason::Superseded), (State::Cancelled, Reason::Superseded)]
            );
            // One that nobody is at yet goes at once, and the newer one need not wait.
            let other = Policy { overlap: Overlap::CancelPrevious, ..Policy::default() };
            let other = bench.create(Some(every(60)), other).await;
            bench.fire(at(240), 0).await;
            bench.fire(at(300), 0).await;
            let open = bench.open(other).await;
            assert_eq!((open.len(), open[0].nominal, open[0].state), (1, at(300), State::Queued));
        })
    });
}

#[test]
fn all_missed_runs_come_one_after_the_other_where_one_may() {
    each(|bench| {
        Box::pin(async {
            let policy = Policy { missed: Missed::All, overlap: Overlap::Allow(1), ..Policy::default() };
            let task = bench.create(Some(every(10)), policy).await;
            for nominal in [10, 20, 30] {
                let begun = bench.fire(at(35), 10).await;
                assert_eq!(begun.iter().map(|it| seconds(it.nominal)).collect::<Vec<_>>(), [nominal]);
                assert!(bench.fire(at(35), 10).await.is_empty());
                bench.succeed(&begun[0], at(35)).await;
            }
            assert!(bench.fire(at(35), 10).await.is_empty());
            assert!(bench.left_out(task).await.is_empty());
            assert_eq!(bench.history(task).await.len(), 3);
        })
    });
}

#[test]
fn a_delay_counts_from_the_end_of_the_run_before() {
    each(|bench| {
        Box::pin(async {
            let schedule = Schedule::new(vec![Trigger::Delay(Delay { seconds: 30 })]);
            let task = bench.create(Some(schedule), Policy::default()).await;
            let first = bench.fire(at(30), 10).await.remove(0);
            assert_eq!(bench.apply(Look(task)).await.unwrap().next, None);
            bench.succeed(&first, at(100)).await;
            assert_eq!(bench.apply(Look(task)).await.unwrap().next, Some(at(130)));
            assert_eq!(bench.fire(at(130), 10).await.len(), 1);
        })
    });
}

#[test]
fn after_its_last_run_a_schedule_is_over() {
    each(|bench| {
        Box::pin(async {
            let schedule = Schedule { max_runs: Some(2), ..every(60) };
            let task = bench.create(Some(schedule), Policy::default()).await;
            for second in [60, 120, 180] {
                if let Some(run) = bench.fire(at(second), 10).await.first() {
                    bench.succeed(run, at(second)).await;
                }
            }
            let row = bench.apply(Look(task)).await.unwrap();
            assert_eq!((row.due.state, row.due.runs, row.due.next_run), (TaskState::Over, 2, None));
            assert_eq!(bench.history(task).await.len(), 2);
        })
    });
}

#[test]
fn jitter_moves_when_it_runs_and_never_which_run_it_is() {
    each(|bench| {
        Box::pin(async {
            let schedule = Schedule { jitter_s: 50, ..every(60) };
            let task = bench.create(Some(schedule), Policy::default()).await;
            let planned = bench.apply(Look(task)).await.unwrap().due.next_run.unwrap();
            assert!(planned >= at(60) && planned < at(110));
            assert!(bench.fire(planned.minus(Duration::from_millis(1)), 10).await.is_empty());
            let run = bench.fire(planned, 10).await.remove(0);
            assert_eq!((run.nominal, run.planned), (at(60), planned));
        })
    });
}
