//! Where the wall clock jumps, case by case: those of which libraries are known to be wrong, and our rules.

use kageos_scheduler::{Jump, OnFold, OnGap, Schedule};

use crate::support::{cron, local, moment, next, plan, texts, walk};

#[track_caller]
fn check(schedule: &Schedule, after: &str, wanted: &[&str]) {
    assert_eq!(texts(schedule, after, wanted.len()), wanted, "{schedule:?}");
}

fn gap(on_gap: OnGap, schedule: Schedule) -> Schedule {
    Schedule { on_gap, ..schedule }
}

fn fold(on_fold: OnFold, schedule: Schedule) -> Schedule {
    Schedule { on_fold, ..schedule }
}

#[test]
fn half_past_two_where_the_clock_goes_from_two_to_three() {
    let daily = || cron("30 2 * * *", "America/New_York");
    let before = "2026-03-07T12:00:00Z";
    check(&daily(), before, &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
    check(&gap(OnGap::Shift, daily()), before, &["2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"]);
    check(&gap(OnGap::Skip, daily()), before, &["2026-03-09T06:30:00Z"]);
    let moved = next(&plan(&daily()), moment(before)).unwrap();
    let wall = "2026-03-08T02:30:00".parse().unwrap();
    assert_eq!(moved.jump, Some(Jump::Moved { wall }));
}

#[test]
fn times_that_are_moved_to_one_moment_are_one_run() {
    let many = || cron("0,20,40 2,3 * * *", "America/New_York");
    let before = "2026-03-08T06:59:59Z";
    check(
        &many(),
        before,
        &["2026-03-08T07:00:00Z", "2026-03-08T07:20:00Z", "2026-03-08T07:40:00Z", "2026-03-09T06:00:00Z"],
    );
    check(&gap(OnGap::Shift, many()), before, &["2026-03-08T07:00:00Z", "2026-03-08T07:20:00Z"]);
    let first = next(&plan(&many()), moment(before)).unwrap();
    assert!(matches!(first.jump, Some(Jump::Moved { .. })), "{first:?}");
    // Each fifteen minutes of an hour that is left out is made up for once.
    check(
        &cron("*/15 2 * * *", "America/New_York"),
        before,
        &["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"],
    );
}

#[test]
fn of_two_triggers_at_one_moment_the_jump_is_told() {
    let mut schedule = cron("0 3 * * *", "America/New_York");
    schedule.triggers.extend(cron("30 2 * * *", "America/New_York").triggers);
    for _ in 0..2 {
        let found = next(&plan(&schedule), moment("2026-03-08T06:00:00Z")).unwrap();
        assert_eq!(found.nominal, moment("2026-03-08T07:00:00Z"));
        assert!(matches!(found.jump, Some(Jump::Moved { .. })), "{found:?}");
        schedule.triggers.reverse();
    }
}

#[test]
fn half_past_one_where_the_clock_goes_from_two_to_one() {
    let daily = || cron("30 1 * * *", "America/New_York");
    let before = "2026-10-31T12:00:00Z";
    check(&daily(), before, &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    check(&fold(OnFold::Second, daily()), before, &["2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"]);
    check(
        &fold(OnFold::Both, daily()),
        before,
        &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"],
    );
    // Asked from inside the second pass the first is past, and nothing is answered that is.
    check(&daily(), "2026-11-01T06:10:00Z", &["2026-11-02T06:30:00Z"]);
    check(&fold(OnFold::Both, daily()), "2026-11-01T06:10:00Z", &["2026-11-01T06:30:00Z"]);
    let jumps = |schedule: Schedule| -> Vec<_> {
        let found = walk(&plan(&schedule), moment(before), moment("2026-11-02T00:00:00Z"));
        found.iter().map(|found| found.jump).collect()
    };
    assert_eq!(jumps(daily()), [Some(Jump::FirstPass)]);
    assert_eq!(jumps(fold(OnFold::Second, daily())), [Some(Jump::SecondPass)]);
    assert_eq!(jumps(fold(OnFold::Both, daily())), [Some(Jump::FirstPass), Some(Jump::SecondPass)]);
}

#[test]
fn hourly_runs_follow_the_time_that_goes_by() {
    let hourly = cron("0 * * * *", "America/New_York");
    check(
        &hourly,
        "2026-03-08T05:30:00Z",
        &["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"],
    );
    check(
        &hourly,
        "2026-11-01T04:30:00Z",
        &["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"],
    );
    // At half past there is nothing to make up for either: no extra run when the hour is left out.
    check(
        &cron("30 * * * *", "America/New_York"),
        "2026-03-08T06:00:00Z",
        &["2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"],
    );
    let quarters = walk(
        &plan(&cron("*/15 * * * *", "America/New_York")),
        moment("2026-11-01T00:00:00Z"),
        moment("2026-11-02T00:00:00Z"),
    );
    assert_eq!(quarters.len(), 96);
}

/// Both exceptions ask for a `*`: hours that are counted out follow the rules.
#[test]
fn all_hours_by_number_are_no_star() {
    let march = ["2026-03-08T06:30:00Z", "2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"];
    check(&cron("30 0-23 * * *", "America/New_York"), "2026-03-08T06:00:00Z", &march);
    let november = ["2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z"];
    check(&cron("30 0-23 * * *", "America/New_York"), "2026-11-01T05:00:00Z", &november);
    let by_one = ["2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"];
    check(&cron("30 */1 * * *", "America/New_York"), "2026-03-08T06:00:00Z", &by_one);
}

#[test]
fn half_an_hour_in_lord_howe() {
    // Forward from 02:00 to 02:30 on 4 October, back from 02:00 to 01:30 on 5 April.
    let daily = |time| cron(time, "Australia/Lord_Howe");
    check(&daily("30 2 * * *"), "2026-10-03T12:00:00Z", &["2026-10-03T15:30:00Z", "2026-10-04T15:30:00Z"]);
    check(&daily("15 2 * * *"), "2026-10-03T12:00:00Z", &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]);
    check(&gap(OnGap::Shift, daily("15 2 * * *")), "2026-10-03T12:00:00Z", &["2026-10-03T15:45:00Z"]);
    check(&daily("45 1 * * *"), "2026-04-04T12:00:00Z", &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]);
    check(&fold(OnFold::Second, daily("45 1 * * *")), "2026-04-04T12:00:00Z", &["2026-04-04T15:15:00Z"]);
    check(&daily("30 2 * * *"), "2026-04-04T12:00:00Z", &["2026-04-04T16:00:00Z", "2026-04-05T16:00:00Z"]);
}

