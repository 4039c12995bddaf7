//! What people do to tasks.

use std::sync::Arc;

use kageos_core::{Code, Error, ExecutionId, TaskId};
use serde_json::value::to_raw_value;

use super::{Bench, at, each, every, noon};
use crate::flow::{Change, Create, Delete, ListTasks, Look, Pause, Resume, RunNow};
use crate::store::{Failure, Flow, Requeue, Rows, TaskRow};
use crate::{
    Delay, NewTask, Overlap, Policy, Reason, Schedule, Source, State, TaskChange, TaskState, Trigger,
};

impl Bench {
    pub(super) async fn ask(&self, task: TaskId, key: Option<&str>) -> ExecutionId {
        self.apply(self.run_flow(task, key)).await.0
    }

    fn run_flow(&self, task: TaskId, key: Option<&str>) -> RunNow {
        RunNow {
            id: ExecutionId::new(&self.env),
            task,
            payload: None,
            key: key.map(str::to_owned),
            rules: Arc::clone(&self.rules),
            now: noon(),
            worker: None,
        }
    }

    async fn row(&self, task: TaskId) -> TaskRow {
        self.apply(Look(task)).await.unwrap()
    }

    async fn code<F: crate::store::Flow>(&self, flow: F) -> Code
    where
        F::Output: std::fmt::Debug,
    {
        match self.refused(flow).await {
            Failure::Refused(error) => error.code,
            other => Error::from(other).code,
        }
    }
}

#[test]
fn one_owner_and_key_make_one_task() {
    each(|bench| {
        Box::pin(async {
            let create = async |owner: &str, key: Option<&str>| {
                let mut new = NewTask::new("work", &1).unwrap();
                owner.clone_into(&mut new.owner);
                new.key = key.map(str::to_owned);
                let flow = Create::new(TaskId::new(&bench.env), new, noon()).unwrap();
                bench.apply(flow).await.due.id
            };
            let first = create("ada", Some("k")).await;
            assert_eq!(create("ada", Some("k")).await, first);
            assert_ne!(create("bob", Some("k")).await, first);
            assert_ne!(create("ada", None).await, create("ada", None).await);
        })
    });
}

#[test]
fn a_run_that_is_asked_for_leaves_the_cadence_alone() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let before = bench.row(task).await;
            let id = bench.ask(task, Some("k")).await;
            assert_eq!(bench.ask(task, Some("k")).await, id);
            assert_ne!(bench.ask(task, Some("other")).await, id);
            let payload = to_raw_value(&"mine").unwrap();
            let flow = RunNow { payload: Some(payload.into()), ..bench.run_flow(task, None) };
            let third = bench.apply(flow).await.0;
            let after = bench.row(task).await;
            assert_eq!((after.next, after.due.runs, after.due.cursor), (before.next, 0, before.due.cursor));
            let runs = bench.claim(at(1), 10).await;
            assert_eq!(runs.len(), 3);
            for run in runs {
                assert_eq!(run.source, Source::Manual);
                assert_eq!(
                    run.payload.map(|it| it.get().to_owned()),
                    (run.id == third).then(|| "\"mine\"".to_owned())
                );
            }
            assert_eq!(bench.code(bench.run_flow(TaskId::new(&bench.env), None)).await, Code::NotFound);
        })
    });
}

#[test]
fn who_can_begin_at_once_does() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(None, Policy::default()).await;
            let flow = RunNow { worker: Some((bench.worker, super::names())), ..bench.run_flow(task, None) };
            let (id, started) = bench.apply(flow).await;
            let run = started.unwrap().execution;
            assert_eq!((run.id, run.state, run.attempt), (id, State::Running, 1));
            bench.succeed(&run, at(1)).await;
            // One who was fenced does not.
            let gone = Some((kageos_core::WorkerId::new(&bench.env), super::names()));
            let (_, started) = bench.apply(RunNow { worker: gone, ..bench.run_flow(task, None) }).await;
            assert!(started.is_none());
            assert_eq!(bench.open(task).await[0].state, State::Queued);
        })
    });
}

#[test]
fn a_paused_schedule_stands_still_and_says_what_it_did_not_run() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let note = "the till is being moved".to_owned();
            let paused = bench.apply(Pause { id: task, note: note.clone(), now: at(30) }).await;
            assert_eq!(
                (paused.due.state, paused.note, paused.due.revision),
                (TaskState::Paused, Some(note), 2)
            );
            assert!(bench.fire(at(200), 10).await.is_empty());
            // Somebody may ask for it all the same.
            bench.ask(task, None).await;
            let run = bench.claim(at(200), 10).await.remove(0);
            bench.succeed(&run, at(201)).await;
            let resume = || Resume { id: task, rules: Arc::clone(&bench.rules), now: at(210) };
            let row = bench.apply(resume()).await;
            assert_eq!((row.due.state, row.next, row.note), (TaskState::Active, Some(at(240)), None));
            assert_eq!(bench.apply(resume()).await.due.revision, row.due.revision);
            let history = bench.history(task).await;
            let skipped = history.iter().find(|it| it.state == State::Skipped).unwrap();
            assert_eq!(
                (skipped.reason, skipped.nominal, skipped.until),
                (Some(Reason::Paused), at(60), Some(at(180)))
            );
            assert_eq!(bench.fire(at(240), 10).await.len(), 1);
        })
    });
}

