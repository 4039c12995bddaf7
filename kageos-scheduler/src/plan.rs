//! A schedule made ready to be asked: what comes next.

use std::time::Duration;

use kageos_core::{Result, Timestamp};

use crate::{
    Effect, LAST, Occurrence, Preview, Schedule, SearchError, check,
    exclude::Exclusions,
    jitter::Jitter,
    local::Local,
    zone::{MICROS, Zone},
};

/// Most excluded times in a row that the search of one trigger goes through before it gives up: more than the dates and
/// blackouts that a schedule can name together, and some milliseconds of work.
pub const MAX_EXCLUDED: usize = 2048;

/// Most runs in a preview: more than a page shows, and some milliseconds of work.
pub const MAX_PREVIEW: usize = 100;

/// The smallest step of time.
pub(crate) const TICK: Duration = Duration::from_micros(1);

/// A schedule made ready to be asked. It holds no state: the same question always has the same answer, as long as the
/// [zone database](crate::zone_data_version) is the same.
#[derive(Debug)]
pub struct Plan {
    pub(crate) zone: Zone,
    pub(crate) rules: Vec<Rule>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) jitter: Jitter,
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

/// A nominal time with its effect.
pub(crate) type Nominal = (Timestamp, Option<Effect>);

impl Plan {
    /// The plan of `schedule`, for the task of that id: the id decides about nothing but jitter.
    ///
    /// It is cheap beside [`Schedule::check`]: it does not search.
    ///
    /// # Errors
    ///
    /// What [`Schedule::check`] says about fields by themselves. A schedule that was checked once can fail later only
    /// when its zone or cron dialect is no longer known.
    pub fn new(schedule: &Schedule, task: &str) -> Result<Self> {
        check::compiled(schedule, task)
    }

    /// The first occurrence after `after`, of all triggers together.
    ///
    /// `last_end` is for [delays](crate::Trigger::Delay): when the last run ended, or, before the first run, the moment
    /// from which the first delay counts, such as when the task was created. `None` says that a run goes on, so that a
    /// delay has no next time yet. A delay that was over before `after` is due at once, just after `after`; all other
    /// answers depend on `after` alone, and are the same for each `after` between two occurrences.
    ///
    /// `Ok(None)` means that nothing comes any more (or, with a delay, nothing yet).
    ///
    /// # Errors
    ///
    /// A [`SearchError`] when the search gave no answer. It does not mean that nothing comes.
    pub fn next(
        &self,
        after: Timestamp,
        last_end: Option<Timestamp>,
    ) -> Result<Option<Occurrence>, SearchError> {
        let from = after.max(self.start.minus(TICK));
        let mut first: Option<Nominal> = None;
        for rule in &self.rules {
            // Of two at one moment, the one with an effect is told of.
            let before = first.map_or(self.end, |(at, _)| at.plus(TICK));
            let found = self.first_free(rule, from, before, last_end)?;
            let earlier =
                |(at, _): &Nominal| first.is_none_or(|(best, effect)| *at < best || effect.is_none());
            first = found.filter(earlier).or(first);
        }
        Ok(first.map(|(nominal, effect)| Occurrence {
            nominal,
            planned: self.jitter.planned(nominal),
            effect,
        }))
    }

    /// The next `count` occurrences after `after`, at most [`MAX_PREVIEW`], and between them what gaps of the wall clock
    /// skip. Of a delay there is one at most, for the end of a run that is still to come is not known.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn preview(
        &self,
        after: Timestamp,
        count: usize,
        last_end: Option<Timestamp>,
    ) -> Result<Vec<Preview>, SearchError> {
        crate::preview::of(self, after, count.min(MAX_PREVIEW), last_end)
    }

    /// The first nominal time of a trigger after `from` and before `before` that is not excluded.
    pub(crate) fn first_free(
        &self,
        rule: &Rule,
        from: Timestamp,
        before: Timestamp,
        last_end: Option<Timestamp>,
    ) -> Result<Option<Nominal>, SearchError> {
        let mut from = from;
        for _ in 0..MAX_EXCLUDED {
            if from >= before {
                return Ok(None);
            }
            let Some(found) = rule.next(&self.zone, from, last_end)? else { return Ok(None) };
            if found.0 <= from {
                return Err(SearchError::NotAfter { after: from.to_string(), found: found.0.to_string() });
            }
            if found.0 >= before {
                return Ok(None);
            }
            let Some(until) = self.exclude.until(&self.zone, found.0) else { return Ok(Some(found)) };
            from = until.minus(TICK);
        }
        Err(SearchError::Excluded { steps: MAX_EXCLUDED })
    }
}

impl Rule {
    /// The first nominal time after `after`, exclusions aside.
    pub(crate) fn next(
        &self,
        zone: &Zone,
        after: Timestamp,
        last_end: Option<Timestamp>,
    ) -> Result<Option<Nominal>, SearchError> {
        let plain = |at: Timestamp| (at, None);
        Ok(match self {
            Self::At(at) => Some(plain(*at)).filter(|_| *at > after),
            Self::Every { from, period } => Some(plain(in_step(*from, *period, after))),
            Self::Delay(rest) => last_end.map(|end| plain(end.plus(*rest).max(after.plus(TICK)))),
            Self::Local(local) => {
                let found = local.next(zone, after.as_micros().div_euclid(MICROS))?;
                found.map(|found| (Timestamp::from_micros(found.at * MICROS), found.effect))
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

    #[test]
    fn an_answer_that_is_not_after_the_question_is_an_error() {
        let mut plan =
            Plan::new(&Schedule::new(vec![crate::Trigger::Cron("@daily".to_owned())]), "task").unwrap();
        plan.rules = vec![Rule::Every { from: 0, period: -5 * MICROS }];
        let found = plan.next(Timestamp::from_micros(60 * MICROS), None);
        let (after, found_at) = ("1970-01-01T00:01:00Z".to_owned(), "1970-01-01T00:00:55Z".to_owned());
        assert_eq!(found, Err(SearchError::NotAfter { after, found: found_at }));
    }
}
