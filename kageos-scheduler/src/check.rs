//! What is wrong with a schedule, all at once.

use std::time::Duration;

use kageos_core::{Error, FieldError, Result, Timestamp};

use crate::{
    At, Every, FIRST, LAST, Plan, Schedule, SearchError, Trigger, cron,
    exclude::Exclusions,
    local::{Local, Walls},
    plan::{Rule, TICK},
    search::Search,
    wall::Wall,
    zone::{MICROS, Zone},
};

/// Most triggers of one schedule: each is asked at every search.
pub const MAX_TRIGGERS: usize = 16;

/// Most excluded dates: the holidays of several decades.
pub const MAX_DATES: usize = 1000;

/// Most weekly windows: some for each day.
pub const MAX_WINDOWS: usize = 64;

/// Most blackouts, beside the dates.
pub const MAX_BLACKOUTS: usize = 256;

/// Most jitter: with more than a day a run would no longer belong to its day.
pub const MAX_JITTER_S: u32 = 86_400;

/// Longest zone name that is looked up; the longest in the database has 32 bytes.
const MAX_ZONE_BYTES: usize = 64;

/// How many occurrences of a cron expression are held against its jitter: a day of quarters of an hour.
const SAMPLED: usize = 96;

/// The mistakes found so far.
#[derive(Debug, Default)]
struct Mistakes(Vec<FieldError>);

impl Mistakes {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), code: code.into(), message: message.into() });
    }

    fn at_most(&mut self, pointer: &str, count: usize, most: usize) {
        if count > most {
            self.add(pointer, "maxItems", format!("There are at most {most}, not {count}."));
        }
    }

    fn in_range(&mut self, pointer: impl Into<String>, moment: Timestamp) {
        if !(FIRST..LAST).contains(&moment) {
            self.add(pointer, "out_of_range", format!("It is a moment from {FIRST} on and before {LAST}."));
        }
    }

    fn in_order(&mut self, pointer: impl Into<String>, from: Timestamp, to: Timestamp) {
        if to <= from {
            self.add(pointer, "ends_before_start", "The end comes after the start.");
        }
    }

    fn at_least_one(&mut self, pointer: impl Into<String>, number: u32) {
        if number == 0 {
            self.add(pointer, "minimum", "It is at least 1.");
        }
    }

    /// The mistakes as one error, or what was made.
    fn or<T>(self, made: Option<T>) -> Result<T> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(Error::invalid(self.0)),
        }
    }
}

/// The plan of `schedule`, or what is wrong with its fields.
pub(crate) fn compiled(schedule: &Schedule) -> Result<Plan> {
    let mut wrong = Mistakes::default();
    let zone = zone(&schedule.zone, &mut wrong);
    let rules = rules(schedule, &mut wrong);
    bounds(schedule, &mut wrong);
    exclusions(schedule, &mut wrong);
    let plan = zone.map(|zone| Plan {
        zone,
        rules,
        start: schedule.start.unwrap_or(FIRST),
        end: schedule.end.unwrap_or(LAST),
        jitter_s: schedule.jitter_s,
        exclude: if wrong.0.is_empty() { Exclusions::new(&schedule.exclude) } else { Exclusions::default() },
    });
    wrong.or(plan)
}

/// Also asks whether each trigger still comes to run after `now`.
pub(crate) fn all(schedule: &Schedule, now: Timestamp) -> Result<()> {
    let plan = compiled(schedule)?;
    let from = now.max(plan.start.minus(TICK));
    let mut wrong = Mistakes::default();
    for (at, rule) in plan.rules.iter().enumerate() {
        if !rule.matches_ever() {
            let message = "No day of any year matches this expression.";
            wrong.add(format!("/triggers/{at}/cron"), "never_runs", message);
        } else if let Some((code, message)) = why_never(&plan, at, from) {
            wrong.add(format!("/triggers/{at}"), code, message);
        } else if plan.jitter_s > 0 && matches!(rule, Rule::Local(_)) {
            jitter_fits(&plan, at, from, &mut wrong);
        }
    }
    wrong.or(Some(()))
}

/// Why a trigger does not come to run after `from`, or nothing when it does.
fn why_never(plan: &Plan, trigger: usize, from: Timestamp) -> Option<(&'static str, String)> {
    let first = |exclude| Search::of(plan, trigger..trigger + 1, exclude, from, Some(from)).next();
    match first(&plan.exclude) {
        Ok(Some(_)) => return None,
        Ok(None) => {}
        Err(SearchError::Excluded { steps }) => {
            return Some(("mostly_excluded", format!("Its next {steps} times are excluded.")));
        }
        Err(error) => return Some(("search_failed", format!("{error}."))),
    }
    match first(&Exclusions::default()) {
        Ok(Some(_)) => Some(("always_excluded", "All its times from now on are excluded.".to_owned())),
        Ok(None) => {
            let message = "It has no time from now on, between the start and the end of the schedule.";
            Some(("never_runs", message.to_owned()))
        }
        Err(error) => Some(("search_failed", format!("{error}."))),
    }
}

/// Holds the jitter against the distances of the first occurrences of a cron expression, excluded or not.
fn jitter_fits(plan: &Plan, trigger: usize, from: Timestamp, wrong: &mut Mistakes) {
    let jitter = Duration::from_secs(plan.jitter_s.into());
    let exclude = Exclusions::default();
    let mut search = Search::of(plan, trigger..trigger + 1, &exclude, from, None);
    let mut last: Option<Timestamp> = None;
    for _ in 0..SAMPLED {
        // It is a sample: where the search ends, it ends.
        let Ok(Some(next)) = search.next() else { break };
        if let Some(distance) = last.map(|last| next.nominal.since(last)).filter(|far| *far < jitter) {
            too_much_jitter(distance, wrong);
            break;
        }
        last = Some(next.nominal);
        search.pass(next.nominal);
    }
}

