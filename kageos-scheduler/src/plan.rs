//! A schedule made ready to be asked: what comes next.

use std::time::Duration;

use kageos_core::{Result, Timestamp};

use crate::{
    Jump, LAST, MAX_PREVIEW, Next, Occurrence, Preview, Schedule, SearchError, check,
    exclude::Exclusions,
    jitter,
    local::{Local, Step, Walls},
    search::Search,
    steps::Steps,
    zone::{MICROS, Zone},
};

/// The smallest step of time.
pub(crate) const TICK: Duration = Duration::from_micros(1);

/// A schedule made ready to be asked. It holds no state: the same question always has the same answer, as long as the
/// [zone database](crate::zone_data_version) is the same. It knows no task, so tasks with equal schedules can share it.
#[derive(Debug)]
pub struct Plan {
    pub(crate) zone: Zone,
    pub(crate) rules: Vec<Rule>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) jitter_s: u32,
    pub(crate) exclude: Exclusions,
}

/// A trigger made ready. All in microseconds.
#[derive(Debug)]
pub(crate) enum Rule {
    At(Timestamp),
    Every { from: i64, period: i64 },
    Delay(Duration),
    Local(Local),
}

/// A nominal time with what a jump did to it.
pub(crate) type Nominal = (Timestamp, Option<Jump>);

/// What one step of a trigger's search finds.
#[derive(Debug)]
pub(crate) enum Ahead {
    Found(Nominal),
    /// Nothing up to this moment, which lies after the one asked about.
    After(Timestamp),
    Never,
}

impl Plan {
    /// The plan of `schedule`. It reads the schedule and searches nothing, so it costs some microseconds for each
    /// trigger and each exclusion.
    ///
    /// # Errors
    ///
    /// What [`Schedule::check`] says about fields by themselves. A schedule that was checked once can fail later only
    /// when its zone or cron dialect is no longer known.
    pub fn new(schedule: &Schedule) -> Result<Self> {
        check::compiled(schedule)
    }

    /// What comes after `after`, of all triggers together.
    ///
    /// `last_end` is for [delays](crate::Trigger::Delay): when the last run ended, or, before the first run, the moment
    /// from which the first delay counts, such as when the task was created. A run that did not take place counts as
    /// one that ended when that was decided. `None` says that a run goes on, so that a delay has no next time yet.
    ///
    /// With a delay, `after` has to be the cursor that is stored with the task: the nominal time of its last run, and
    /// not the time of day. An overdue delay then keeps its nominal time `last_end` + rest however often it is asked
    /// for; only when that is not after `after` is it due just after `after`. All other answers depend on `after`
    /// alone, and are the same for each `after` between two occurrences.
    ///
    /// # Errors
    ///
    /// A [`SearchError`] when no trigger has an answer and the search of one failed, or when the
    /// [steps](crate::MAX_STEPS) ran out. It does not mean that nothing comes. As long as another trigger has an
    /// occurrence, one whose search fails is left out: it stops nobody else, wherever it stands.
    pub fn next(&self, after: Timestamp, last_end: Option<Timestamp>) -> Result<Next, SearchError> {
        let next = Search::new(self, after, last_end).next()?;
        let waits = last_end.is_none() && after < self.end.minus(TICK) && self.has_delay();
        Ok(next.map_or(if waits { Next::Waits } else { Next::Over }, Next::Run))
    }

    /// The last occurrence after `after` and not after `until`, if there is one, with about as many searches as the time
    /// between has bits. [Delays](crate::Trigger::Delay) have none, for they depend on the ends of runs.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn last(&self, after: Timestamp, until: Timestamp) -> Result<Option<Occurrence>, SearchError> {
        let (mut low, mut high) = (after, until);
        let mut found = None;
        // Nothing lies after `high`, and `low` is the last that was found.
        let next = |low, high| Ok(self.next(low, None)?.occurrence().filter(|it| it.nominal <= high));
        while let Some(later) = next(low, high)? {
            (found, low) = (Some(later), later.nominal);
            while high > low.plus(TICK) {
                let middle = low.plus(high.since(low) / 2);
                match next(middle, high)? {
                    Some(later) => (found, low) = (Some(later), later.nominal),
                    None => high = middle,
                }
            }
        }
        Ok(found)
    }

    /// When the occurrence `nominal` of a task is to run: the nominal time and its jitter, never before it. With jitter
    /// one occurrence may be planned after the next, in an exclusion, and after the end of the schedule.
    #[must_use]
    pub fn planned(&self, task: &str, nominal: Timestamp) -> Timestamp {
        jitter::planned(task, self.jitter_s, nominal)
    }

    /// The next `count` occurrences after `after`, at most [`MAX_PREVIEW`], and up to the last of them what gaps of the
    /// wall clock leave out, at most [`MAX_PREVIEW`] entries more. When fewer occurrences come, what gaps leave out is told up
    /// to the end of the schedule.
    ///
    /// Of a delay there is one at most, and none after the first run of any trigger, for the end of a run that is still
    /// to come is not known. The steps are those of one call: a preview that takes more ends early and is
    /// [cut](Preview::cut).
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next) for the first occurrence. A later error only cuts the preview.
    pub fn preview(
        &self,
        after: Timestamp,
        count: usize,
        last_end: Option<Timestamp>,
    ) -> Result<Preview, SearchError> {
        crate::preview::of(self, after, count.min(MAX_PREVIEW), last_end)
    }

    pub(crate) fn has_delay(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Delay(_)))
    }
}

