//! What executors really did, beside what the rows say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use kageos_core::{ExecutionId, TaskId, Timestamp};
use kageos_scheduler::{Run, Source};

#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Attempts that were begun.
    pub(super) begun: BTreeSet<(ExecutionId, u32)>,
    /// Attempts that ended well, as their executor knows it.
    pub(super) done: BTreeSet<(ExecutionId, u32)>,
    /// Of each task the executions of its schedule that go on.
    going: BTreeMap<TaskId, BTreeSet<ExecutionId>>,
    /// How many may, where not as many as there are.
    limits: BTreeMap<TaskId, usize>,
    trace: Vec<(Timestamp, ExecutionId, u32)>,
    /// What must not be. A panic in an executor would only be one more failed attempt.
    pub(super) wrong: Vec<String>,
}

/// Shared by all executors.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Entries>>);

/// An attempt that goes on; dropped when it does not any more.
#[derive(Debug)]
pub(super) struct Going {
    journal: Journal,
    task: TaskId,
    execution: ExecutionId,
    attempt: u32,
}

impl Journal {
    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap()
    }

    pub(super) fn limit(&self, task: TaskId, most: usize) {
        self.entries().limits.insert(task, most);
    }

    /// Nothing more is said of this task.
    pub(super) fn unlimited(&self, task: TaskId) {
        self.entries().limits.remove(&task);
    }

    pub(super) fn trace(&self) -> Vec<(Timestamp, ExecutionId, u32)> {
        self.entries().trace.clone()
    }

    pub(super) fn begin(&self, run: &Run, now: Timestamp) -> Going {
        let mut entries = self.entries();
        let id = (run.execution, run.attempt);
        if !entries.begun.insert(id) {
            entries.wrong.push(format!("attempt {id:?} was begun twice"));
        }
        entries.trace.push((now, run.execution, run.attempt));
        if run.source == Source::Schedule {
            let limit = entries.limits.get(&run.task).copied().unwrap_or(usize::MAX);
            let going = entries.going.entry(run.task).or_default();
            going.insert(run.execution);
            if going.len() > limit {
                let wrong = format!("{now:?}: {going:?} of task {} where {limit} may", run.task);
                entries.wrong.push(wrong);
            }
        }
        drop(entries);
        Going { journal: self.clone(), task: run.task, execution: run.execution, attempt: run.attempt }
    }
}

impl Going {
    pub(super) fn done(&self) {
        self.journal.entries().done.insert((self.execution, self.attempt));
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        if let Ok(mut entries) = self.journal.0.lock() {
            entries.going.entry(self.task).or_default().remove(&self.execution);
        }
    }
}
