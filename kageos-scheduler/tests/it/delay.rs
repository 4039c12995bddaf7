//! Fixed rests between runs.

use kageos_core::Timestamp;
use kageos_scheduler::{Blackout, Delay, Exclude, Schedule, Trigger};

use crate::support::{moment, plan};

fn delay(seconds: u32) -> Schedule {
    Schedule::new(vec![Trigger::Delay(Delay { seconds })])
}

#[track_caller]
fn nominal(schedule: &Schedule, after: &str, last_end: Option<&str>) -> Option<String> {
    let found = plan(schedule).next(moment(after), last_end.map(moment)).unwrap();
    found.occurrence().map(|found| found.nominal.to_string())
}

#[test]
fn it_counts_from_the_end_of_the_run_before() {
    let schedule = delay(30);
    let (nine, ended) = ("2026-01-01T09:00:00Z", "2026-01-01T09:07:00.25Z");
    assert_eq!(nominal(&schedule, nine, Some(ended)).as_deref(), Some("2026-01-01T09:07:30.25Z"));
    assert_eq!(nominal(&schedule, nine, None), None);
}

#[test]
fn an_overdue_one_keeps_its_nominal_time_until_the_cursor_reaches_it() {
    let (schedule, ended) = (delay(30), Some("2026-01-01T09:00:00Z"));
    for after in ["2025-06-01T00:00:00Z", "2026-01-01T08:59:00Z", "2026-01-01T09:00:29.999999Z"] {
        assert_eq!(nominal(&schedule, after, ended).as_deref(), Some("2026-01-01T09:00:30Z"), "{after}");
    }
    let at_once = nominal(&schedule, "2026-01-01T09:00:30Z", ended);
    assert_eq!(at_once.as_deref(), Some("2026-01-01T09:00:30.000001Z"));
}

#[test]
fn one_that_is_over_is_due_at_once_and_never_lost() {
    let schedule = delay(30);
    let found = nominal(&schedule, "2026-01-01T10:00:00Z", Some("2026-01-01T09:00:00Z"));
    assert_eq!(found.as_deref(), Some("2026-01-01T10:00:00.000001Z"));
    let before_1970 =
        plan(&schedule).next(Timestamp::from_micros(i64::MIN), Some(Timestamp::from_micros(i64::MIN)));
    assert_eq!(before_1970.unwrap().occurrence().unwrap().nominal, Timestamp::default());
}

#[test]
fn start_and_exclusions_put_it_off() {
    let out = Blackout { from: moment("2026-01-01T09:00:00Z"), to: moment("2026-01-01T10:00:00Z") };
    let exclude = Exclude { blackouts: vec![out], ..Exclude::default() };
    let schedule = Schedule { exclude, ..delay(30) };
    let (before, ended) = ("2026-01-01T08:00:00Z", "2026-01-01T08:59:50Z");
    assert_eq!(nominal(&schedule, before, Some(ended)).as_deref(), Some("2026-01-01T10:00:00Z"));
    let schedule = Schedule { start: Some(moment("2026-02-01T00:00:00Z")), ..delay(30) };
    assert_eq!(nominal(&schedule, before, Some(ended)).as_deref(), Some("2026-02-01T00:00:00Z"));
    let schedule = Schedule { end: Some(moment("2026-01-01T09:00:20Z")), ..delay(30) };
    assert_eq!(nominal(&schedule, before, Some(ended)), None);
}
