//! The search of several triggers, and where it ends.

use kageos_scheduler::{Entry, MAX_EXCLUDED, Next, OnGap, Plan, Schedule, SearchError};
use serde_json::{Value, json};

use crate::support::{cron, moment, next, plan};

fn read(json: Value) -> Schedule {
    serde_json::from_value(json).unwrap()
}

/// Both orders of two triggers, with each day from eight to ten excluded.
fn both_orders(one: &Value, other: &Value) -> [Plan; 2] {
    let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let exclude = json!({ "weekly": [{ "days": week, "from": "08:00", "to": "10:00" }] });
    let plan = |triggers: [&Value; 2]| {
        Plan::new(&read(json!({ "triggers": triggers, "exclude": exclude }))).unwrap()
    };
    [plan([one, other]), plan([other, one])]
}

const NOW: &str = "2026-01-01T00:00:00Z";

#[test]
fn a_trigger_that_is_always_excluded_stops_no_other() {
    let nine = json!({ "cron": "0 9 * * *" });
    for (other, wanted) in [
        (json!({ "cron": "0 12 * * *" }), "2026-01-01T12:00:00Z"),
        (json!({ "at": "2400-01-01T00:00:00Z" }), "2400-01-01T00:00:00Z"),
        (json!({ "cron": "0 0 29 2 +SUN" }), "2032-02-29T00:00:00Z"),
    ] {
        for (plan, trigger) in both_orders(&nine, &other).iter().zip([1, 0]) {
            let found = next(plan, moment(NOW)).unwrap();
            assert_eq!((found.nominal, found.trigger), (moment(wanted), trigger), "{other}");
            let preview = plan.preview(moment(NOW), 1, None).unwrap();
            assert_eq!(preview.entries, [Entry::Run(found)]);
        }
    }
}

#[test]
fn its_error_is_told_when_no_other_comes() {
    let excluded = Err(SearchError::Excluded { steps: MAX_EXCLUDED });
    for plan in both_orders(&json!({ "cron": "0 9 * * *" }), &json!({ "at": "2026-01-01T12:00:00Z" })) {
        assert!(plan.next(moment(NOW), None).is_ok());
        assert_eq!(plan.next(moment("2026-01-01T12:00:00Z"), None), excluded);
        // What came before the error is told, and that it is not all.
        let preview = plan.preview(moment(NOW), 5, None).unwrap();
        assert_eq!((preview.entries.len(), preview.cut), (1, true));
    }
}

#[test]
fn all_triggers_together_have_the_steps_of_one_call() {
    let nine: Vec<Value> = (0..15).map(|minute| json!({ "cron": format!("{minute} 9 * * *") })).collect();
    let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let of = |triggers: Vec<Value>| {
        let exclude = json!({ "weekly": [{ "days": week, "from": "08:00", "to": "10:00" }] });
        Plan::new(&read(json!({ "triggers": triggers, "exclude": exclude }))).unwrap()
    };
    assert_eq!(of(nine.clone()).next(moment(NOW), None), Err(SearchError::Steps));
    assert_eq!(of(nine.clone()).preview(moment(NOW), 1, None), Err(SearchError::Steps));
    let yearly = || vec![json!({ "cron": "0 0 24 12 *" })];
    for triggers in [[nine.clone(), yearly()].concat(), [yearly(), nine].concat()] {
        let plan = of(triggers);
        assert_eq!(next(&plan, moment(NOW)).unwrap().nominal, moment("2026-12-24T00:00:00Z"));
        let preview = plan.preview(moment(NOW), 100, None).unwrap();
        assert!(preview.cut && (1..100).contains(&preview.entries.len()), "{}", preview.entries.len());
    }
}

#[test]
fn what_a_gap_leaves_out_is_counted_as_far_as_the_steps_reach() {
    // Each second of the day that Apia left out.
    let day = Schedule { on_gap: OnGap::Skip, ..cron("* * 0-23 30 12 *", "Pacific/Apia") };
    let preview = plan(&day).preview(moment("2011-12-01T00:00:00Z"), 1, None).unwrap();
    let [Entry::LeftOut { count, .. }, Entry::Run(_)] = preview.entries[..] else { panic!("{preview:?}") };
    assert!(preview.cut && (10_000..86_400).contains(&count), "{count}");
    let hour = Schedule { on_gap: OnGap::Skip, ..cron("* * 2 * * *", "Europe/Berlin") };
    let preview = plan(&hour).preview(moment("2026-03-28T02:00:00Z"), 1, None).unwrap();
    let [Entry::LeftOut { count, first, last, .. }, Entry::Run(_)] = preview.entries[..] else {
        panic!("{preview:?}")
    };
    assert_eq!((preview.cut, count), (false, 3600));
    assert_eq!(
        (first.to_string(), last.to_string()),
        ("2026-03-29T02:00:00".into(), "2026-03-29T02:59:59".into())
    );
}

#[test]
fn an_occurrence_names_the_first_of_its_triggers() {
    let schedule = read(json!({ "triggers": [
        { "cron": "0 6 * * *" }, { "every": { "seconds": 7200 } }, { "cron": "0 */4 * * *" }
    ] }));
    let plan = plan(&schedule);
    let mut after = moment(NOW);
    let step = |_| {
        let found = next(&plan, after).unwrap();
        after = found.nominal;
        found.trigger
    };
    // At two, four, six and eight.
    assert_eq!((0..4).map(step).collect::<Vec<_>>(), [1, 1, 0, 1]);
}

#[test]
fn over_is_not_the_same_as_waiting_for_the_end_of_a_run() {
    let end = "2026-06-01T00:00:00Z";
    let schedule = read(json!({ "triggers": [{ "delay": { "seconds": 60 } }], "end": end }));
    let delay = plan(&schedule);
    assert_eq!(delay.next(moment(NOW), None), Ok(Next::Waits));
    assert!(matches!(delay.next(moment(NOW), Some(moment(NOW))), Ok(Next::Run(_))));
    assert_eq!(delay.next(moment(end), None), Ok(Next::Over));
    assert_eq!(delay.next(moment(NOW), Some(moment("2026-05-31T23:59:30Z"))), Ok(Next::Over));
    let once = plan(&read(json!({ "triggers": [{ "at": "2026-02-01T00:00:00Z" }] })));
    assert_eq!(once.next(moment("2026-02-01T00:00:00Z"), None), Ok(Next::Over));
}
