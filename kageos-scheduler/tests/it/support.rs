//! Schedules in few words.

use jiff::civil::DateTime;
use kageos_core::Timestamp;
use kageos_scheduler::{At, Every, FIRST, Jump, Occurrence, OnFold, OnGap, Plan, Schedule, Trigger};

use crate::oracle::{Kind, Offsets, Spec};

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn second(text: &str) -> i64 {
    moment(text).as_micros() / 1_000_000
}

pub(crate) fn at_second(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

pub(crate) fn cron(expression: &str, zone: &str) -> Schedule {
    Schedule { zone: zone.to_owned(), ..Schedule::new(vec![Trigger::Cron(expression.to_owned())]) }
}

pub(crate) fn every(seconds: u32, from: Option<&str>) -> Schedule {
    Schedule::new(vec![Trigger::Every(Every { seconds, from: from.map(moment) })])
}

pub(crate) fn local(time: &str, zone: &str) -> Schedule {
    let time: DateTime = time.parse().unwrap();
    Schedule { zone: zone.to_owned(), ..Schedule::new(vec![Trigger::At(At::Local(time))]) }
}

#[track_caller]
pub(crate) fn plan(schedule: &Schedule) -> Plan {
    schedule.check(FIRST).unwrap_or_else(|error| panic!("{schedule:?}: {error:?}"));
    Plan::new(schedule).unwrap()
}

#[track_caller]
pub(crate) fn next(plan: &Plan, after: Timestamp) -> Option<Occurrence> {
    plan.next(after, None).unwrap().occurrence()
}

/// Nominal times after `from` and up to `until`.
#[track_caller]
pub(crate) fn walk(plan: &Plan, from: Timestamp, until: Timestamp) -> Vec<Occurrence> {
    let mut all = Vec::new();
    let mut after = from;
    while let Some(found) = next(plan, after).filter(|found| found.nominal <= until) {
        assert!(found.nominal > after, "{found:?} is not after {after}");
        after = found.nominal;
        all.push(found);
    }
    all
}

/// The first `count` nominal times after `from`, as text.
#[track_caller]
pub(crate) fn texts(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let plan = plan(schedule);
    let mut after = moment(from);
    let step = |_| {
        after = next(&plan, after)?.nominal;
        Some(after.to_string())
    };
    (0..count).map_while(step).collect()
}

/// What of the walls that jump is told of an occurrence.
pub(crate) fn kind(occurrence: &Occurrence) -> Kind {
    match occurrence.jump {
        Some(Jump::Moved { .. }) => Kind::Moved,
        Some(Jump::FirstPass) => Kind::FirstPass,
        Some(Jump::SecondPass) => Kind::SecondPass,
        None => Kind::Plain,
    }
}

/// Holds the plan of a cron expression against the oracle between two moments, under each of `rules`.
#[track_caller]
pub(crate) fn agree(
    expression: &str,
    zone: &str,
    offsets: &Offsets,
    (from, until): (i64, i64),
    rules: &[(OnGap, OnFold)],
) {
    let spec = Spec::new(expression);
    for (on_gap, on_fold) in rules.iter().copied() {
        let wanted: Vec<(i64, Kind)> =
            spec.occurrences(offsets, (from, until), on_gap, on_fold).into_iter().collect();
        let plan = Plan::new(&Schedule { on_gap, on_fold, ..cron(expression, zone) }).unwrap();
        let got: Vec<(i64, Kind)> = walk(&plan, at_second(from), at_second(until))
            .iter()
            .map(|found| (found.nominal.as_micros() / 1_000_000, kind(found)))
            .collect();
        if let Some(at) = (0..wanted.len().max(got.len())).find(|at| wanted.get(*at) != got.get(*at)) {
            let told = |list: &[(i64, Kind)]| list.get(at).map(|(at, kind)| (at_second(*at), *kind));
            panic!(
                "`{expression}` in {zone}, {on_gap:?}, {on_fold:?}: {:?}, not {:?}",
                told(&got),
                told(&wanted)
            );
        }
    }
}

/// All rules for gaps and folds together.
pub(crate) const RULES: [(OnGap, OnFold); 9] = [
    (OnGap::FirstValid, OnFold::First),
    (OnGap::FirstValid, OnFold::Second),
    (OnGap::FirstValid, OnFold::Both),
    (OnGap::Skip, OnFold::First),
    (OnGap::Skip, OnFold::Second),
    (OnGap::Skip, OnFold::Both),
    (OnGap::Shift, OnFold::First),
    (OnGap::Shift, OnFold::Second),
    (OnGap::Shift, OnFold::Both),
];
