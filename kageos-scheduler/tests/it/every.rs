//! Fixed rates.

use kageos_core::Timestamp;
use kageos_scheduler::Schedule;

use crate::support::{every, moment, next, plan, texts, walk};

#[test]
fn a_rate_keeps_its_phase_where_the_wall_clock_jumps() {
    let schedule =
        Schedule { zone: "America/New_York".to_owned(), ..every(86_400, Some("2026-01-01T14:00:00Z")) };
    let all = walk(&plan(&schedule), moment("2026-01-01T14:00:00Z"), moment("2027-01-01T14:00:00Z"));
    assert_eq!(all.len(), 365);
    assert!(
        all.iter().all(|found| found.nominal.to_string().ends_with("T14:00:00Z") && found.jump.is_none())
    );
}

#[test]
fn far_jumps_neither_drift_nor_take_long() {
    let from = moment("1999-12-31T23:59:59.123456Z");
    let plan = plan(&every(7, Some("1999-12-31T23:59:59.123456Z")));
    // A step for each period would take a billion of them.
    for after in ["2010-05-05T05:05:05Z", "2026-01-01T00:00:00.5Z", "2400-02-29T12:00:00Z"].map(moment) {
        let found = next(&plan, after).unwrap().nominal;
        let period = 7_000_000;
        assert_eq!((found.as_micros() - from.as_micros()) % period, 0);
        assert!(found > after && found.as_micros() - after.as_micros() <= period);
        assert_eq!(next(&plan, found).unwrap().nominal.as_micros(), found.as_micros() + period);
    }
}

#[test]
fn nothing_runs_before_the_first_and_without_one_it_counts_from_1970() {
    let later = every(90, Some("2026-01-01T00:00:10Z"));
    assert_eq!(texts(&later, "2020-01-01T00:00:00Z", 2), ["2026-01-01T00:00:10Z", "2026-01-01T00:01:40Z"]);
    assert_eq!(
        texts(&every(90, None), "1969-01-01T00:00:00Z", 2),
        ["1970-01-01T00:00:00Z", "1970-01-01T00:01:30Z"]
    );
    assert_eq!(
        texts(&every(u32::MAX, None), "2026-01-01T00:00:00Z", 2),
        ["2106-02-07T06:28:15Z", "2242-03-16T12:56:30Z"]
    );
}

#[test]
fn start_belongs_to_a_schedule_and_end_does_not() {
    let schedule = Schedule {
        start: Some(moment("2026-01-01T00:03:00Z")),
        end: Some(moment("2026-01-01T00:06:00Z")),
        ..every(90, None)
    };
    assert_eq!(texts(&schedule, "2020-01-01T00:00:00Z", 9), ["2026-01-01T00:03:00Z", "2026-01-01T00:04:30Z"]);
    assert_eq!(next(&plan(&schedule), moment("2030-01-01T00:00:00Z")), None);
    assert_eq!(
        next(&plan(&schedule), Timestamp::from_micros(i64::MIN)).unwrap().nominal,
        moment("2026-01-01T00:03:00Z")
    );
}

#[test]
fn several_triggers_are_one_row_without_doubles() {
    let mut schedule = every(3600, Some("2026-01-01T00:00:00Z"));
    schedule.triggers.extend(every(5400, Some("2026-01-01T00:00:00Z")).triggers);
    schedule.triggers.extend(crate::support::cron("0 2 * * *", "UTC").triggers);
    let wanted = ["00:00", "01:00", "01:30", "02:00", "03:00", "04:00", "04:30", "05:00"];
    let wanted: Vec<_> = wanted.iter().map(|time| format!("2026-01-01T{time}:00Z")).collect();
    assert_eq!(texts(&schedule, "2025-12-31T23:59:59Z", 8), wanted);
    schedule.triggers.reverse();
    assert_eq!(texts(&schedule, "2025-12-31T23:59:59Z", 8), wanted);
}
