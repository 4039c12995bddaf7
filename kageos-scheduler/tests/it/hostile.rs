//! Schedules by people who mean harm: each is refused or answers, within its bounds, and nothing panics.

use kageos_core::Timestamp;
use kageos_scheduler::{FIRST, Next, Plan, Schedule};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::support::{cron, moment};

/// The same cases at each run.
fn each<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        test(value);
        Ok(())
    });
    run.unwrap();
}

/// What a taken schedule must keep, whatever it is: answers that go forward and do not depend on where between two of
/// them one asks.
fn keeps_its_word(schedule: &Schedule) {
    let checked = schedule.check(FIRST);
    let Ok(plan) = Plan::new(schedule) else {
        assert!(checked.is_err());
        return;
    };
    // What never matches is for the check to refuse; to search for it takes long.
    let checked = match checked {
        Err(error) if error.fields.iter().any(|field| field.code == "never_runs") => return,
        checked => checked.is_ok(),
    };
    for mut after in
        ["1969-01-01T00:00:00Z", "2026-03-08T05:59:59.999999Z", "2026-11-01T05:30:00Z"].map(moment)
    {
        for _ in 0..4 {
            // Only what was not checked may be excluded for ever.
            let found = plan.next(after, None);
            assert!(found.is_ok() || !checked, "{schedule:?}: {found:?}");
            let Ok(Next::Run(found)) = found else { break };
            assert!(found.nominal > after, "{schedule:?}");
            assert!(plan.planned("task", found.nominal) >= found.nominal, "{schedule:?}");
            let between =
                Timestamp::from_micros(i64::midpoint(after.as_micros(), found.nominal.as_micros() - 1));
            assert_eq!(
                plan.next(between.max(after), None),
                Ok(Next::Run(found)),
                "{schedule:?} from {between}"
            );
            after = found.nominal;
        }
    }
    let _ = plan.preview(moment("2026-03-01T00:00:00Z"), 20, Some(moment("2026-03-01T00:00:00Z")));
}

#[test]
fn any_text_as_a_cron_expression() {
    each(1500, &".{0,40}", |text| keeps_its_word(&cron(&text, "America/New_York")));
    each(3000, &"[*0-9,/#LW+@?A-Z -]{1,24}", |text| keeps_its_word(&cron(&text, "America/New_York")));
}

fn field(numbers: std::ops::Range<u32>) -> impl Strategy<Value = String> {
    let number = || numbers.clone();
    prop_oneof![
        3 => Just("*".to_owned()),
        3 => number().prop_map(|n| n.to_string()),
        1 => (1_u32..70).prop_map(|n| format!("*/{n}")),
        1 => (number(), number()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => proptest::collection::vec(number(), 1..4)
            .prop_map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let day = prop_oneof![4 => field(1..32), 1 => "(L|LW|[1-9]W|31W|L,1[0-9])"];
    let weekday = prop_oneof![4 => field(0..8), 1 => "[+]?[0-7](L|#[1-5])"];
    (field(0..60), field(0..24), day, field(1..13), weekday)
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

#[test]
fn any_expression_that_looks_right() {
    let mut zones = ["America/New_York", "Australia/Lord_Howe", "Asia/Gaza", "UTC"].iter().cycle();
    let zones: Vec<&str> = (0..16).map(|_| *zones.next().unwrap()).collect();
    let rules = (
        prop_oneof![Just("first_valid"), Just("skip"), Just("shift")],
        prop_oneof![Just("first"), Just("second"), Just("both")],
    );
    each(1500, &(expression(), 0_usize..16, rules), |(expression, zone, (on_gap, on_fold))| {
        let json = json!({
            "triggers": [{ "cron": expression }], "zone": zones[zone], "on_gap": on_gap, "on_fold": on_fold
        });
        keeps_its_word(&serde_json::from_value(json).unwrap());
    });
}

fn any_moment() -> impl Strategy<Value = Value> {
    (0_i64..4_102_444_800).prop_map(|second| json!(crate::support::at_second(second)))
}

fn trigger() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => expression().prop_map(|expression| json!({ "cron": expression })),
        1 => (any::<u32>(), any_moment()).prop_map(|(s, from)| json!({ "every": { "seconds": s >> (s % 32), "from": from } })),
        1 => any_moment().prop_map(|at| json!({ "at": at })),
        1 => "20(2[6-9]|99)-(0[1-9]|1[0-2])-(0[1-9]|2[0-8])T0[0-9]:[0-5]0:00".prop_map(|at| json!({ "at": at })),
    ]
}

fn exclude() -> impl Strategy<Value = Value> {
    let time = || "([01][0-9]|2[0-3]):[0-5][0-9]";
    let days = proptest::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 0..=7);
    let window =
        (days, time(), time()).prop_map(|(days, from, to)| json!({ "days": days, "from": from, "to": to }));
    let blackout = (any_moment(), any_moment()).prop_map(|(from, to)| json!({ "from": from, "to": to }));
    (proptest::collection::vec(window, 0..3), proptest::collection::vec(blackout, 0..2))
        .prop_map(|(weekly, blackouts)| json!({ "weekly": weekly, "blackouts": blackouts }))
}

fn says_the_same_in_any_order(mut schedule: Schedule) {
    let Ok(plan) = Plan::new(&schedule) else { return };
    schedule.triggers.reverse();
    let (reversed, mut after) = (Plan::new(&schedule).unwrap(), moment("2026-03-08T05:00:00Z"));
    for _ in 0..4 {
        let nominal = |plan: &Plan| plan.next(after, None).ok()?.occurrence().map(|found| found.nominal);
        let found = nominal(&plan);
        assert_eq!(nominal(&reversed), found, "{schedule:?}");
        after = found.unwrap_or(after);
    }
}

#[test]
fn any_schedule() {
    let schedule = (proptest::collection::vec(trigger(), 0..4), exclude(), any::<u32>(), proptest::option::of(any_moment()))
        .prop_map(|(triggers, exclude, jitter, end)| {
            json!({
                "triggers": triggers, "exclude": exclude, "jitter_s": jitter % 600, "end": end, "zone": "America/New_York"
            })
        });
    each(400, &schedule, |json| {
        let schedule: Schedule = serde_json::from_value(json).unwrap();
        keeps_its_word(&schedule);
        says_the_same_in_any_order(schedule);
    });
}

/// The dearest that a check lets pass: all triggers, all exclusions, each search as long as it can be.
#[test]
fn the_dearest_schedule_answers() {
    let first: jiff::civil::Date = "2026-01-01".parse().unwrap();
    let dates: Vec<_> = first.series(jiff::Span::new().days(1)).take(1000).collect();
    let json = json!({
        "triggers": vec![json!({ "cron": "30 2 29 2 +SUN" }); 15].into_iter().chain([json!({ "cron": "* * * * * *" })]).collect::<Vec<_>>(),
        "zone": "America/New_York",
        "exclude": { "dates": dates, "weekly": [{ "days": ["thu"], "from": "00:00", "to": "00:00" }] }
    });
    let schedule: Schedule = serde_json::from_value(json).unwrap();
    let plan = crate::support::plan(&schedule);
    let found = crate::support::next(&plan, moment("2026-01-01T05:00:00Z")).unwrap();
    // 1,000 dates from a Thursday on end on a Wednesday; the next Thursday is out too.
    assert_eq!(found.nominal, moment("2028-09-27T04:00:00Z"));
}
