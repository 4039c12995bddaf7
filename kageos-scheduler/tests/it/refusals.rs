//! What a check refuses, each with its place and code.

use kageos_core::{Code, Timestamp};
use kageos_scheduler::{
    FIRST, MAX_BLACKOUTS, MAX_CRON_BYTES, MAX_DATES, MAX_JITTER_S, MAX_TRIGGERS, MAX_WINDOWS, Plan, Schedule,
};
use serde_json::{Value, json};

#[track_caller]
fn mistakes(schedule: Value) -> Vec<(String, String)> {
    mistakes_at(FIRST, schedule)
}

#[track_caller]
fn mistakes_at(now: Timestamp, schedule: Value) -> Vec<(String, String)> {
    let schedule: Schedule = serde_json::from_value(schedule).unwrap();
    let Err(error) = schedule.check(now) else { return Vec::new() };
    assert_eq!(error.code, Code::InvalidInput);
    assert!(error.fields.iter().all(|field| field.message.ends_with('.')), "{error:?}");
    error.fields.into_iter().map(|field| (field.pointer, field.code.into_owned())).collect()
}

#[track_caller]
fn check(schedule: Value, pointer: &str, code: &str) {
    assert_eq!(mistakes(schedule), [(pointer.to_owned(), code.to_owned())]);
}

/// A daily schedule with one thing changed.
fn with(key: &str, value: Value) -> Value {
    let mut schedule = json!({ "triggers": [{ "cron": "0 9 * * *" }] });
    schedule[key] = value;
    schedule
}

fn trigger(trigger: Value) -> Value {
    json!({ "triggers": [trigger] })
}

