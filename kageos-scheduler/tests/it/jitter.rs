//! Jitter.

use kageos_core::Timestamp;
use kageos_scheduler::{Plan, Schedule};

use crate::support::{cron, moment, walk};

fn planned(schedule: &Schedule, task: &str) -> Vec<(Timestamp, Timestamp)> {
    let plan = Plan::new(schedule).unwrap();
    let all = walk(&plan, moment("2026-01-01T00:00:00Z"), moment("2026-01-08T00:00:00Z"));
    all.iter().map(|found| (found.nominal, plan.planned(task, found.nominal))).collect()
}

#[test]
fn it_is_stable_bounded_and_moves_no_nominal_time() {
    let plain = cron("*/5 * * * *", "UTC");
    let jittered = Schedule { jitter_s: 300, ..plain.clone() };
    let (with, without) = (planned(&jittered, "a"), planned(&plain, "a"));
    assert_eq!(with, planned(&jittered, "a"));
    assert!(without.iter().all(|(nominal, planned)| nominal == planned));
    let nominal =
        |all: &[(Timestamp, Timestamp)]| -> Vec<_> { all.iter().map(|(nominal, _)| *nominal).collect() };
    assert_eq!(nominal(&with), nominal(&without));
    for (nominal, planned) in &with {
        assert!(planned >= nominal && planned.since(*nominal).as_secs() < 300);
    }
    assert!(with.iter().filter(|(nominal, planned)| planned.since(*nominal).as_secs() > 150).count() > 800);
}

#[test]
fn tasks_with_one_schedule_do_not_run_all_at_once() {
    let schedule = Schedule { jitter_s: 60, ..cron("0 * * * *", "UTC") };
    let (a, b) = (planned(&schedule, "a"), planned(&schedule, "b"));
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && a.1 != b.1));
}