impl Rule {
    /// Whether it can have a time at all; a [step](Self::step) takes that for granted.
    pub(crate) fn matches_ever(&self) -> bool {
        match self {
            Self::Local(Local { walls: Walls::Cron { engine, .. }, .. }) => engine.matches_ever(),
            _ => true,
        }
    }

    /// Searches one step on for the first nominal time after `after`. Of the exclusions it knows only those of times
    /// that a gap left out.
    pub(crate) fn step(
        &self,
        zone: &Zone,
        exclude: &Exclusions,
        after: Timestamp,
        last_end: Option<Timestamp>,
        steps: &mut Steps,
    ) -> Result<Ahead, SearchError> {
        steps.take();
        let found = |at: Option<Timestamp>| at.map_or(Ahead::Never, |at| Ahead::Found((at, None)));
        let moment = |second: i64| Timestamp::from_micros(second * MICROS);
        Ok(match self {
            Self::At(at) => found(Some(*at).filter(|at| *at > after)),
            Self::Every { from, period } => found(Some(in_step(*from, *period, after))),
            Self::Delay(rest) => found(last_end.map(|end| end.plus(*rest).max(after.plus(TICK)))),
            Self::Local(local) => {
                match local.step(zone, exclude, after.as_micros().div_euclid(MICROS), steps)? {
                    Step::Found(found) => Ahead::Found((moment(found.at), found.jump)),
                    Step::After(second) => Ahead::After(moment(second)),
                    Step::Never => Ahead::Never,
                }
            }
        })
    }
}

/// The first of `from`, `from + period`, `from + 2 × period` … after `after`, in one step however far it is.
fn in_step(from: i64, period: i64, after: Timestamp) -> Timestamp {
    let gone = after.min(LAST).as_micros() - from;
    let periods = if gone < 0 { 0 } else { gone / period + 1 };
    Timestamp::from_micros(from + periods * period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(rules: Vec<Rule>) -> Plan {
        let mut plan = Plan::new(&Schedule::new(vec![crate::Trigger::Cron("@daily".to_owned())])).unwrap();
        plan.rules = rules;
        plan
    }

    fn broken() -> Rule {
        Rule::Every { from: 0, period: -5 * MICROS }
    }

    fn not_after() -> SearchError {
        let (after, found) = ("1970-01-01T00:01:00Z".to_owned(), "1970-01-01T00:00:55Z".to_owned());
        SearchError::NotAfter { after, found }
    }

    const MINUTE: Timestamp = Timestamp::from_micros(60 * MICROS);

    #[test]
    fn an_answer_that_is_not_after_the_question_is_an_error() {
        assert_eq!(plan_of(vec![broken()]).next(MINUTE, None), Err(not_after()));
        assert_eq!(plan_of(vec![broken()]).preview(MINUTE, 3, None), Err(not_after()));
    }

    #[test]
    fn a_trigger_that_fails_stops_no_other() {
        let sound = || Rule::At(Timestamp::from_micros(90 * MICROS));
        for (rules, trigger) in [(vec![broken(), sound()], 1), (vec![sound(), broken()], 0)] {
            let plan = plan_of(rules);
            let found = plan.next(MINUTE, None).unwrap().occurrence().unwrap();
            assert_eq!((found.trigger, found.nominal.as_micros()), (trigger, 90 * MICROS));
            let preview = plan.preview(MINUTE, 3, None).unwrap();
            assert_eq!((preview.entries.len(), preview.cut), (1, true));
            // The other has nothing more, so the error is all that is known.
            assert!(matches!(plan.next(found.nominal, None), Err(SearchError::NotAfter { .. })));
        }
    }

    #[test]
    fn of_several_errors_the_first_is_told() {
        let worse = || Rule::Every { from: 0, period: -7 * MICROS };
        assert_eq!(plan_of(vec![broken(), worse()]).next(MINUTE, None), Err(not_after()));
    }
}