#[test]
fn what_is_empty_too_many_or_out_of_range() {
    check(with("triggers", json!([])), "/triggers", "minItems");
    check(
        with("triggers", json!(vec![json!({ "cron": "@daily" }); MAX_TRIGGERS + 1])),
        "/triggers",
        "maxItems",
    );
    check(with("max_runs", json!(0)), "/max_runs", "minimum");
    check(with("jitter_s", json!(MAX_JITTER_S + 1)), "/jitter_s", "maximum");
    check(trigger(json!({ "every": { "seconds": 0 } })), "/triggers/0/every/seconds", "minimum");
    check(trigger(json!({ "delay": { "seconds": 0 } })), "/triggers/0/delay/seconds", "minimum");
    check(trigger(json!({ "at": "1969-12-31T23:59:59Z" })), "/triggers/0/at", "out_of_range");
    check(trigger(json!({ "at": "2026-01-01T00:00:00.5" })), "/triggers/0/at", "whole_seconds");
    let every = json!({ "every": { "seconds": 9, "from": "2500-01-01T00:00:00Z" } });
    check(trigger(every), "/triggers/0/every/from", "out_of_range");
    check(with("start", json!("2500-01-01T00:00:00Z")), "/start", "out_of_range");
    check(with("end", json!("9999-01-01T00:00:00Z")), "/end", "out_of_range");
    for (name, many, most) in [
        ("weekly", json!({ "days": ["mon"], "from": "01:00", "to": "02:00" }), MAX_WINDOWS),
        ("blackouts", json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z" }), MAX_BLACKOUTS),
    ] {
        let pointer = format!("/exclude/{name}");
        check(with("exclude", json!({ name: vec![many.clone(); most + 1] })), &pointer, "maxItems");
        assert_eq!(mistakes(with("exclude", json!({ name: vec![many; most] }))), []);
    }
    let first: jiff::civil::Date = "2026-01-01".parse().unwrap();
    let dates: Vec<_> = first.series(jiff::Span::new().days(1)).take(MAX_DATES + 1).collect();
    check(with("exclude", json!({ "dates": dates })), "/exclude/dates", "maxItems");
    let window = json!({ "weekly": [{ "days": [], "from": "01:00", "to": "02:00" }] });
    check(with("exclude", window), "/exclude/weekly/0/days", "minItems");
    let window = json!({ "weekly": [{ "days": ["mon"], "from": "01:00", "to": "02:00" }] });
    let mut fraction: Schedule = serde_json::from_value(with("exclude", window)).unwrap();
    fraction.exclude.weekly[0].to = "02:00:00.5".parse().unwrap();
    let fields = fraction.check(FIRST).unwrap_err().fields;
    assert_eq!((fields[0].pointer.as_str(), &*fields[0].code), ("/exclude/weekly/0/to", "whole_seconds"));
}

#[test]
fn what_contradicts_itself() {
    let mut backwards = with("start", json!("2026-02-01T00:00:00Z"));
    backwards["end"] = json!("2026-02-01T00:00:00Z");
    check(backwards, "/end", "ends_before_start");
    let out = json!({ "blackouts": [{ "from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z" }] });
    check(with("exclude", out), "/exclude/blackouts/0/to", "ends_before_start");
    let mut past = trigger(json!({ "at": "2026-01-01T00:00:00Z" }));
    past["start"] = json!("2026-01-02T00:00:00Z");
    check(past, "/triggers/0", "never_runs");
    let mut ended = with("triggers", json!([{ "cron": "@daily" }, { "cron": "0 0 29 2 *" }]));
    ended["start"] = json!("2025-01-01T00:00:00Z");
    ended["end"] = json!("2026-01-01T00:00:00Z");
    check(ended, "/triggers/1", "never_runs");
    let mut gap = trigger(json!({ "at": "2026-03-29T02:30:00" }));
    gap["zone"] = json!("Europe/Berlin");
    assert_eq!(mistakes(gap.clone()), []);
    gap["on_gap"] = json!("skip");
    check(gap, "/triggers/0", "never_runs");
    let each_time_in_the_gap = json!({
        "triggers": [{ "cron": "30 2 8-14 3 +SUN" }],
        "zone": "America/New_York",
        "on_gap": "skip",
        "start": "2007-01-01T00:00:00Z"
    });
    check(each_time_in_the_gap, "/triggers/0", "never_runs");
}

#[test]
fn jitter_longer_than_from_run_to_run() {
    let every = |jitter_s: u32| json!({ "triggers": [{ "every": { "seconds": 90 } }], "jitter_s": jitter_s });
    assert_eq!(mistakes(every(90)), []);
    check(every(91), "/jitter_s", "jitter_too_large");
    let cron = |expression: &str, jitter_s: u32| json!({ "triggers": [{ "cron": expression }], "jitter_s": jitter_s });
    assert_eq!(mistakes(cron("0,10,40 * * * *", 600)), []);
    check(cron("0,10,40 * * * *", 601), "/jitter_s", "jitter_too_large");
    check(
        json!({ "triggers": [{ "delay": { "seconds": 5 } }], "jitter_s": 6 }),
        "/jitter_s",
        "jitter_too_large",
    );
}

#[test]
fn what_excludes_everything() {
    let week = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let always = json!({ "weekly": [{ "days": week, "from": "08:00", "to": "10:00" }] });
    check(with("exclude", always.clone()), "/triggers/0", "mostly_excluded");
    let mut one_of_two = with("exclude", always);
    one_of_two["triggers"] = json!([{ "cron": "0 10 * * *" }, { "cron": "0 8 * * *" }]);
    check(one_of_two, "/triggers/1", "mostly_excluded");
    let all_week = json!({ "weekly": [{ "days": week, "from": "00:00", "to": "00:00" }] });
    for fast in [json!({ "cron": "* * * * * *" }), json!({ "every": { "seconds": 1 } })] {
        let mut schedule = with("exclude", all_week.clone());
        schedule["triggers"] = json!([fast]);
        check(schedule, "/triggers/0", "mostly_excluded");
    }
    // Each time that is left was looked at.
    let mut ended = with("exclude", json!({ "weekly": [{ "days": week, "from": "08:00", "to": "10:00" }] }));
    ended["end"] = json!("1975-01-01T00:00:00Z");
    check(ended, "/triggers/0", "always_excluded");
    let out = json!({ "blackouts": [{ "from": "1970-01-01T00:00:00Z", "to": "2499-12-31T23:59:59Z" }] });
    check(with("exclude", out), "/triggers/0", "always_excluded");
}

/// What ran once and never will again is refused.
#[test]
fn each_trigger_runs_from_now_on() {
    let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    let check = |schedule: Value, code: Option<&str>| {
        let wanted: Vec<_> =
            code.map(|code| ("/triggers/0".to_owned(), code.to_owned())).into_iter().collect();
        assert_eq!(mistakes_at(now, schedule.clone()), wanted, "{schedule}");
    };
    for (at, code) in [
        ("2026-06-01T11:59:59Z", Some("never_runs")),
        ("2026-06-01T12:00:00Z", Some("never_runs")),
        ("2026-06-01T12:00:00.000001Z", None),
        ("2026-06-01T12:00:00", Some("never_runs")),
        ("2026-06-01T12:00:01", None),
    ] {
        check(trigger(json!({ "at": at })), code);
    }
    // Before the start it does not run either, and the start itself belongs to it.
    for (start, code) in [("2026-07-01T09:00:00.000001Z", Some("never_runs")), ("2026-07-01T09:00:00Z", None)]
    {
        let mut schedule = trigger(json!({ "at": "2026-07-01T09:00:00Z" }));
        schedule["start"] = json!(start);
        check(schedule, code);
    }
    for (end, code) in [("2026-06-02T09:00:00Z", Some("never_runs")), ("2026-06-02T09:00:01Z", None)] {
        check(with("end", json!(end)), code);
    }
    let out = |from: &str, to: &str| with("exclude", json!({ "blackouts": [{ "from": from, "to": to }] }));
    check(out("2026-01-01T00:00:00Z", "2499-12-31T23:59:59Z"), Some("always_excluded"));
    check(out("2026-01-01T00:00:00Z", "2400-01-01T00:00:00Z"), None);
    let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let window = json!({ "weekly": [{ "days": week, "from": "09:00", "to": "09:01" }] });
    let mut swallowed = with("exclude", window);
    check(swallowed.clone(), Some("mostly_excluded"));
    // That it once ran at another time of the wall clock helps nothing: Moscow had summer time until 2010.
    swallowed["zone"] = json!("Europe/Moscow");
    swallowed["triggers"] = json!([{ "every": { "seconds": 86_400, "from": "1990-01-01T06:00:00Z" } }]);
    assert_eq!(mistakes(swallowed.clone()), []);
    check(swallowed, Some("mostly_excluded"));
    check(trigger(json!({ "delay": { "seconds": 60 } })), None);
}

#[test]
fn zones_are_spelled_as_the_database_spells_them() {
    for zone in ["", "Mars/Phobos", "europe/berlin", "+02:00", "Etc/Unknown", "EST5EDT4", "../UTC"] {
        check(with("zone", json!(zone)), "/zone", "zone");
    }
    check(with("zone", json!("A".repeat(100))), "/zone", "maxLength");
    for zone in ["UTC", "Etc/GMT+5", "America/Argentina/ComodRivadavia", "Asia/Kolkata"] {
        assert_eq!(mistakes(with("zone", json!(zone))), [], "{zone}");
    }
}

#[track_caller]
fn no_cron(expressions: &[&str]) {
    for expression in expressions {
        let found = mistakes(trigger(json!({ "cron": expression })));
        assert_eq!(found, [("/triggers/0/cron".to_owned(), "cron".to_owned())], "{expression}");
    }
}

#[test]
fn cron_expressions_that_mean_nothing() {
    no_cron(&[
        "",
        " ",
        "* * * *",
        "* * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5/10 * * * *",
        "/5 * * * *",
        "5-1 * * * *",
        "1,,2 * * * *",
        ", * * * *",
        "a * * * *",
        "* * * * FUNDAY",
        "* * * * L",
        "* * * * +L",
        "* * L,LW * *",
        "* * W * *",
        "* * 5L * *",
        "* * * * FRILL",
        "* * * * 1-3L",
        "L * * * *",
        "* * * L *",
        "* * * * 1#0",
        "* * * * 1#6",
        "@reboot",
        "@every 5m",
        "@",
        "0 9 MON-FRI * *",
        "0 JUN * * *",
        "* * JAN * *",
        "* * * MON *",
        "* * * * 0MON1X",
        "é * * * *",
        "* * * * 1##2",
        "99999999999 * * * *",
        "* * * * +",
    ]);
    for expression in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *", "0 0 8 * +MON#1"] {
        check(trigger(json!({ "cron": expression })), "/triggers/0/cron", "never_runs");
    }
    let long = format!("{} * * * *", ["0"; MAX_CRON_BYTES / 2].join(","));
    check(trigger(json!({ "cron": long })), "/triggers/0/cron", "maxLength");
}

