//! Times of a wall clock, found on the line of time.
//!
//! A zone is a row of stretches with one offset each. Inside a stretch a time of the wall clock is a moment and back by
//! one addition; where two stretches meet, the wall clock leaves times out (a *gap*) or shows them twice (a *fold*), and
//! the rules say what becomes of those. So whatever finds times of the wall clock needs to know nothing about zones.

use crate::{
    cron::CronEngine,
    error::SearchError,
    exclude::Exclusions,
    occurrence::Jump,
    schedule::{OnFold, OnGap},
    steps::Steps,
    wall::Wall,
    zone::{LAST, MICROS, Stretch, Zone},
};

/// How far before a time of the wall clock its moment can lie: the largest offset (26 hours) and the longest gap (24
/// hours), rounded up.
const REACH: i64 = 3 * 86_400;

/// Which times of the wall clock.
#[derive(Debug)]
pub(crate) enum Walls {
    Once(Wall),
    Cron { expression: String, engine: Box<dyn CronEngine> },
}

/// Times of the wall clock, with what happens to them in a gap and in a fold.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) walls: Walls,
    pub(crate) on_gap: OnGap,
    pub(crate) on_fold: OnFold,
}

/// An occurrence in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) at: i64,
    pub(crate) jump: Option<Jump>,
}

/// What one gap leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) first: Wall,
    pub(crate) last: Wall,
    pub(crate) count: u32,
    /// The second at which the wall clock jumps.
    pub(crate) gap: i64,
}

/// What a stretch has to say about the times after a moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Found(Found),
    /// Nothing in this stretch; the search goes on with what comes after this second.
    After(i64),
    Never,
}

impl Walls {
    /// The first time at or after `from`, or `None` when there is none before the end of all searches.
    fn at_or_after(&self, from: Wall, steps: &mut Steps) -> Result<Option<Wall>, SearchError> {
        steps.take();
        let wall = match self {
            Self::Once(wall) => Some(*wall).filter(|wall| *wall >= from),
            Self::Cron { expression, engine } => {
                let failed = |reason| SearchError::Cron { expression: expression.clone(), reason };
                let asked = from.datetime();
                let found = engine.at_or_after(asked).map_err(failed)?;
                steps.take_years(found.year() - asked.year());
                Some(Wall::of(found))
            }
        };
        match wall {
            Some(found) if found < from => Err(SearchError::NotAfter {
                after: from.datetime().to_string(),
                found: found.datetime().to_string(),
            }),
            wall => Ok(wall.filter(|wall| wall.0 < LAST.as_micros() / MICROS + REACH)),
        }
    }
}

impl Local {
    /// A cron expression under the rules of its schedule. One that follows elapsed time runs in both passes of a
    /// fold, and one that runs each hour has nothing to make up for after a gap.
    pub(crate) fn cron(
        expression: &str,
        engine: Box<dyn CronEngine>,
        on_gap: OnGap,
        on_fold: OnFold,
    ) -> Self {
        Self {
            on_gap: if engine.every_hour() { OnGap::Skip } else { on_gap },
            on_fold: if engine.follows_elapsed() { OnFold::Both } else { on_fold },
            walls: Walls::Cron { expression: expression.to_owned(), engine },
        }
    }

    /// Searches the stretch that follows the second `after`. Each step leaves a stretch behind, so there are at most as
    /// many as a zone has until the end of all searches, and few when the next time is near.
    pub(crate) fn step(
        &self,
        zone: &Zone,
        exclude: &Exclusions,
        after: i64,
        steps: &mut Steps,
    ) -> Result<Step, SearchError> {
        let here = &zone.stretch(after + 1);
        let moved = self.moved(here, exclude, after, steps)?;
        let (from, until) = self.shown(here, after);
        let next = self.walls.at_or_after(from, steps)?;
        let shown = next.filter(|wall| *wall < until).map(|wall| Found {
            at: here.second(wall),
            jump: if here.is_second_pass(wall) {
                Some(Jump::SecondPass)
            } else {
                here.is_first_pass(wall).then_some(Jump::FirstPass)
            },
        });
        // What was moved stands first: of two at one moment it is the one to tell of.
        if let Some(found) = [moved, shown].into_iter().flatten().min_by_key(|found| found.at) {
            return Ok(Step::Found(found));
        }
        // All that will be shown from the end on was looked at already, unless the clock goes back behind `from`.
        let goes_back = here.end + here.offset_after < from.0;
        Ok(match next {
            Some(wall) if !goes_back => Step::After((wall.0 - REACH).max(here.end) - 1),
            None if !goes_back => Step::Never,
            _ => Step::After(here.end - 1),
        })
    }

