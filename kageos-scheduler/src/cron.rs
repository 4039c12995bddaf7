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

/// Longest cron expression: a list of all sixty minutes and seconds fits.
pub const MAX_CRON_BYTES: usize = 512;

/// Years in which each kind of year (leap or not, by the weekday that it begins with) occurs. A day that matches in
/// none of them never matches.
const YEARS: std::ops::Range<i16> = 2000..2028;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"];
const DAYS: [&str; 3] = ["L", "W", "LW"];
const NICKNAMES: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];

/// What finds the times of an expression.
pub(crate) trait CronEngine: fmt::Debug + Send + Sync {
    /// The first time at or after `from` that matches, both in whole seconds; or why it could not be found.
    fn at_or_after(&self, from: DateTime) -> Result<DateTime, String>;

    /// Whether the hour is `*`: nothing is lost with an hour that the wall clock leaves out.
    fn every_hour(&self) -> bool;

    /// Whether second, minute or hour has a `*`, so that runs follow the time that goes by.
    fn follows_elapsed(&self) -> bool;
}

/// Why an expression is refused: a stable code and a sentence.
pub(crate) type Refusal = (&'static str, String);

/// The engine for `expression`, once it is known to match at some time.
pub(crate) fn engine(expression: &str) -> Result<Box<dyn CronEngine>, Refusal> {
    if expression.len() > MAX_CRON_BYTES {
        return Err(("maxLength", format!("A cron expression has at most {MAX_CRON_BYTES} bytes.")));
    }
    well_formed(expression).map_err(|message| ("cron", message))?;
    let parser = CronParser::builder().year(Year::Disallowed).build();
    let cron = parser
        .parse(expression)
        .map_err(|error| ("cron", format!("{}.", error.to_string().trim_end_matches('.'))))?;
    if !matches_ever(&cron) {
        return Err(("never_runs", "No day of any year matches this expression.".to_owned()));
    }
    Ok(Box::new(Croner(cron)))
}

/// Refuses what the parser takes for something else: names in a field that they do not belong to (it replaces them
/// anywhere), items that are missing (it skips them), and a last day that stands alone where it says nothing.
fn well_formed(expression: &str) -> Result<(), String> {
    if !expression.is_ascii() {
        return Err("A cron expression is plain ASCII.".to_owned());
    }
    let text = expression.trim();
    if text.starts_with('@') {
        let known = NICKNAMES.iter().any(|name| text.eq_ignore_ascii_case(name));
        return if known { Ok(()) } else { Err(format!("It is one of {}.", NICKNAMES.join(", "))) };
    }
    let upper = text.to_ascii_uppercase();
    let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
    if !(5..=6).contains(&fields.len()) {
        return Err(format!("A cron expression has 5 or 6 fields, not {}.", fields.len()));
    }
    let words: [&[&str]; 3] = [&DAYS, &MONTHS, &WEEKDAYS];
    for (at, field) in fields.iter().enumerate() {
        let day = (at + 3).checked_sub(fields.len());
        let allowed = day.map_or(&[][..], |day| words[day]);
        let mut letters = field.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        // `FRIL` is the last Friday.
        let known = |word: &str| {
            allowed.contains(&word)
                || day == Some(2) && word.strip_suffix('L').is_some_and(|day| allowed.contains(&day))
        };
        if let Some(word) = letters.find(|word| !known(word)) {
            return Err(format!("`{word}` does not belong in field {} (`{field}`).", at + 1));
        }
        if field.trim_start_matches('+').split(',').any(str::is_empty) {
            return Err(format!("Field {} (`{field}`) has an empty item.", at + 1));
        }
    }
    let days: Vec<&str> = fields[fields.len() - 3].split(',').collect();
    if days.contains(&"L") && days.contains(&"LW") {
        return Err("`L` and `LW` cannot stand in one list.".to_owned());
    }
    if fields[fields.len() - 1].split(',').any(|item| item.trim_start_matches('+') == "L") {
        return Err("`L` as a weekday needs the weekday before it: `5L` is the last Friday.".to_owned());
    }
    Ok(())
}

/// Whether there is a day, and a time in it, that matches. At most 28 years of days are looked at, once.
fn matches_ever(cron: &Cron) -> bool {
    let pattern = &cron.pattern;
    let some = |part: &CronComponent| !part.values().is_empty();
    if !(some(&pattern.seconds) && some(&pattern.minutes) && some(&pattern.hours)) {
        return false;
    }
    let matches = |date: Date| {
        let (month, day) = (u32::from(date.month().unsigned_abs()), u32::from(date.day().unsigned_abs()));
        let weekday =
            Weekday::from_days_from_sunday(u32::from(date.weekday().to_sunday_zero_offset().unsigned_abs()));
        pattern.month_match(month).unwrap_or(false)
            && pattern.day_match(i32::from(date.year()), month, day, weekday).unwrap_or(false)
    };
    let first = Date::constant(YEARS.start, 1, 1);
    first.series(1.day()).take_while(|date| date.year() < YEARS.end).any(matches)
}

/// Croner, asked for times of a wall clock only. It never sees a zone, so neither a gap nor a fold.
#[derive(Debug)]
struct Croner(Cron);

impl CronEngine for Croner {
    fn at_or_after(&self, from: DateTime) -> Result<DateTime, String> {
        self.0.find_next_occurrence(&from, true).map_err(|error| error.to_string())
    }

    fn every_hour(&self) -> bool {
        self.0.pattern.hours.values().len() == 24
    }

    fn follows_elapsed(&self) -> bool {
        let pattern = &self.0.pattern;
        [&pattern.seconds, &pattern.minutes, &pattern.hours].iter().any(|part| part.from_wildcard)
    }
}