#[test]
fn a_change_is_for_the_revision_that_was_read() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let change = |revision, change| Change {
                id: task,
                change,
                revision,
                rules: Arc::clone(&bench.rules),
                now: at(90),
            };
            let other = TaskChange { schedule: Some(every(7)), ..TaskChange::default() };
            let row = bench.apply(change(Some(1), other.clone())).await;
            // From now on: nothing of before is made up for.
            assert_eq!((row.next, row.due.revision), (Some(at(91)), 2));
            assert_eq!(bench.code(change(Some(1), other)).await, Code::VersionConflict);
            let bad = Policy { timeout_s: 0, priority: 99, ..Policy::default() };
            let bad = change(None, TaskChange { policy: Some(bad), ..TaskChange::default() });
            let Failure::Refused(error) = bench.refused(bad).await else { panic!("it is taken") };
            let pointers: Vec<_> = error.fields.iter().map(|it| it.pointer.as_str()).collect();
            assert_eq!(pointers, ["/policy/timeout_s", "/policy/priority"]);
            let title = TaskChange { title: Some("Nightly".to_owned()), ..TaskChange::default() };
            let row = bench.apply(change(None, title)).await;
            assert_eq!((row.title.as_str(), row.next, row.due.revision), ("Nightly", Some(at(91)), 3));
        })
    });
}

#[test]
fn what_is_deleted_runs_no_more_and_what_it_did_stays() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            let waiting = bench.ask(task, Some("k")).await;
            bench.apply(Delete { id: task, now: at(61) }).await;
            assert!(bench.apply(Look(task)).await.is_none());
            assert_eq!(bench.code(Delete { id: task, now: at(61) }).await, Code::NotFound);
            let open = bench.open(task).await;
            assert_eq!((open.len(), open[0].cancel), (1, Some(Reason::Deleted)));
            let ended = bench.history(task).await.remove(0).unwrap();
            assert_eq!(
                (ended.id, ended.state, ended.reason),
                (waiting, State::Cancelled, Some(Reason::Deleted))
            );
            assert!(bench.fire(at(120), 10).await.is_empty());
            assert!(bench.end(bench.worker, &run, super::failure("told to"), at(121)).await);
            assert_eq!(bench.history(task).await.len(), 2);
        })
    });
}

#[test]
fn rules_that_cannot_be_read_are_noted_and_stop_nobody_else() {
    each(|bench| {
        Box::pin(async {
            let new = NewTask::new("work", &1).unwrap().schedule(every(60));
            let mut flow = Create::new(TaskId::new(&bench.env), new, noon()).unwrap();
            flow.0.due.rules = "{\"of\":\"a newer release\"}".into();
            let broken = bench.apply(flow).await.due.id;
            let sound = bench.create(Some(every(60)), Policy::default()).await;
            let begun = bench.fire(at(60), 10).await;
            assert_eq!((begun.len(), begun[0].task), (1, sound));
            let row = bench.row(broken).await;
            assert_eq!((row.due.next_run, row.due.state), (Some(at(120)), TaskState::Active));
            assert!(row.problem.is_some());
        })
    });
}

#[test]
fn lists_are_pages_in_order() {
    each(|bench| {
        Box::pin(async {
            let mut made = Vec::new();
            for number in 0..5 {
                let mut new = NewTask::new("work", &number).unwrap();
                new.subject = Some(if number % 2 == 0 { "even" } else { "odd" }.to_owned());
                let flow = Create::new(TaskId::new(&bench.env), new, noon()).unwrap();
                made.push(bench.apply(flow).await.due.id);
            }
            made.sort_unstable();
            let list = async |subject: Option<&str>, after, limit| -> Vec<TaskId> {
                let flow = ListTasks { subject: subject.map(str::to_owned), after, limit };
                bench.apply(flow).await.iter().map(|it| it.due.id).collect()
            };
            assert_eq!(list(None, None, 3).await, made[..3]);
            assert_eq!(list(None, Some(made[2]), 3).await, made[3..]);
            assert_eq!(list(Some("even"), None, 10).await.len(), 3);
            let task = made[0];
            for _ in 0..5 {
                bench.ask(task, None).await;
            }
            for run in bench.claim(at(1), 10).await {
                bench.succeed(&run, at(2)).await;
            }
            let all = bench.history(task).await;
            let flow = |before| crate::flow::History { task, before, limit: 2 };
            let newest = bench.apply(flow(None)).await;
            assert_eq!((newest[0].id, newest[1].id), (all[4].id, all[3].id));
            assert_eq!(bench.apply(flow(Some(newest[1].id))).await[0].id, all[2].id);
        })
    });
}