fn too_much_jitter(distance: Duration, wrong: &mut Mistakes) {
    let seconds = distance.as_secs();
    let message = format!("It is at most the {seconds} seconds that lie between two runs.");
    wrong.add("/jitter_s", "jitter_too_large", message);
}

fn zone(name: &str, wrong: &mut Mistakes) -> Option<Zone> {
    if name.len() > MAX_ZONE_BYTES {
        wrong.add("/zone", "maxLength", format!("A zone name has at most {MAX_ZONE_BYTES} bytes."));
        return None;
    }
    Zone::named(name).map_err(|message| wrong.add("/zone", "zone", message)).ok()
}

fn rules(schedule: &Schedule, wrong: &mut Mistakes) -> Vec<Rule> {
    let triggers = &schedule.triggers;
    if triggers.is_empty() {
        wrong.add("/triggers", "minItems", "A schedule has at least one trigger.");
    }
    wrong.at_most("/triggers", triggers.len(), MAX_TRIGGERS);
    let numbered = triggers.iter().take(MAX_TRIGGERS).enumerate();
    numbered.filter_map(|(at, trigger)| rule(schedule, trigger, &format!("/triggers/{at}"), wrong)).collect()
}

fn rule(schedule: &Schedule, trigger: &Trigger, pointer: &str, wrong: &mut Mistakes) -> Option<Rule> {
    match trigger {
        Trigger::At(At::Instant(moment)) => {
            wrong.in_range(format!("{pointer}/at"), *moment);
            Some(Rule::At(*moment))
        }
        Trigger::At(At::Local(time)) => {
            if time.subsec_nanosecond() != 0 {
                wrong.add(format!("{pointer}/at"), "whole_seconds", "A local time has whole seconds.");
            }
            let walls = Walls::Once(Wall::of(*time));
            Some(Rule::Local(Local { walls, on_gap: schedule.on_gap, on_fold: schedule.on_fold }))
        }
        Trigger::Every(Every { seconds, from }) => {
            let from = from.unwrap_or(FIRST);
            wrong.in_range(format!("{pointer}/every/from"), from);
            rate(*seconds, schedule.jitter_s, format!("{pointer}/every/seconds"), wrong);
            Some(Rule::Every { from: from.as_micros(), period: i64::from(*seconds) * MICROS })
        }
        Trigger::Delay(delay) => {
            rate(delay.seconds, schedule.jitter_s, format!("{pointer}/delay/seconds"), wrong);
            Some(Rule::Delay(Duration::from_secs(delay.seconds.into())))
        }
        Trigger::Cron(expression) => match cron::engine(expression) {
            Ok(engine) => {
                Some(Rule::Local(Local::cron(expression, engine, schedule.on_gap, schedule.on_fold)))
            }
            Err((code, message)) => {
                wrong.add(format!("{pointer}/cron"), code, message);
                None
            }
        },
    }
}

/// Seconds from run to run, which the jitter stays within.
fn rate(seconds: u32, jitter_s: u32, pointer: String, wrong: &mut Mistakes) {
    wrong.at_least_one(pointer, seconds);
    if seconds > 0 && jitter_s > seconds {
        too_much_jitter(Duration::from_secs(seconds.into()), wrong);
    }
}

fn bounds(schedule: &Schedule, wrong: &mut Mistakes) {
    for (pointer, moment) in [("/start", schedule.start), ("/end", schedule.end)] {
        if let Some(moment) = moment {
            wrong.in_range(pointer, moment);
        }
    }
    if let (Some(start), Some(end)) = (schedule.start, schedule.end) {
        wrong.in_order("/end", start, end);
    }
    if schedule.jitter_s > MAX_JITTER_S {
        wrong.add("/jitter_s", "maximum", format!("Jitter is at most {MAX_JITTER_S} seconds."));
    }
    if let Some(most) = schedule.max_runs {
        wrong.at_least_one("/max_runs", most);
    }
}

fn exclusions(schedule: &Schedule, wrong: &mut Mistakes) {
    let exclude = &schedule.exclude;
    wrong.at_most("/exclude/dates", exclude.dates.len(), MAX_DATES);
    wrong.at_most("/exclude/weekly", exclude.weekly.len(), MAX_WINDOWS);
    wrong.at_most("/exclude/blackouts", exclude.blackouts.len(), MAX_BLACKOUTS);
    for (at, window) in exclude.weekly.iter().take(MAX_WINDOWS).enumerate() {
        let pointer = format!("/exclude/weekly/{at}");
        if window.days.is_empty() {
            wrong.add(format!("{pointer}/days"), "minItems", "A window has at least one day.");
        }
        for (name, time) in [("from", window.from), ("to", window.to)] {
            if time.subsec_nanosecond() != 0 {
                wrong.add(format!("{pointer}/{name}"), "whole_seconds", "A window has whole seconds.");
            }
        }
    }
    for (at, blackout) in exclude.blackouts.iter().take(MAX_BLACKOUTS).enumerate() {
        let pointer = format!("/exclude/blackouts/{at}");
        wrong.in_range(format!("{pointer}/from"), blackout.from);
        wrong.in_range(format!("{pointer}/to"), blackout.to);
        wrong.in_order(format!("{pointer}/to"), blackout.from, blackout.to);
    }
}
