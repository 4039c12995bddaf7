//! What must hold after all faults.

use std::collections::{BTreeMap, BTreeSet};

use kageos_core::sql::params;
use kageos_core::{ExecutionId, TaskId};
use kageos_scheduler::{Ended, Record, Source, State};

use super::Campaign;

/// How often each attempt began, and how often it was done.
type Effects = BTreeMap<(ExecutionId, u32), (u32, u32)>;

impl Campaign {
    pub(super) async fn check(&self) {
        for id in &self.promised {
            let found = self.scheduler.execution(*id).await.unwrap();
            assert!(matches!(found, Some(Record::Ended(_))), "{id} was promised, and is {found:?}");
        }
        let effects = self.effects().await;
        for (id, (begun, done)) in &effects {
            assert!(
                *begun <= 1 && *done <= 1,
                "attempt {id:?} began {begun} times and was done {done} times"
            );
        }
        for task in &self.tasks {
            let history = self.history(*task).await;
            self.check_outcomes(&history, &effects).await;
            self.check_times(*task, &history).await;
        }
    }

    async fn effects(&self) -> Effects {
        let mut effects = Effects::new();
        for row in self.db.fetch_all("SELECT execution, attempt, done FROM effect", params![]).await.unwrap()
        {
            let id: ExecutionId = row.text("execution").unwrap().parse().unwrap();
            let attempt = u32::try_from(row.int("attempt").unwrap()).unwrap();
            let (begun, done) = effects.entry((id, attempt)).or_default();
            *(if row.bool("done").unwrap() { done } else { begun }) += 1;
        }
        effects
    }

    async fn history(&self, task: TaskId) -> Vec<Ended> {
        let mut all: Vec<Ended> = Vec::new();
        loop {
            let before = all.last().map(|it| it.id);
            let page = self.scheduler.history(task, before, 500).await.unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    /// The outcome that was taken is that of the attempt that it names, and every attempt before has a row.
    async fn check_outcomes(&self, history: &[Ended], effects: &Effects) {
        for ended in history {
            let last = effects.get(&(ended.id, ended.attempts));
            if ended.state == State::Succeeded {
                assert_eq!(last, Some(&(1, 1)), "{ended:?}");
            }
            let attempts = self.scheduler.attempts(ended.id).await.unwrap();
            let numbers: Vec<_> = attempts.iter().map(|it| it.number).collect();
            let rows = u32::try_from(numbers.len()).unwrap();
            assert_eq!(numbers, (1..=rows).collect::<Vec<_>>(), "{ended:?}");
            assert!(rows == ended.attempts || rows + 1 == ended.attempts, "{ended:?} {attempts:?}");
            assert!(!effects.contains_key(&(ended.id, ended.attempts + 1)), "{ended:?} was begun once more");
        }
    }

    /// Each second from the first on has one record.
    async fn check_times(&self, task: TaskId, history: &[Ended]) {
        let mut covered = BTreeSet::new();
        for ended in history.iter().filter(|it| it.source == Source::Schedule) {
            let (first, last) = (ended.nominal.as_micros(), ended.until.unwrap_or(ended.nominal).as_micros());
            for time in (first..=last).step_by(1_000_000) {
                assert!(covered.insert(time), "{time} of task {task} has two records");
            }
        }
        let row = self.scheduler.task(task).await.unwrap().unwrap();
        let first = row.created.as_micros() / 1_000_000 * 1_000_000 + 1_000_000;
        for time in (first..=row.cursor.as_micros()).step_by(1_000_000) {
            assert!(covered.contains(&time), "{time} of task {task} has no record");
        }
        assert!(covered.len() > 3, "task {task} has {} times only", covered.len());
    }
}