#[test]
fn the_day_that_apia_left_out() {
    // 30 December 2011 did not happen there: 29 December ends at 10:00 UTC and 31 December begins.
    let noon = || cron("0 12 * * *", "Pacific/Apia");
    let before = "2011-12-29T12:00:00Z";
    let (left_out, following) = ("2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z");
    check(
        &noon(),
        "2011-12-29T00:00:00Z",
        &["2011-12-29T22:00:00Z", left_out, following, "2011-12-31T22:00:00Z"],
    );
    check(&gap(OnGap::Skip, noon()), "2011-12-29T23:00:00Z", &[following]);
    check(&gap(OnGap::Shift, noon()), "2011-12-29T23:00:00Z", &[following, "2011-12-31T22:00:00Z"]);
    check(&cron("0 0 30 12 *", "Pacific/Apia"), before, &[left_out, "2012-12-29T10:00:00Z"]);
    check(&gap(OnGap::Skip, cron("0 0 30 12 *", "Pacific/Apia")), before, &["2012-12-29T10:00:00Z"]);
    check(&cron("0 */6 * * *", "Pacific/Apia"), "2011-12-30T05:00:00Z", &[left_out, "2011-12-30T16:00:00Z"]);
}

#[test]
fn midnight_left_out() {
    // Cairo goes from 00:00 to 01:00 on 24 April 2026.
    let midnight = cron("0 0 * * *", "Africa/Cairo");
    check(&midnight, "2026-04-23T12:00:00Z", &["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"]);
    check(
        &cron("0 0 * * FRI", "Africa/Cairo"),
        "2026-04-23T12:00:00Z",
        &["2026-04-23T22:00:00Z", "2026-04-30T21:00:00Z"],
    );
}

#[test]
fn a_local_moment_follows_the_same_rules() {
    check(&local("2026-07-01T09:00:00", "Europe/Berlin"), "2026-01-01T00:00:00Z", &["2026-07-01T07:00:00Z"]);
    let missing = || local("2026-03-29T02:30:00", "Europe/Berlin");
    check(&missing(), "2026-01-01T00:00:00Z", &["2026-03-29T01:00:00Z"]);
    check(&gap(OnGap::Shift, missing()), "2026-01-01T00:00:00Z", &["2026-03-29T01:30:00Z"]);
    let doubled = || local("2026-10-25T02:30:00", "Europe/Berlin");
    check(&doubled(), "2026-01-01T00:00:00Z", &["2026-10-25T00:30:00Z"]);
    check(&fold(OnFold::Second, doubled()), "2026-01-01T00:00:00Z", &["2026-10-25T01:30:00Z"]);
    check(
        &fold(OnFold::Both, doubled()),
        "2026-01-01T00:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    );
    // Once and never again, whichever the rule.
    for on_fold in [OnFold::First, OnFold::Second, OnFold::Both] {
        let plan = plan(&fold(on_fold, doubled()));
        assert_eq!(next(&plan, moment("2026-10-25T01:30:00Z")), None);
    }
}

/// The rules take for granted that no stretch of one offset is shorter than the jumps at its ends.
#[test]
fn no_two_jumps_of_any_zone_overlap() {
    use crate::oracle::{DAY, Offsets};
    let (from, until) =
        (crate::support::second("1970-01-05T00:00:00Z"), crate::support::second("2040-01-01T00:00:00Z"));
    for zone in jiff::tz::TimeZoneDatabase::bundled().available() {
        let stretches = Offsets::of(zone.as_str(), from, until, DAY).0;
        for three in stretches.windows(3) {
            let length = three[1].1 - three[1].0;
            let jumps = (three[1].2 - three[0].2).abs() + (three[2].2 - three[1].2).abs();
            assert!(length > jumps, "{} at {}", zone.as_str(), three[1].0);
        }
    }
}
