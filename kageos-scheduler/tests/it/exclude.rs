//! Times at which nothing runs.

use kageos_scheduler::{Jump, OnGap, Schedule};

use crate::support::{moment, next, plan, texts, walk};

fn schedule(trigger: &str, zone: &str, exclude: &str) -> Schedule {
    let json = format!(r#"{{"triggers": [{trigger}], "zone": "{zone}", "exclude": {exclude}}}"#);
    serde_json::from_str(&json).unwrap()
}

#[track_caller]
fn check(schedule: &Schedule, after: &str, wanted: &[&str]) {
    assert_eq!(texts(schedule, after, wanted.len()), wanted, "{schedule:?}");
}

#[test]
fn dates_are_days_of_the_zone() {
    let daily = schedule(
        r#"{"cron": "0 9 * * *"}"#,
        "Pacific/Auckland",
        r#"{"dates": ["2026-12-25", "2026-12-26"]}"#,
    );
    check(&daily, "2026-12-23T12:00:00Z", &["2026-12-23T20:00:00Z", "2026-12-26T20:00:00Z"]);
    let every = schedule(r#"{"every": {"seconds": 1800}}"#, "Asia/Kathmandu", r#"{"dates": ["2026-12-25"]}"#);
    check(&every, "2026-12-24T18:00:00Z", &["2026-12-25T18:30:00Z"]);
}

#[test]
fn a_date_with_a_jump_at_midnight_is_left_whole() {
    // In Havana 3 November 2024 begins at 04:00 UTC, goes back from 01:00 to 00:00, and ends 25 hours later.
    let havana = schedule(r#"{"every": {"seconds": 900}}"#, "America/Havana", r#"{"dates": ["2024-11-03"]}"#);
    check(&havana, "2024-11-03T03:45:00Z", &["2024-11-04T05:00:00Z"]);
    // In Cairo 24 April 2026 begins at 01:00, an hour that midnight became.
    let cairo = schedule(r#"{"every": {"seconds": 900}}"#, "Africa/Cairo", r#"{"dates": ["2026-04-23"]}"#);
    check(&cairo, "2026-04-22T21:45:00Z", &["2026-04-23T22:00:00Z"]);
    // In St John's the clock went back from 00:01 on 7 November 2010 to 23:01 on the 6th, which so went on.
    let twice = schedule(r#"{"every": {"seconds": 1}}"#, "America/St_Johns", r#"{"dates": ["2010-11-06"]}"#);
    let all = walk(&plan(&twice), moment("2010-11-06T02:00:00Z"), moment("2010-11-07T03:31:00Z"));
    assert_eq!(all.first().unwrap().nominal, moment("2010-11-06T02:00:01Z"));
    let seconds = |from: &str, until: &str| {
        let (from, until) = (moment(from), moment(until));
        all.iter().filter(|found| from <= found.nominal && found.nominal < until).count()
    };
    // Excluded until midnight, free for the one minute of the 7th, excluded again for 59 minutes.
    assert_eq!(seconds("2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z"), 0);
    assert_eq!(seconds("2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z"), 60);
    assert_eq!(seconds("2010-11-07T02:31:00Z", "2010-11-07T03:30:00Z"), 0);
    assert_eq!(seconds("2010-11-07T03:30:00Z", "2010-11-07T03:31:00Z"), 60);
}

#[test]
fn weekly_windows_go_over_midnight_and_over_the_week() {
    let nights = schedule(
        r#"{"cron": "0 * * * *"}"#,
        "Europe/Berlin",
        r#"{"weekly": [{"days": ["sun"], "from": "22:00", "to": "06:00"}, {"days": ["wed"], "from": "10:00", "to": "11:00"}]}"#,
    );
    // Sunday 4 January 2026.
    check(&nights, "2026-01-04T19:30:00Z", &["2026-01-04T20:00:00Z", "2026-01-05T05:00:00Z"]);
    check(&nights, "2026-01-07T08:00:00Z", &["2026-01-07T10:00:00Z"]);
    let weekend = schedule(
        r#"{"every": {"seconds": 60}}"#,
        "Europe/Berlin",
        r#"{"weekly": [{"days": ["sat", "sun"], "from": "00:00", "to": "00:00"}]}"#,
    );
    // The weekend of 28 March has 47 hours.
    check(&weekend, "2026-03-27T22:59:00Z", &["2026-03-29T22:00:00Z"]);
}

#[test]
fn blackouts_end_at_their_end_and_may_overlap() {
    let minutes = schedule(
        r#"{"cron": "* * * * *"}"#,
        "UTC",
        r#"{"blackouts": [
            {"from": "2026-01-01T00:30:00Z", "to": "2026-01-01T02:00:00Z"},
            {"from": "2026-01-01T00:10:00Z", "to": "2026-01-01T00:40:00Z"},
            {"from": "2026-01-01T00:50:00Z", "to": "2026-01-01T01:00:00Z"},
            {"from": "2026-01-01T02:00:00Z", "to": "2026-01-01T02:00:00.5Z"}
        ]}"#,
    );
    check(&minutes, "2026-01-01T00:08:30Z", &["2026-01-01T00:09:00Z", "2026-01-01T02:01:00Z"]);
}

fn with(on_gap: OnGap, schedule: Schedule) -> Schedule {
    Schedule { on_gap, ..schedule }
}

#[test]
fn what_is_moved_out_of_an_excluded_day_does_not_run_on_the_next() {
    // Apia had no 30 December 2011; what is moved runs on the 31st.
    let noon = || schedule(r#"{"cron": "0 12 * * *"}"#, "Pacific/Apia", r#"{"dates": ["2011-12-30"]}"#);
    for on_gap in [OnGap::FirstValid, OnGap::Shift, OnGap::Skip] {
        check(
            &with(on_gap, noon()),
            "2011-12-29T00:00:00Z",
            &["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z", "2011-12-31T22:00:00Z"],
        );
    }
    let last = || schedule(r#"{"cron": "0 13 30 12 *"}"#, "Pacific/Apia", r#"{"dates": ["2011-12-30"]}"#);
    check(&with(OnGap::Shift, last()), "2011-12-29T00:00:00Z", &["2012-12-29T23:00:00Z"]);
    // Where it lands counts as well.
    let lands = schedule(r#"{"cron": "0 12 30 12 *"}"#, "Pacific/Apia", r#"{"dates": ["2011-12-31"]}"#);
    check(&lands, "2011-12-29T12:00:00Z", &["2012-12-29T22:00:00Z"]);
}

#[test]
fn of_times_moved_together_those_count_that_no_window_takes() {
    let many = |window: &str| {
        let exclude = format!(r#"{{"weekly": [{{"days": ["sun"], {window}}}]}}"#);
        schedule(r#"{"cron": "0,20,40 2 * * *"}"#, "Europe/Berlin", &exclude)
    };
    let (before, at, after) = ("2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z");
    let some = many(r#""from": "02:00", "to": "02:30""#);
    check(&some, before, &[at, after]);
    let moved = next(&plan(&some), moment(before)).unwrap();
    assert_eq!(moved.jump, Some(Jump::Moved { wall: "2026-03-29T02:40:00".parse().unwrap() }));
    check(&with(OnGap::Shift, some), before, &["2026-03-29T01:40:00Z", after]);
    let all = many(r#""from": "02:00", "to": "03:00""#);
    check(&all, before, &[after]);
    check(&with(OnGap::Shift, all), before, &[after]);
}

/// Each second of some days, asked one by one.
#[test]
fn brute_force_agrees() {
    let json = r#"{"dates": ["2026-10-24", "2026-10-27"], "weekly": [
        {"days": ["sun", "mon"], "from": "02:15", "to": "02:45"}, {"days": ["sun"], "from": "23:00", "to": "01:00"}],
        "blackouts": [{"from": "2026-10-26T12:00:00Z", "to": "2026-10-26T13:30:00Z"}]}"#;
    let (from, until) = ("2026-10-23T12:00:00Z", "2026-10-28T12:00:00Z");
    let got = walk(
        &plan(&schedule(r#"{"every": {"seconds": 60}}"#, "Europe/Berlin", json)),
        moment(from),
        moment(until),
    );
    let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    let free = |minute: &i64| {
        let shown = zone.to_datetime(jiff::Timestamp::from_second(minute * 60).unwrap());
        let time = i32::from(shown.hour()) * 100 + i32::from(shown.minute());
        let out = match shown.day() {
            24 | 27 => true,
            25 => (215..245).contains(&time) || time >= 2300,
            26 => (215..245).contains(&time) || time < 100,
            _ => false,
        };
        let noon = crate::support::second("2026-10-26T12:00:00Z") / 60;
        !out && !(noon..noon + 90).contains(minute)
    };
    let wanted: Vec<_> = (moment(from).as_micros() / 60_000_000 + 1..=moment(until).as_micros() / 60_000_000)
        .filter(free)
        .map(|minute| crate::support::at_second(minute * 60))
        .collect();
    assert_eq!(got.iter().map(|found| found.nominal).collect::<Vec<_>>(), wanted);
    assert!(wanted.len() > 3000);
}
