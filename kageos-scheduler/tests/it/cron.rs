//! The dialect of cron expressions, held against brute force in UTC and one by one.

use kageos_scheduler::Next;

use crate::{
    oracle::{HOUR, Offsets},
    support::{RULES, agree, cron, moment, next, plan, second, texts},
};

#[test]
fn a_wide_list_agrees_with_brute_force() {
    let range = (second("2027-06-01T00:00:00Z"), second("2032-06-01T00:00:00Z"));
    let utc = Offsets::of("UTC", range.0, range.1, 24 * HOUR);
    for expression in [
        "0 0 1 1 0",
        "0 0 1 1 7",
        "0 0 * * 0-6",
        "0 0 * * 5-7",
        "0 0 * * FRI-SUN",
        "0 0 * * sun-tue",
        "0 0 * JAN,DEC *",
        "0 0 */10 * *",
        "0 0 */10 * MON",
        "0 0 31 * *",
        "0 0 30,31 2,4 *",
        "0 0 L 2 *",
        "0 0 1,L * *",
        "0 0 LW,15W * *",
        "0 0 1W * *",
        "0 0 30W 2,3 *",
        "0 0 29W 2 *",
        "0 0 * * 1#5",
        "0 0 * * 0#1,6#4",
        "0 0 * * 7L",
        "0 0 * * FRIL",
        "0 0 * * 1L,WEDL",
        "0 0 * * 1-5#2",
        "0 0 1 * +MON",
        "0 0 ? * ?",
        "@annually",
        "59 59 23 L 12 *",
        "0,30 15 10 1 * MON",
    ] {
        agree(expression, "UTC", &utc, range, &RULES[..1]);
    }
}

/// All that the documentation of the triggers names.
#[test]
fn what_is_documented_is_taken() {
    let mut expressions: Vec<String> = [
        "59 59 23 L * *",
        "* * 15W * *",
        "* * LW * *",
        "* * 1,15W,20-25,L * *",
        "* * * * 7",
        "* * * * 5L",
        "* * * * FRIL",
        "* * * * MON#2",
        "* * * * 1#1,sat#5",
        "*/15 * * * *",
        "10-40/15 * * * *",
        "0 0 13 * +FRI",
        "0 0 ? * ?",
        "0 0 ? * +?",
        "0 9 * * mon-fri",
        "0 9 * * FRI-SUN/2",
        "0 0 1 JAN-MAR,12 *",
        "  0   9 * * *  ",
    ]
    .map(str::to_owned)
    .into();
    for name in ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] {
        expressions.push(format!("0 0 1 {name} *"));
    }
    for name in ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] {
        expressions.push(format!("0 0 * * {name}"));
    }
    for name in ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly", "@DAILY"] {
        expressions.push(name.to_owned());
    }
    for expression in expressions {
        plan(&cron(&expression, "UTC"));
    }
}

#[track_caller]
fn check(expression: &str, after: &str, wanted: &[&str]) {
    assert_eq!(texts(&cron(expression, "UTC"), after, wanted.len()), wanted, "{expression}");
}

#[test]
fn one_by_one() {
    let new_year = "2026-01-01T00:00:00Z";
    check("*/5 * * * *", new_year, &["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]);
    check(
        "*/20 * * * * *",
        new_year,
        &["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"],
    );
    check("0 9 * * MON-FRI", "2026-01-02T09:00:00Z", &["2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z"]);
    check("0 0 * * 0", new_year, &["2026-01-04T00:00:00Z"]);
    check("0 0 * * 7", new_year, &["2026-01-04T00:00:00Z"]);
    check("0 0 L * *", new_year, &["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]);
    check("0 0 15W * *", "2026-02-01T00:00:00Z", &["2026-02-16T00:00:00Z"]);
    check("0 0 LW * *", "2026-02-01T00:00:00Z", &["2026-02-27T00:00:00Z"]);
    check("0 0 * * MON#2", new_year, &["2026-01-12T00:00:00Z"]);
    check("0 0 * * 5L", new_year, &["2026-01-30T00:00:00Z"]);
    check("0 0 13 * FRI", "2026-02-06T00:00:00Z", &["2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"]);
    check(
        "0 0 13 * +FRI",
        new_year,
        &["2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z", "2026-11-13T00:00:00Z"],
    );
    check("@daily", new_year, &["2026-01-02T00:00:00Z"]);
    check("  @Hourly ", new_year, &["2026-01-01T01:00:00Z"]);
}

#[test]
fn a_leap_day_is_found_across_the_year_that_has_none() {
    check("0 0 29 2 *", "2096-02-29T00:00:00Z", &["2104-02-29T00:00:00Z"]);
    check("0 0 29 2 +SUN", "2088-02-29T00:00:00Z", &["2128-02-29T00:00:00Z"]);
}

#[test]
fn fractions_of_a_second_belong_to_the_second_before() {
    check("* * * * * *", "2026-01-01T00:00:00.000001Z", &["2026-01-01T00:00:01Z"]);
    check("* * * * * *", "2025-12-31T23:59:59.999999Z", &["2026-01-01T00:00:00Z"]);
}

#[test]
fn a_search_begins_in_1970_and_ends_in_2500() {
    check("0 0 1 1 *", "0001-01-01T00:00:00Z", &["1970-01-01T00:00:00Z"]);
    let plan = plan(&cron("* * * * *", "Pacific/Kiritimati"));
    let last = next(&plan, moment("2499-12-31T23:58:00Z")).unwrap();
    assert_eq!(last.nominal.to_string(), "2499-12-31T23:59:00Z");
    assert_eq!(plan.next(last.nominal, None), Ok(Next::Over));
    assert_eq!(plan.next(kageos_core::Timestamp::from_micros(i64::MAX), None), Ok(Next::Over));
}
