//! What comes next, held against brute force in many zones.

use std::collections::HashMap;

use jiff::tz::TimeZoneDatabase;
use kageos_scheduler::{OnFold, OnGap};

use crate::{
    oracle::{DAY, HOUR, Offsets},
    support::{RULES, agree, at_second, cron, next, plan, second, walk},
};

/// Zones and the years in which their wall clocks do what others do not.
const ODD: [(&str, &str, &str); 20] = [
    ("Australia/Lord_Howe", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"), // half an hour
    ("Pacific/Apia", "2011-06-01T00:00:00Z", "2012-06-01T00:00:00Z"),        // a day left out
    ("Pacific/Kwajalein", "1993-06-01T00:00:00Z", "1993-12-01T00:00:00Z"),   // another one
    ("Asia/Kathmandu", "1985-06-01T00:00:00Z", "1986-06-01T00:00:00Z"),      // a quarter of an hour
    ("Africa/Casablanca", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),   // by the moon
    ("Antarctica/Troll", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),    // two hours
    ("Pacific/Chatham", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),     // at a quarter to
    ("America/St_Johns", "2009-01-01T00:00:00Z", "2011-12-01T00:00:00Z"),    // one minute after midnight
    ("Asia/Gaza", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("Europe/Dublin", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("America/New_York", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("Europe/Berlin", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("Africa/Cairo", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"), // midnight left out
    ("America/Havana", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("Asia/Tehran", "2021-01-01T00:00:00Z", "2023-01-01T00:00:00Z"),
    ("Asia/Pyongyang", "2015-01-01T00:00:00Z", "2018-12-01T00:00:00Z"),
    ("America/Caracas", "2007-01-01T00:00:00Z", "2008-06-01T00:00:00Z"),
    ("Africa/Monrovia", "1971-06-01T00:00:00Z", "1972-06-01T00:00:00Z"), // 44 minutes and a half
    ("Pacific/Auckland", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("UTC", "2025-01-01T00:00:00Z", "2033-01-01T00:00:00Z"),
];

/// Expressions that name few times a day.
const FEW: [&str; 34] = [
    "30 2 * * *",
    "0 9 * * 1-5",
    "0 0 * * *",
    "59 23 * * *",
    "1 0 * * 0",
    "15 1 * * 7",
    "0 1,2,3 * * *",
    "0,30 2 * * SUN",
    "45 1,2,14 * * MON,SUN",
    "0 */2 * * *",
    "0 */6 * * *",
    "0-59/20 2 * * SUN",
    "*/15 2 * * 0,6",
    "30 1 1 * *",
    "0 0 L * *",
    "0 12 LW * *",
    "0 12 15W * *",
    "0 12 1W,31W * *",
    "0 0 29 2 *",
    "30 2 28-31 3 SUN",
    "30 2 28-31 3 +SUN",
    "0 0 13 * FRI",
    "0 0 13 * +FRI",
    "0 3 * * 5L",
    "0 3 * * MON#1",
    "0 3 ? * TUE#2,THUL",
    "30 1 * 10,11 SUN",
    "30 2 8-14 MAR +SUN",
    "10 30 2 * * *",
    "*/20 30 2 * * SUN",
    "@weekly",
    "@monthly",
    "@yearly",
    "0 0 1-7/2 jan-mar/2 *",
];

/// Expressions that name many.
const MANY: [&str; 8] = [
    "*/15 * * * *",
    "30 * * * *",
    "@hourly",
    "7-59/13 0-4 * * *",
    "* 1,2 * * *",
    "59 * * * SUN",
    "*/5 2 * * *",
    "* * * * *",
];

#[test]
fn odd_zones_agree_with_brute_force() {
    for (zone, from, until) in ODD {
        let range = (second(from), second(until));
        let offsets = Offsets::of(zone, range.0, range.1, HOUR / 2);
        assert_eq!(offsets.0.len() > 1, zone != "UTC", "{zone} has no jump in these years");
        for expression in FEW {
            agree(expression, zone, &offsets, range, &RULES[..1]);
        }
        for change in offsets.changes() {
            for expression in FEW {
                agree(expression, zone, &offsets, (change - 2 * DAY, change + 2 * DAY), &RULES);
            }
            for expression in MANY {
                // Each rule once; most of these take no notice of them.
                let rules = [RULES[0], RULES[4], RULES[8]];
                agree(expression, zone, &offsets, (change - DAY, change + DAY), &rules);
            }
        }
    }
}

#[test]
fn all_zones_agree_with_brute_force() {
    let range = (second("2025-01-01T00:00:00Z"), second("2028-01-01T00:00:00Z"));
    // Zones with the same offsets have the same answers; each is asked once.
    let mut seen: HashMap<Offsets, &str> = HashMap::new();
    let database = TimeZoneDatabase::bundled();
    let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
    assert!(names.len() > 500, "{}", names.len());
    for name in &names {
        plan(&cron("0 0 * * *", name));
        seen.entry(Offsets::of(name, range.0, range.1, 12 * HOUR)).or_insert(name);
    }
    assert!(seen.len() > 60, "{}", seen.len());
    for (offsets, name) in seen {
        agree("0 0 * * *", name, &offsets, range, &RULES[..1]);
        for change in offsets.changes() {
            for expression in ["30 2 * * *", "*/30 * * * *", "0,45 0-3 * * *", "15 */2 * * *"] {
                agree(expression, name, &offsets, (change - DAY, change + DAY), &RULES);
            }
        }
    }
}

/// With nothing moved and both passes, a plan is what one reads off the wall clock, minute by minute.
#[test]
fn minute_by_minute_the_wall_clock_says_the_same() {
    for (zone, from, until) in [
        ("Europe/Berlin", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ] {
        let clock = TimeZoneDatabase::bundled().get(zone).unwrap();
        let literal = |minute: &i64| {
            let shown = clock.to_datetime(jiff::Timestamp::from_second(minute * 60).unwrap());
            shown.minute() % 20 == 0 && [1, 2, 13].contains(&shown.hour()) && shown.second() == 0
        };
        let wanted: Vec<_> = (second(from) / 60 + 1..=second(until) / 60)
            .filter(literal)
            .map(|minute| at_second(minute * 60))
            .collect();
        let schedule = kageos_scheduler::Schedule {
            on_gap: OnGap::Skip,
            on_fold: OnFold::Both,
            ..cron("0,20,40 1,2,13 * * *", zone)
        };
        let got: Vec<_> = walk(&plan(&schedule), at_second(second(from)), at_second(second(until)))
            .iter()
            .map(|o| o.nominal)
            .collect();
        assert!(got.len() > 3000 && got == wanted, "{zone}");
    }
}

#[test]
fn the_answer_is_the_same_from_each_moment_between() {
    for (zone, on_gap, on_fold) in [
        ("America/New_York", OnGap::FirstValid, OnFold::First),
        ("America/New_York", OnGap::Shift, OnFold::Second),
        ("Australia/Lord_Howe", OnGap::Shift, OnFold::Both),
        ("Antarctica/Troll", OnGap::Skip, OnFold::Second),
    ] {
        for expression in ["30 1,2 * * *", "*/20 0-3 * * *", "0 0 29 2 *", "@yearly", "30 2 8-14 3 +SUN"] {
            let schedule = kageos_scheduler::Schedule { on_gap, on_fold, ..cron(expression, zone) };
            let plan = plan(&schedule);
            let all = walk(
                &plan,
                at_second(second("2026-02-01T00:00:00Z")),
                at_second(second("2026-11-20T00:00:00Z")),
            );
            for pair in all.windows(2) {
                let (from, to) = (pair[0].nominal.as_micros(), pair[1].nominal.as_micros());
                let between =
                    [from, from + 1, from + (to - from) / 3, from + (to - from) / 2, to - 1_000_000, to - 1];
                for after in between.into_iter().filter(|after| (from..to).contains(after)) {
                    let after = kageos_core::Timestamp::from_micros(after);
                    assert_eq!(next(&plan, after), Some(pair[1]), "{expression} in {zone} after {after}");
                }
            }
        }
    }
}
