//! What must hold when all has come to its end.

use std::collections::BTreeSet;

use kageos_core::{TaskId, Timestamp};
use kageos_scheduler::{Ended, Reason, Record, Source, State};

use super::world::{Known, World};

impl World {
    pub(super) async fn check(&self) {
        let wrong = self.journal.entries().wrong.clone();
        assert!(wrong.is_empty(), "{wrong:#?}");
        for (task, known) in &self.tasks {
            let history = self.history(*task).await;
            self.check_attempts(&history).await;
            self.check_times(*task, known, &history).await;
        }
        for id in &self.promised {
            let found = self.scheduler().execution(*id).await.unwrap();
            assert!(matches!(found, Some(Record::Ended(_))), "{id} was promised, and is {found:?}");
        }
    }

    async fn history(&self, task: TaskId) -> Vec<Ended> {
        let mut all: Vec<Ended> = Vec::new();
        loop {
            let before = all.last().map(|it| it.id);
            let page = self.scheduler().history(task, before, 100).await.unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    /// What the rows say of attempts is what executors did.
    async fn check_attempts(&self, history: &[Ended]) {
        for ended in history {
            let attempts = self.scheduler().attempts(ended.id).await.unwrap();
            let last = (ended.id, ended.attempts);
            // One that was still waiting for its next attempt has a row for each of those before.
            let over =
                matches!(ended.state, State::Succeeded | State::Failed | State::TimedOut | State::Dead);
            let rows = u32::try_from(attempts.len()).unwrap();
            assert!(rows == ended.attempts || rows + 1 == ended.attempts, "{ended:?} {attempts:?}");
            assert!(!over || rows + 1 == ended.attempts, "{ended:?} {attempts:?}");
            let entries = self.journal.entries();
            if ended.state == State::Succeeded {
                assert!(entries.done.contains(&last), "{ended:?} did not end well");
            }
            let lost = |reason| matches!(reason, Reason::Lost | Reason::Released);
            if ended.attempts > 0 && !ended.reason.is_some_and(lost) && ended.state != State::Cancelled {
                assert!(entries.begun.contains(&last), "{ended:?} was never begun");
            }
            assert!(
                !entries.begun.contains(&(ended.id, ended.attempts + 1)),
                "{ended:?} was begun once more"
            );
        }
    }

    /// Each time of a schedule has one record, which says what became of it.
    async fn check_times(&self, task: TaskId, known: &Known, history: &[Ended]) {
        let scheduled: Vec<_> = history.iter().filter(|it| it.source == Source::Schedule).collect();
        let mut covered = BTreeSet::new();
        let Some(period) = known.period_s.map(|it| i64::from(it) * 1_000_000) else { return };
        for ended in &scheduled {
            let (first, last) = (ended.nominal.as_micros(), ended.until.unwrap_or(ended.nominal).as_micros());
            assert_eq!((first % period, last % period), (0, 0), "{ended:?} is no time of task {task}");
            let times: Vec<_> = (first..=last).step_by(usize::try_from(period).unwrap()).collect();
            if let Some(count) = ended.count {
                assert_eq!(times.len(), usize::try_from(count).unwrap(), "{ended:?}");
            }
            for time in times {
                assert!(covered.insert(time), "{time} of task {task} has two records");
            }
        }
        let row = self.scheduler().task(task).await.unwrap().unwrap();
        let first = known.created.as_micros() / period * period + period;
        for time in (first..=row.cursor.as_micros()).step_by(usize::try_from(period).unwrap()) {
            assert!(covered.contains(&time), "{} of task {task} has no record", Timestamp::from_micros(time));
        }
        assert!(covered.len() > 5, "task {task} has {} times only", covered.len());
    }
}
