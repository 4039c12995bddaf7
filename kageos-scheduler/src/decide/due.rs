//! Which occurrences of a task are due, and which of them the rule for missed runs lets run.

use std::collections::VecDeque;
use std::time::Duration;

use kageos_core::Timestamp;

use crate::plan::TICK;
use crate::policy::ON_TIME;
use crate::rules::Rules;
use crate::{Missed, Next, Plan, Reason, SearchError};

/// How many occurrences that are due are looked at one by one and counted. Where there are more, the newest are searched
/// for from behind.
const COUNTED: usize = 100;

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) plan: &'a Plan,
    pub(crate) task: &'a str,
    pub(crate) now: Timestamp,
}

/// An occurrence that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) nominal: Timestamp,
    pub(crate) planned: Timestamp,
}

/// Occurrences in a row that do not run, for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) first: Run,
    /// The nominal time of the last.
    pub(crate) until: Timestamp,
    pub(crate) count: Option<u32>,
    pub(crate) reason: Reason,
}

/// What is due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DueRuns {
    /// May run, in order.
    pub(crate) runs: Vec<Run>,
    /// Do not run.
    pub(crate) left_out: Vec<LeftOut>,
    /// Up to here all is decided.
    pub(crate) cursor: Timestamp,
}

impl LeftOut {
    pub(crate) fn one(run: Run, reason: Reason) -> Self {
        Self { first: run, until: run.nominal, count: Some(1), reason }
    }

    /// Takes what comes next into it.
    fn grow(&mut self, run: Run) {
        self.until = run.nominal;
        self.count = self.count.map(|count| count + 1);
    }
}

/// Adds an occurrence that does not run to those before it, when the reason is the same.
pub(crate) fn leave_out(all: &mut Vec<LeftOut>, run: Run, reason: Reason) {
    match all.last_mut() {
        Some(last) if last.reason == reason => last.grow(run),
        _ => all.push(LeftOut::one(run, reason)),
    }
}

impl Due<'_> {
    /// What is due after `cursor`. At most `most` run.
    pub(crate) fn runs(
        &self,
        cursor: Timestamp,
        last_end: Option<Timestamp>,
        most: usize,
    ) -> Result<DueRuns, SearchError> {
        let missed = self.rules.policy().missed;
        let keep = match missed {
            Missed::Skip | Missed::Once => 1,
            Missed::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Missed::All => most,
        };
        let mut walk = Walk { due: self, cursor, last_end };
        let mut kept = VecDeque::new();
        let mut left_out = Vec::new();
        let mut more = true;
        for _ in 0..COUNTED {
            if missed == Missed::All && kept.len() == keep {
                more = false;
                break;
            }
            let Some(run) = walk.step()? else {
                more = false;
                break;
            };
            keep_newest(&mut kept, run, keep, &mut left_out);
        }
        if more && missed != Missed::All {
            self.jump(&mut walk, &mut kept, keep, &mut left_out)?;
        }
        let mut due = DueRuns { runs: Vec::new(), left_out, cursor: walk.cursor };
        for run in kept {
            match self.why_not(missed, run) {
                Some(reason) => leave_out(&mut due.left_out, run, reason),
                None => due.runs.push(run),
            }
        }
        Ok(due)
    }

    /// Goes on with the newest that are surely due, and from there on one by one.
    fn jump(
        &self,
        walk: &mut Walk<'_>,
        kept: &mut VecDeque<Run>,
        keep: usize,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<(), SearchError> {
        let until = self.now.minus(Duration::from_secs(self.plan.jitter_s.into()));
        let from = walk.cursor;
        let (mut newest, mut before) = (VecDeque::new(), until);
        while newest.len() < keep {
            let Some(found) = self.plan.last(from, before)? else { break };
            newest.push_front(self.run(found.nominal));
            before = found.nominal.minus(TICK);
        }
        if let Some(last) = newest.back() {
            walk.cursor = last.nominal;
        }
        for run in newest {
            keep_newest(kept, run, keep, left_out);
        }
        // What lies between was not counted, and is told with the last of it.
        if let Some(last) = left_out.last_mut()
            && let Some(skipped) = self.plan.last(last.until, before)?
        {
            (last.until, last.count) = (last.until.max(skipped.nominal), None);
        }
        for _ in 0..COUNTED {
            let Some(run) = walk.step()? else { break };
            keep_newest(kept, run, keep, left_out);
        }
        Ok(())
    }

    fn run(&self, nominal: Timestamp) -> Run {
        Run { nominal, planned: self.plan.planned(self.task, nominal) }
    }

    fn why_not(&self, missed: Missed, run: Run) -> Option<Reason> {
        if missed == Missed::Skip && self.now > run.planned.plus(ON_TIME) {
            return Some(Reason::Missed);
        }
        self.rules.policy().is_too_late(run.planned, self.now).then_some(Reason::TooLate)
    }
}

fn keep_newest(kept: &mut VecDeque<Run>, run: Run, keep: usize, left_out: &mut Vec<LeftOut>) {
    kept.push_back(run);
    if kept.len() > keep
        && let Some(old) = kept.pop_front()
    {
        leave_out(left_out, old, Reason::Missed);
    }
}

/// Goes from one occurrence that is due to the next.
struct Walk<'a> {
    due: &'a Due<'a>,
    cursor: Timestamp,
    last_end: Option<Timestamp>,
}

impl Walk<'_> {
    fn step(&mut self) -> Result<Option<Run>, SearchError> {
        let Next::Run(occurrence) = self.due.plan.next(self.cursor, self.last_end)? else { return Ok(None) };
        let run = self.due.run(occurrence.nominal);
        if run.planned > self.due.now {
            return Ok(None);
        }
        self.cursor = run.nominal;
        // From here on a run goes on, so a delay has no next time.
        self.last_end = None;
        Ok(Some(run))
    }
}
