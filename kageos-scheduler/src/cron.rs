//! Cron expressions: which times of a wall clock they name. No zone is known here.

use std::fmt;

use croner::{
    Cron, CronComponent, Weekday,
    parser::{CronParser, Year},
};
use jiff::{
    ToSpan,
    civil::{Date, DateTime},
};

use crate::grammar;

/// Longest cron expression: a list of all sixty minutes and seconds fits.
pub const MAX_CRON_BYTES: usize = 512;

/// Years in which each kind of year (leap or not, by the weekday that it begins with) occurs. A day that matches in
/// none of them never matches.
const YEARS: std::ops::Range<i16> = 2000..2028;

/// What finds the times of an expression.
pub(crate) trait CronEngine: fmt::Debug + Send + Sync {
    /// The first time at or after `from` that matches, both in whole seconds; or why it could not be found.
    fn at_or_after(&self, from: DateTime) -> Result<DateTime, String>;

    /// Whether the hour is `*` (or `*/1`): nothing is lost with an hour that the wall clock leaves out.
    fn every_hour(&self) -> bool;

    /// Whether second, minute or hour has a `*` (or `*/2`), so that runs follow the time that goes by.
    fn follows_elapsed(&self) -> bool;

    /// Whether any time of any year matches. It may look at 28 years of days; a search that never ends by finding
    /// something looks at thousands.
    fn matches_ever(&self) -> bool;
}

/// Why an expression is refused: a stable code and a sentence.
pub(crate) type Refusal = (&'static str, String);

/// The engine for `expression`.
pub(crate) fn engine(expression: &str) -> Result<Box<dyn CronEngine>, Refusal> {
    if expression.len() > MAX_CRON_BYTES {
        return Err(("maxLength", format!("A cron expression has at most {MAX_CRON_BYTES} bytes.")));
    }
    grammar::check(expression).map_err(|message| ("cron", message))?;
    let parser = CronParser::builder().year(Year::Disallowed).build();
    let cron = parser
        .parse(expression)
        .map_err(|error| ("cron", format!("{}.", error.to_string().trim_end_matches('.'))))?;
    Ok(Box::new(Croner(cron)))
}

/// Croner, asked for times of a wall clock only. It never sees a zone, so neither a gap nor a fold.
#[derive(Debug)]
struct Croner(Cron);

impl CronEngine for Croner {
    fn at_or_after(&self, from: DateTime) -> Result<DateTime, String> {
        self.0.find_next_occurrence(&from, true).map_err(|error| error.to_string())
    }

    fn every_hour(&self) -> bool {
        let hours = &self.0.pattern.hours;
        is_wild(hours) && hours.values().len() == 24
    }

    fn follows_elapsed(&self) -> bool {
        let pattern = &self.0.pattern;
        [&pattern.seconds, &pattern.minutes, &pattern.hours].into_iter().any(is_wild)
    }

    fn matches_ever(&self) -> bool {
        let pattern = &self.0.pattern;
        let some = |part: &CronComponent| !part.values().is_empty();
        let matches = |date: Date| {
            let (month, day) = (u32::from(date.month().unsigned_abs()), u32::from(date.day().unsigned_abs()));
            let weekday = date.weekday().to_sunday_zero_offset().unsigned_abs();
            let weekday = Weekday::from_days_from_sunday(u32::from(weekday));
            pattern.month_match(month).unwrap_or(false)
                && pattern.day_match(i32::from(date.year()), month, day, weekday).unwrap_or(false)
        };
        let days = Date::constant(YEARS.start, 1, 1).series(1.day());
        [&pattern.seconds, &pattern.minutes, &pattern.hours].into_iter().all(some)
            && days.take_while(|date| date.year() < YEARS.end).any(matches)
    }
}

/// Whether a field was written with a `*`, alone or with a step.
fn is_wild(part: &CronComponent) -> bool {
    part.from_wildcard
}