#[test]
fn what_the_parser_would_read_as_something_else() {
    no_cron(&[
        "0 0 1 JAN1 *",
        "0 0 1 1FEB *",
        "0 0 1 JANFEB *",
        "0 0 1 1-JAN1 *",
        "0 0 * * SUN3",
        "0 0 * * 3SUN",
        "0 0 * * MON-FRI1",
        "0 0 15W3 * *",
        "0 0 1W5W * *",
        "0 0 LW5 * *",
        "0 0 LLW * *",
        "0 0 W15 * *",
        "0 0 1-5W * *",
        "0 0 * * 5#3L",
        "0 0 * * 5#L",
        "0 0 * * 1-5/2#2",
        "0 0 * * *#2",
        "0 0 ?/2 * *",
        "0 0 * * 1,?",
        "0 0 ?,1 * *",
        "0 0 * ? *",
        "*/2/3 * * * *",
        "1-5-9 * * * *",
        "*,5 * * * *",
        "+5 * * * *",
        "0 0 * * ++5",
        "0 0 * * 1,+5",
        "0 9 * JAN\u{b}* MON",
        "0 9 * JAN\u{c}* MON",
        "0\t9 * * *",
        "0 9 * * *\n",
        "\u{b}@daily",
        "0\u{a0}9 * * *",
    ]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let schedule = json!({
        "triggers": [{ "cron": "nonsense" }, { "every": { "seconds": 0 } }, { "at": "1950-01-01T00:00:00Z" }],
        "zone": "Nowhere",
        "start": "2026-02-01T00:00:00Z",
        "end": "2026-01-01T00:00:00Z",
        "jitter_s": 1_000_000,
        "max_runs": 0,
        "exclude": { "weekly": [{ "days": [], "from": "00:00", "to": "00:00" }] }
    });
    let pointers: Vec<String> = mistakes(schedule.clone()).into_iter().map(|(pointer, _)| pointer).collect();
    let wanted = [
        "/zone",
        "/triggers/0/cron",
        "/triggers/1/every/seconds",
        "/triggers/2/at",
        "/end",
        "/jitter_s",
        "/max_runs",
        "/exclude/weekly/0/days",
    ];
    assert_eq!(pointers, wanted);
    let schedule: Schedule = serde_json::from_value(schedule).unwrap();
    assert_eq!(Plan::new(&schedule).map(|_| ()).unwrap_err().fields.len(), wanted.len());
}
