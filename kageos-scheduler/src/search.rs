//! The search for what comes next. All triggers move forward together, always the one that has come least far, so none
//! is searched beyond the answer and their order says nothing.

use kageos_core::Timestamp;

use crate::{
    Occurrence, Plan, SearchError,
    exclude::Exclusions,
    local::LeftOut,
    plan::{Ahead, Nominal, Rule, TICK},
    steps::Steps,
    zone::MICROS,
};

/// Most excluded times in a row that the search of one trigger goes through before it gives up: more than the dates and
/// blackouts that a schedule can name together, or 39 years of a day in the week that a window takes.
pub const MAX_EXCLUDED: usize = 2048;

/// A search that goes on from occurrence to occurrence.
#[derive(Debug)]
pub(crate) struct Search<'p> {
    plan: &'p Plan,
    exclude: &'p Exclusions,
    last_end: Option<Timestamp>,
    steps: Steps,
    paths: Vec<Path<'p>>,
}

/// How far one trigger was searched.
#[derive(Debug)]
struct Path<'p> {
    trigger: usize,
    rule: &'p Rule,
    /// How many times in a row were excluded.
    excluded: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It has nothing up to this moment.
    Open(Timestamp),
    /// Its next time, not excluded.
    Found(Nominal),
    Over,
    Failed(SearchError),
}

impl<'p> Search<'p> {
    /// Of all triggers, after `after`.
    pub(crate) fn new(plan: &'p Plan, after: Timestamp, last_end: Option<Timestamp>) -> Self {
        Self::of(plan, 0..plan.rules.len(), &plan.exclude, after, last_end)
    }

    /// Of some triggers, with other exclusions.
    pub(crate) fn of(
        plan: &'p Plan,
        triggers: std::ops::Range<usize>,
        exclude: &'p Exclusions,
        after: Timestamp,
        last_end: Option<Timestamp>,
    ) -> Self {
        let from = after.max(plan.start.minus(TICK));
        let path = |(trigger, rule)| Path { trigger, rule, excluded: 0, state: State::open(from, plan.end) };
        let rules = plan.rules.iter().enumerate();
        let paths = rules.skip(triggers.start).take(triggers.len()).map(path).collect();
        Self { plan, exclude, last_end, steps: Steps::all(), paths }
    }

    /// The first occurrence of all triggers that is not passed. A trigger that failed is left out as long as another one
    /// has an occurrence; its error is answered when none has.
    pub(crate) fn next(&mut self) -> Result<Option<Occurrence>, SearchError> {
        while !self.steps.are_out()
            && let Some(at) = self.least_far()
        {
            self.step(at);
        }
        self.first().map_or_else(|| self.failure().map_or(Ok(None), Err), |found| Ok(Some(found)))
    }

    /// Goes on after `at`, at which a run begins. When it ends is not known, so no delay has a time from then on.
    pub(crate) fn pass(&mut self, at: Timestamp) {
        for path in &mut self.paths {
            match path.state {
                _ if matches!(path.rule, Rule::Delay(_)) => path.state = State::Over,
                State::Found((found, _)) if found <= at => {
                    (path.state, path.excluded) = (State::open(at, self.plan.end), 0);
                }
                _ => {}
            }
        }
    }

