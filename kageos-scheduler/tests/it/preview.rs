//! Previews: what comes next, and what gaps leave out.

use kageos_scheduler::{Delay, Entry, Jump, MAX_PREVIEW, OnFold, OnGap, Plan, Schedule, Trigger};
use serde_json::json;

use crate::support::{cron, every, local, moment, next, plan};

#[track_caller]
fn told(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let preview = plan(schedule).preview(moment(after), count, None).unwrap();
    assert!(!preview.cut, "{preview:?}");
    let tell = |entry: &Entry| match entry {
        Entry::Run(run) => match run.jump {
            None => format!("{}", run.nominal),
            Some(Jump::Moved { wall }) => format!("{} for {wall}", run.nominal),
            Some(Jump::FirstPass) => format!("{} first", run.nominal),
            Some(Jump::SecondPass) => format!("{} second", run.nominal),
        },
        Entry::LeftOut { first, last, count: 1, gap, .. } if first == last => {
            format!("{gap} leaves out {first}")
        }
        Entry::LeftOut { first, last, count, gap, .. } => {
            format!("{gap} leaves out {count} from {first} to {last}")
        }
    };
    preview.entries.iter().map(tell).collect()
}

#[test]
fn each_jump_is_named() {
    let berlin = cron("30 2 * * *", "Europe/Berlin");
    let march = "2026-03-28T00:00:00Z";
    assert_eq!(
        told(&berlin, march, 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z for 2026-03-29T02:30:00", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        told(&Schedule { on_gap: OnGap::Skip, ..berlin.clone() }, march, 2),
        [
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:00:00Z leaves out 2026-03-29T02:30:00",
            "2026-03-30T00:30:00Z"
        ]
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
fn what_is_left_out_between_is_told_too_and_nothing_beyond() {
    let skip = |expression| Schedule { on_gap: OnGap::Skip, ..cron(expression, "Europe/Berlin") };
    assert_eq!(
        told(&skip("0,30 2 29 3 *"), "2025-06-01T00:00:00Z", 2),
        [
            "2026-03-29T01:00:00Z leaves out 2 from 2026-03-29T02:00:00 to 2026-03-29T02:30:00",
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
    let entries = Plan::new(&both).unwrap().preview(moment("2026-01-01T00:00:00Z"), 9, None).unwrap().entries;
    assert!(
        matches!(entries[..], [Entry::LeftOut { trigger: 0, .. }, Entry::Run(run)] if run.trigger == 1),
        "{entries:?}"
    );
}

/// Days and windows by the time that is left out, blackouts by the moment of the gap.
#[test]
fn what_is_excluded_would_not_have_run() {
    let told_with = |zone: &str, expression: &str, after: &str, exclude: serde_json::Value| {
        let mut schedule = Schedule { on_gap: OnGap::Skip, ..cron(expression, zone) };
        schedule.exclude = serde_json::from_value(exclude).unwrap();
        told(&schedule, after, 1)
    };
    let berlin = |exclude| told_with("Europe/Berlin", "0,30 2 * * *", "2026-03-28T12:00:00Z", exclude);
    let window = |from: &str, to: &str| json!({ "weekly": [{ "days": ["sun"], "from": from, "to": to }] });
    let run = "2026-03-30T00:00:00Z";
    let both = "2026-03-29T01:00:00Z leaves out 2 from 2026-03-29T02:00:00 to 2026-03-29T02:30:00";
    assert_eq!(
        berlin(window("02:00", "02:15")),
        ["2026-03-29T01:00:00Z leaves out 2026-03-29T02:30:00", run]
    );
    assert_eq!(berlin(window("02:00", "03:00")), [run]);
    // The wall clock shows three when it jumps.
    assert_eq!(berlin(window("03:00", "04:00")), [both, run]);
    let blackout = |from: &str, to: &str| json!({ "blackouts": [{ "from": from, "to": to }] });
    assert_eq!(berlin(blackout("2026-03-29T01:00:00Z", "2026-03-29T01:00:01Z")), [run]);
    assert_eq!(berlin(blackout("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z")), [both, run]);
    // It jumps from the 29th over the 30th into the 31st.
    let apia = |date: &str| {
        told_with("Pacific/Apia", "0 12 30 12 *", "2011-12-01T00:00:00Z", json!({ "dates": [date] }))
    };
    assert_eq!(apia("2011-12-30"), ["2012-12-29T22:00:00Z"]);
    assert_eq!(apia("2011-12-31").len(), 2);
}

#[test]
fn it_is_bounded_and_agrees_with_next() {
    let schedule = every(60, None);
    let entries = plan(&schedule).preview(moment("2026-01-01T00:00:00Z"), usize::MAX, None).unwrap().entries;
    assert_eq!(entries.len(), MAX_PREVIEW);
    let mut after = moment("2026-01-01T00:00:00Z");
    for entry in entries {
        let next = next(&plan(&schedule), after).unwrap();
        assert_eq!(entry, Entry::Run(next));
        after = entry.moment();
    }
    assert_eq!(plan(&schedule).preview(moment("2026-01-01T00:00:00Z"), 0, None).unwrap().entries, []);
}

#[test]
fn there_is_a_bound_for_what_gaps_leave_out() {
    // Each year New York leaves it out, until the run at last.
    let mut schedule = Schedule { on_gap: OnGap::Skip, ..cron("30 2 8-14 3 +SUN", "America/New_York") };
    schedule.triggers.extend(local("2499-01-01T00:00:00", "UTC").triggers);
    let preview = Plan::new(&schedule).unwrap().preview(moment("2026-01-01T00:00:00Z"), 1, None).unwrap();
    assert_eq!((preview.entries.len(), preview.cut), (MAX_PREVIEW + 1, true));
    assert_eq!(preview.entries[0].moment(), moment("2026-03-08T07:00:00Z"));
}

#[test]
fn of_a_delay_one_is_known() {
    let mut schedule = Schedule::new(vec![Trigger::Delay(Delay { seconds: 100 })]);
    let preview = |schedule: &Schedule| {
        let entries =
            plan(schedule).preview(moment("2026-01-01T00:00:00Z"), 5, Some(moment("2026-01-01T00:00:00Z")));
        entries.unwrap().entries.iter().map(|entry| entry.moment().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(preview(&schedule), ["2026-01-01T00:01:40Z"]);
    schedule.triggers.extend(every(60, None).triggers);
    assert_eq!(
        preview(&schedule)[..3],
        ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z", "2026-01-01T00:03:00Z"]
    );
    // A run of the other trigger begins first, and when it ends is not known: `next` says the same.
    let plan = plan(&schedule);
    let waiting = plan.next(moment("2026-01-01T00:01:00Z"), None).unwrap().occurrence().unwrap();
    assert_eq!(waiting.nominal, moment("2026-01-01T00:02:00Z"));
}
