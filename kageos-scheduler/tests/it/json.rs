//! Schedules as JSON: the shape of rows and of the API.

use kageos_scheduler::{Entry, Jump, Occurrence, Preview, Schedule, zone_data_version};
use serde_json::{Value, json};

use crate::support::moment;

fn full() -> Value {
    json!({
        "triggers": [
            { "at": "2026-03-01T09:00:00Z" },
            { "at": "2026-03-01T09:00:00" },
            { "every": { "seconds": 90, "from": "2026-01-01T00:00:00Z" } },
            { "delay": { "seconds": 30 } },
            { "cron": "0 9 * * MON-FRI" }
        ],
        "zone": "Europe/Berlin",
        "start": "2026-01-01T00:00:00Z",
        "end": "2027-01-01T00:00:00Z",
        "jitter_s": 20,
        "exclude": {
            "dates": ["2026-12-25"],
            "weekly": [{ "days": ["mon", "sun"], "from": "22:00:00", "to": "06:00:00" }],
            "blackouts": [{ "from": "2026-05-01T00:00:00Z", "to": "2026-05-02T00:00:00Z" }]
        },
        "on_gap": "shift",
        "on_fold": "both",
        "max_runs": 100
    })
}

#[test]
fn it_comes_back_as_it_went() {
    let schedule: Schedule = serde_json::from_value(full()).unwrap();
    schedule.check(moment("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(serde_json::to_value(&schedule).unwrap(), full());
}

#[test]
fn defaults_stand_in_the_row() {
    let short: Schedule = serde_json::from_value(json!({ "triggers": [{ "cron": "@daily" }] })).unwrap();
    let whole = json!({
        "triggers": [{ "cron": "@daily" }],
        "zone": "UTC",
        "jitter_s": 0,
        "exclude": { "dates": [], "weekly": [], "blackouts": [] },
        "on_gap": "first_valid",
        "on_fold": "first"
    });
    assert_eq!(serde_json::to_value(&short).unwrap(), whole);
    assert_eq!(serde_json::from_value::<Schedule>(whole).unwrap(), short);
}

#[track_caller]
fn refused(pointer: &str, value: Value) {
    let mut schedule = full();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    schedule.pointer_mut(parent).unwrap()[key] = value;
    let read = serde_json::from_value::<Schedule>(schedule);
    assert!(read.is_err(), "{pointer}: {read:?}");
}

#[test]
fn what_has_another_shape_is_not_read() {
    refused("/unknown", json!(1));
    refused("/exclude/unknown", json!(1));
    refused("/triggers", json!([{ "hourly": 1 }]));
    refused("/triggers", json!([{ "cron": "@daily", "delay": { "seconds": 1 } }]));
    refused("/triggers", json!([{ "every": { "seconds": 1, "until": 2 } }]));
    refused("/triggers", json!([{ "every": { "seconds": 1.5 } }]));
    refused("/triggers", json!([{ "every": { "seconds": -1 } }]));
    refused("/triggers", json!([{ "delay": { "seconds": 1, "from": "2026-01-01T00:00:00Z" } }]));
    refused("/triggers", json!([{ "at": "tomorrow" }]));
    refused("/triggers", json!([{ "at": "2026-03-01T09:00:00[Europe/Berlin]" }]));
    for at in [
        "2026-03-01T09:00:00Z[Europe/Berlin]",
        "2026-03-01T09:00:00+01:00[Europe/Berlin]",
        "2026-03-01",
        "20260301T090000",
        "2026-03-01 09:00:00",
        "2026-03-01T09",
        "2026-03-01T09:00:60",
        "2026-03-01T09:00.5",
        "2026-03-01T09:00:00.",
        "2026-02-29T09:00:00",
    ] {
        refused("/triggers", json!([{ "at": at }]));
    }
    refused("/start", json!("2026-01-01T00:00:00"));
    refused("/jitter_s", json!(-1));
    refused("/on_gap", json!("later"));
    refused("/exclude", json!({ "weekly": [{ "days": ["monday"], "from": "00:00", "to": "01:00" }] }));
    refused("/exclude", json!({ "weekly": [{ "days": ["mon"], "from": "24:00", "to": "01:00" }] }));
    for time in [
        "9:00",
        "09",
        "0900",
        "09:00:60",
        "09:00:00.5",
        "09:00Z",
        "09:00+01:00",
        "T09:00",
        "2026-01-01T09:00",
    ] {
        let window = |from, to| json!({ "weekly": [{ "days": ["mon"], "from": from, "to": to }] });
        refused("/exclude", window(time, "23:00"));
        refused("/exclude", window("01:00", time));
    }
    for date in ["2026-02-30", "20260301", "2026-3-1", "2026-03-01T00:00:00", "2026-03-01Z", "+002026-03-01"]
    {
        refused("/exclude", json!({ "dates": [date] }));
    }
}

#[test]
fn times_are_read_in_their_spellings() {
    let mut schedule = full();
    schedule["exclude"]["weekly"][0]["from"] = json!("22:00");
    schedule["triggers"] = json!([{ "at": "2026-03-01T09:00" }, { "at": "2026-03-01T09:00:00+02:00" }]);
    let read: Schedule = serde_json::from_value(schedule).unwrap();
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(written["exclude"], full()["exclude"]);
    assert_eq!(
        written["triggers"],
        json!([{ "at": "2026-03-01T09:00:00" }, { "at": "2026-03-01T07:00:00Z" }])
    );
}

#[test]
fn runs_are_counted_by_who_keeps_them() {
    let schedule: Schedule = serde_json::from_value(full()).unwrap();
    assert!(!schedule.is_spent(99) && schedule.is_spent(100) && schedule.is_spent(u64::MAX));
    assert!(!Schedule { max_runs: None, ..schedule }.is_spent(u64::MAX));
}

#[test]
fn occurrences_and_previews_are_json() {
    let run = Occurrence {
        trigger: 2,
        nominal: moment("2026-03-29T01:00:00Z"),
        jump: Some(Jump::Moved { wall: "2026-03-29T02:30:00".parse().unwrap() }),
    };
    let (first, last) = ("2026-03-29T02:30:00".parse().unwrap(), "2026-03-29T02:45:00".parse().unwrap());
    let gap = moment("2026-03-29T01:00:00Z");
    let left_out = Entry::LeftOut { trigger: 0, first, last, count: 2, gap };
    let preview = Preview { entries: vec![left_out, Entry::Run(run)], cut: false };
    let wanted = json!({
        "entries": [
            { "left_out": {
                "trigger": 0,
                "first": "2026-03-29T02:30:00",
                "last": "2026-03-29T02:45:00",
                "count": 2,
                "gap": "2026-03-29T01:00:00Z"
            } },
            { "run": {
                "trigger": 2,
                "nominal": "2026-03-29T01:00:00Z",
                "jump": { "kind": "moved", "wall": "2026-03-29T02:30:00" }
            } }
        ],
        "cut": false
    });
    assert_eq!(serde_json::to_value(&preview).unwrap(), wanted);
    assert_eq!(serde_json::from_value::<Preview>(wanted).unwrap(), preview);
}

#[test]
fn the_zone_database_has_a_version() {
    let version = zone_data_version();
    assert!(version.len() == 5 && version.starts_with("20"), "{version}");
}