#[test]
fn a_delay_goes_on_whatever_happened_while_its_run_went_on() {
    each(|bench| {
        Box::pin(async {
            let delay = Schedule::new(vec![Trigger::Delay(Delay { seconds: 30 })]);
            let task = bench.create(Some(delay.clone()), Policy::default()).await;
            let run = bench.fire(at(30), 10).await.remove(0);
            bench.apply(Pause { id: task, note: String::new(), now: at(31) }).await;
            bench.succeed(&run, at(40)).await;
            let row = bench.apply(Resume { id: task, rules: Arc::clone(&bench.rules), now: at(50) }).await;
            assert_eq!(row.next, Some(at(80)));
            // The end of a run that somebody asked for moves nothing.
            bench.ask(task, None).await;
            let asked = bench.claim(at(60), 10).await.remove(0);
            bench.succeed(&asked, at(70)).await;
            assert_eq!(bench.row(task).await.next, Some(at(80)));
            // One that ran at other times before.
            let other = bench.create(Some(every(60)), Policy::default()).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            let rules = Arc::clone(&bench.rules);
            let change = TaskChange { schedule: Some(delay), ..TaskChange::default() };
            let change = Change { id: other, change, revision: None, rules, now: at(61) };
            assert_eq!(bench.apply(change).await.next, None);
            bench.succeed(&run, at(65)).await;
            assert_eq!(bench.row(other).await.next, Some(at(95)));
        })
    });
}

#[test]
fn what_runs_already_obeys_a_policy_that_comes_while_it_does() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            let policy = Policy { overlap: Overlap::Queue(2), ..Policy::default() };
            let change = TaskChange { policy: Some(policy), ..TaskChange::default() };
            let rules = Arc::clone(&bench.rules);
            bench.apply(Change { id: task, change, revision: None, rules, now: at(70) }).await;
            assert!(bench.fire(at(120), 10).await.is_empty());
            assert_eq!(bench.open(task).await[1].state, State::Waiting);
            bench.succeed(&run, at(130)).await;
            assert_eq!(bench.claim(at(130), 10).await[0].nominal, at(120));
        })
    });
}

#[test]
fn what_the_old_times_did_not_come_to_is_told() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let change = TaskChange { schedule: Some(every(50)), ..TaskChange::default() };
            let rules = Arc::clone(&bench.rules);
            bench.apply(Change { id: task, change, revision: None, rules, now: at(190) }).await;
            let told = bench.history(task).await.remove(0).unwrap();
            assert_eq!(
                (told.reason, told.nominal, told.until),
                (Some(Reason::Changed), at(60), Some(at(180)))
            );
            assert_eq!(bench.fire(at(200), 10).await[0].nominal, at(200));
        })
    });
}

#[test]
fn runs_that_somebody_asks_for_stand_in_nobodys_way() {
    each(|bench| {
        Box::pin(async {
            for overlap in [Overlap::Skip, Overlap::CancelPrevious] {
                let policy = Policy { overlap, ..Policy::default() };
                let task = bench.create(Some(every(60)), policy).await;
                bench.ask(task, None).await;
                let asked = bench.claim(at(1), 10).await.remove(0);
                let run = bench.fire(at(60), 10).await.remove(0);
                assert_eq!((run.task, run.nominal), (task, at(60)));
                assert_eq!(bench.open(task).await.iter().find(|it| it.id == asked.id).unwrap().cancel, None);
                bench.succeed(&asked, at(61)).await;
                bench.succeed(&run, at(61)).await;
                bench.apply(Delete { id: task, now: at(62) }).await;
            }
        })
    });
}

#[test]
fn an_execution_whose_task_is_gone_ends_when_somebody_claims_it() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(60)), Policy::default()).await;
            let run = bench.fire(at(60), 10).await.remove(0);
            bench.apply(Delete { id: task, now: at(61) }).await;
            // It goes back into the queue, although nobody wants it any more.
            let requeue = Requeue { id: run.id, ready: at(61), failures: 1, losses: 0 };
            bench.apply(PutBack(requeue)).await;
            assert!(bench.claim(at(62), 10).await.is_empty());
            assert!(bench.open(task).await.is_empty());
            assert_eq!(bench.history(task).await[0].reason, Some(Reason::Deleted));
        })
    });
}

/// Puts an execution back into the queue, as the end of an attempt does that a deletion did not see.
#[derive(Debug)]
struct PutBack(Requeue);

impl Flow for PutBack {
    type Output = ();

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<(), Failure> {
        Ok(rows.requeue(std::slice::from_ref(&self.0)).await?)
    }
}