    /// What gaps leave out after `after` and up to `until`, with its trigger, as far as the steps reach.
    pub(crate) fn left_out(
        &mut self,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(usize, LeftOut)>, SearchError> {
        let second = |moment: Timestamp| moment.as_micros().div_euclid(MICROS);
        let after = after.max(self.plan.start.minus(TICK));
        let mut all = Vec::new();
        for path in &self.paths {
            let Rule::Local(local) = path.rule else { continue };
            let range = (second(after), second(until));
            let found = local.left_out(&self.plan.zone, self.exclude, range, &mut self.steps)?;
            all.extend(found.into_iter().map(|left| (path.trigger, left)));
        }
        Ok(all)
    }

    /// Whether nothing can be missing: no trigger failed, and the steps sufficed.
    pub(crate) fn is_whole(&self) -> bool {
        !self.steps.are_out() && !self.paths.iter().any(|path| matches!(path.state, State::Failed(_)))
    }

    /// The trigger that has come least far and may still have a time before the first that is found, or with it.
    fn least_far(&self) -> Option<usize> {
        let found = self.paths.iter().filter_map(Path::found).map(|(at, _)| at).min();
        let open = self.paths.iter().enumerate().filter_map(|(at, path)| match path.state {
            State::Open(from) if found.is_none_or(|found| from < found) => Some((from, at)),
            _ => None,
        });
        open.min().map(|(_, at)| at)
    }

    fn step(&mut self, at: usize) {
        let Some(path) = self.paths.get_mut(at) else { return };
        let State::Open(from) = path.state else { return };
        let ahead = path.rule.step(&self.plan.zone, self.exclude, from, self.last_end, &mut self.steps);
        path.state = match ahead {
            Err(error) => State::Failed(error),
            Ok(Ahead::Never) => State::Over,
            Ok(Ahead::Found((found, _)) | Ahead::After(found)) if found <= from => {
                State::Failed(SearchError::NotAfter { after: from.to_string(), found: found.to_string() })
            }
            Ok(Ahead::After(later)) => State::open(later, self.plan.end),
            Ok(Ahead::Found((found, _))) if found >= self.plan.end => State::Over,
            Ok(Ahead::Found(found)) => match self.exclude.until(&self.plan.zone, found.0) {
                None => State::Found(found),
                Some(_) if path.excluded + 1 >= MAX_EXCLUDED => {
                    State::Failed(SearchError::Excluded { steps: MAX_EXCLUDED })
                }
                Some(until) => {
                    path.excluded += 1;
                    State::open(until.minus(TICK), self.plan.end)
                }
            },
        };
    }

    /// The first that is found. Of several at one moment the first trigger counts, and the first jump is told of.
    fn first(&self) -> Option<Occurrence> {
        let found = || self.paths.iter().filter_map(|path| Some((path.trigger, path.found()?)));
        let (trigger, (nominal, _)) = found().min_by_key(|(trigger, (at, _))| (*at, *trigger))?;
        let jump = found().filter(|(_, (at, _))| *at == nominal).find_map(|(_, (_, jump))| jump);
        Some(Occurrence { trigger, nominal, jump })
    }

    /// Why nothing is found, if it is not that nothing comes.
    fn failure(&self) -> Option<SearchError> {
        let failed = self.paths.iter().find_map(|path| match &path.state {
            State::Failed(error) => Some(error.clone()),
            _ => None,
        });
        let unsearched = || self.paths.iter().any(|path| matches!(path.state, State::Open(_)));
        failed.or_else(|| unsearched().then_some(SearchError::Steps))
    }
}

impl Path<'_> {
    fn found(&self) -> Option<Nominal> {
        if let State::Found(found) = self.state { Some(found) } else { None }
    }
}

impl State {
    fn open(from: Timestamp, end: Timestamp) -> Self {
        if from < end.minus(TICK) { Self::Open(from) } else { Self::Over }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use jiff::{ToSpan, civil::DateTime};

    use super::*;
    use crate::{
        OnFold, OnGap, Schedule, Trigger,
        cron::CronEngine,
        local::{Local, Walls},
    };

    /// Always a year ahead, and counts how often it is asked.
    #[derive(Debug)]
    struct Counting(Arc<AtomicUsize>);

    impl CronEngine for Counting {
        fn at_or_after(&self, from: DateTime) -> Result<DateTime, String> {
            self.0.fetch_add(1, Ordering::Relaxed);
            from.checked_add(1.year()).map_err(|error| error.to_string())
        }

        fn every_hour(&self) -> bool {
            false
        }

        fn follows_elapsed(&self) -> bool {
            false
        }

        fn matches_ever(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_lies_ahead_is_not_searched_again() {
        let schedule = Schedule::new(vec![Trigger::Cron("* * * * *".to_owned())]);
        let mut plan = Plan::new(&schedule).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let walls =
            Walls::Cron { expression: "counting".to_owned(), engine: Box::new(Counting(asked.clone())) };
        plan.rules.push(Rule::Local(Local { walls, on_gap: OnGap::FirstValid, on_fold: OnFold::First }));
        let preview = plan.preview(Timestamp::from_micros(0), 100, None).unwrap();
        assert_eq!((preview.entries.len(), asked.load(Ordering::Relaxed)), (100, 1));
    }
}