    /// The walls of the stretch that count, after the second `after`: those of a fold in one pass only, if so ruled.
    fn shown(&self, here: &Stretch, after: i64) -> (Wall, Wall) {
        let from = here.wall((after + 1).max(here.start));
        let until = here.wall(here.end);
        match self.on_fold {
            OnFold::First => (from.max(Wall(here.start + here.offset_before.max(here.offset))), until),
            OnFold::Second => (from, until.min(Wall(here.end + here.offset_after))),
            OnFold::Both => (from, until),
        }
    }

    /// What the gap at the start of the stretch left out and the rule moves to behind it. What is excluded by its wall
    /// time is not moved: it would run on a day that it is not of.
    fn moved(
        &self,
        here: &Stretch,
        exclude: &Exclusions,
        after: i64,
        steps: &mut Steps,
    ) -> Result<Option<Found>, SearchError> {
        let (first, end) = here.gap();
        let mut from = match self.on_gap {
            OnGap::FirstValid if after < here.start => first,
            // By the offset before the gap, each keeps its distance from the last time before it.
            OnGap::Shift => first.max(Wall(after + 1 + here.offset_before)),
            _ => return Ok(None),
        };
        while from < end {
            let Some(wall) = self.walls.at_or_after(from, steps)?.filter(|wall| *wall < end) else { break };
            if let Some(until) = exclude.wall_until(wall) {
                from = until;
                continue;
            }
            let late = if self.on_gap == OnGap::Shift { wall.0 - first.0 } else { 0 };
            let jump = Some(Jump::Moved { wall: wall.datetime() });
            return Ok(Some(Found { at: here.start + late, jump }));
        }
        Ok(None)
    }

    /// What gaps after the second `after` and until `until` leave out and no rule moves, as far as the steps reach.
    pub(crate) fn left_out(
        &self,
        zone: &Zone,
        exclude: &Exclusions,
        (after, until): (i64, i64),
        steps: &mut Steps,
    ) -> Result<Vec<LeftOut>, SearchError> {
        let mut all = Vec::new();
        let hourly = matches!(&self.walls, Walls::Cron { engine, .. } if engine.every_hour());
        if self.on_gap != OnGap::Skip || hourly {
            return Ok(all);
        }
        let mut here = zone.stretch(after);
        while here.end <= until && !steps.are_out() {
            here = zone.stretch(here.end);
            let (left, next) = self.in_gap(&here, exclude, steps)?;
            all.extend(left);
            let Some(next) = next else { break };
            // Gaps between here and there leave nothing out.
            here = zone.stretch((next.0 - REACH).max(here.start));
        }
        Ok(all)
    }

    /// What the gap at the start of the stretch leaves out, and the next time of the wall clock after it. Days and
    /// windows exclude by the wall time, blackouts by the moment of the gap.
    fn in_gap(
        &self,
        here: &Stretch,
        exclude: &Exclusions,
        steps: &mut Steps,
    ) -> Result<(Option<LeftOut>, Option<Wall>), SearchError> {
        let (first, end) = here.gap();
        let mut left: Option<LeftOut> = None;
        let mut from = if exclude.is_blackout(here.start) { first.max(end) } else { first };
        loop {
            let next = self.walls.at_or_after(from, steps)?;
            let Some(wall) = next.filter(|wall| *wall < end && !steps.are_out()) else {
                return Ok((left, next));
            };
            if let Some(until) = exclude.wall_until(wall) {
                from = until;
                continue;
            }
            let before = left.unwrap_or(LeftOut { first: wall, last: wall, count: 0, gap: here.start });
            left = Some(LeftOut { last: wall, count: before.count + 1, ..before });
            from = Wall(wall.0 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::DateTime};

    use super::*;

    /// An engine that is wrong in one way.
    #[derive(Debug)]
    enum Broken {
        Fails,
        GoesBack,
    }

    impl CronEngine for Broken {
        fn at_or_after(&self, from: DateTime) -> Result<DateTime, String> {
            match self {
                Self::Fails => Err("worn out".to_owned()),
                Self::GoesBack => from.checked_sub(1.hour()).map_err(|error| error.to_string()),
            }
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

    fn search(engine: Broken) -> Result<Step, SearchError> {
        let local = Local::cron("broken", Box::new(engine), OnGap::FirstValid, OnFold::First);
        let zone = Zone::named("Europe/Berlin").unwrap();
        local.step(&zone, &Exclusions::default(), 1_767_225_600, &mut Steps::all())
    }

    #[test]
    fn an_engine_that_fails_is_an_error_and_not_the_end() {
        let failed = SearchError::Cron { expression: "broken".to_owned(), reason: "worn out".to_owned() };
        assert_eq!(search(Broken::Fails), Err(failed));
    }

    #[test]
    fn a_time_before_what_was_asked_about_is_never_used() {
        let (after, found) = ("2026-01-01T01:00:01".to_owned(), "2026-01-01T00:00:01".to_owned());
        assert_eq!(search(Broken::GoesBack), Err(SearchError::NotAfter { after, found }));
    }
}
