//! Previews: what comes next, and what gaps skip.

use kageos_scheduler::{Delay, Effect, MAX_PREVIEW, OnFold, OnGap, Preview, Schedule, Trigger};

use crate::support::{cron, every, local, moment, plan};

#[track_caller]
fn told(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let entries = plan(schedule).preview(moment(after), count, None).unwrap();
    let tell = |entry: &Preview| match entry {
        Preview::Run(run) => match run.effect {
            None => format!("{}", run.nominal),
            Some(Effect::Moved { wall }) => format!("{} for {wall}", run.nominal),
            Some(Effect::FirstPass) => format!("{} first", run.nominal),
            Some(Effect::SecondPass) => format!("{} second", run.nominal),
        },
        Preview::Skipped { wall, gap } => format!("{gap} skips {wall}"),
    };
    entries.iter().map(tell).collect()
}

#[test]
fn each_effect_is_named() {
    let berlin = cron("30 2 * * *", "Europe/Berlin");
    let march = "2026-03-28T00:00:00Z";
    assert_eq!(
        told(&berlin, march, 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z for 2026-03-29T02:30:00", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        told(&Schedule { on_gap: OnGap::Skip, ..berlin.clone() }, march, 2),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z skips 2026-03-29T02:30:00", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        told(&Schedule { on_fold: OnFold::Both, ..berlin.clone() }, "2026-10-24T12:00:00Z", 3),
        ["2026-10-25T00:30:00Z first", "2026-10-25T01:30:00Z second", "2026-10-26T01:30:00Z"]
    );
    // With the hour `*` nothing is missing that could be told of.
    let hourly = Schedule { on_gap: OnGap::Skip, ..cron("30 * * * *", "Europe/Berlin") };
    assert_eq!(told(&hourly, "2026-03-29T00:00:00Z", 2), ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]);
}

#[test]
fn what_is_skipped_between_is_told_too_and_nothing_beyond() {
    let skip = |expression| Schedule { on_gap: OnGap::Skip, ..cron(expression, "Europe/Berlin") };
    assert_eq!(
        told(&skip("0,30 2 29 3 *"), "2025-06-01T00:00:00Z", 2),
        [
            "2026-03-29T01:00:00Z skips 2026-03-29T02:00:00",
            "2026-03-29T01:00:00Z skips 2026-03-29T02:30:00",
            "2027-03-29T00:00:00Z",
            "2027-03-29T00:30:00Z"
        ]
    );
    assert_eq!(told(&skip("30 2 * * *"), "2026-03-27T12:00:00Z", 1), ["2026-03-28T01:30:00Z"]);
    let ended = Schedule { end: Some(moment("2026-03-29T00:30:00Z")), ..skip("30 2 * * *") };
    assert_eq!(told(&ended, "2026-03-27T12:00:00Z", 9), ["2026-03-28T01:30:00Z"]);
    // What is excluded would not have run either.
    let mut excluded = skip("30 2 * * *");
    excluded.exclude.dates.insert("2026-03-29".parse().unwrap());
    assert_eq!(told(&excluded, "2026-03-28T12:00:00Z", 1), ["2026-03-30T00:30:00Z"]);
    // Of a moment that gap and rule take away, the preview is all that is left.
    let mut both = Schedule { on_gap: OnGap::Skip, ..local("2026-03-29T02:30:00", "Europe/Berlin") };
    both.triggers.extend(local("2026-04-01T00:00:00", "Europe/Berlin").triggers);
    let plan = kageos_scheduler::Plan::new(&both, "task").unwrap();
    let entries = plan.preview(moment("2026-01-01T00:00:00Z"), 9, None).unwrap();
    assert!(matches!(entries[..], [Preview::Skipped { .. }, Preview::Run(_)]), "{entries:?}");
}

#[test]
fn it_is_bounded_and_agrees_with_next() {
    let schedule = every(60, None);
    let entries = plan(&schedule).preview(moment("2026-01-01T00:00:00Z"), usize::MAX, None).unwrap();
    assert_eq!(entries.len(), MAX_PREVIEW);
    let mut after = moment("2026-01-01T00:00:00Z");
    for entry in entries {
        let next = plan(&schedule).next(after, None).unwrap().unwrap();
        assert_eq!(entry, Preview::Run(next));
        after = entry.moment();
    }
    assert_eq!(plan(&schedule).preview(moment("2026-01-01T00:00:00Z"), 0, None).unwrap(), []);
}

#[test]
fn of_a_delay_one_is_known() {
    let mut schedule = Schedule::new(vec![Trigger::Delay(Delay { seconds: 100 })]);
    let preview = |schedule: &Schedule| {
        let entries =
            plan(schedule).preview(moment("2026-01-01T00:00:00Z"), 5, Some(moment("2026-01-01T00:00:00Z")));
        entries.unwrap().iter().map(|entry| entry.moment().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(preview(&schedule), ["2026-01-01T00:01:40Z"]);
    schedule.triggers.extend(every(60, None).triggers);
    assert_eq!(
        preview(&schedule)[..3],
        ["2026-01-01T00:01:00Z", "2026-01-01T00:01:40Z", "2026-01-01T00:02:00Z"]
    );
}
