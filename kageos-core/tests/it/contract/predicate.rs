//! Conditions give one answer, here and in the browser.

use kageos_core::Predicate;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arbitrary;

#[derive(Deserialize)]
struct Case {
    why: String,
    predicate: Predicate,
    value: Value,
    holds: bool,
}

/// The browser's tests read the same file.
#[test]
fn the_cases_that_both_sides_answer() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("predicates.json")).unwrap();
    assert!(cases.len() > 40);
    for case in cases {
        assert_eq!(case.predicate.holds(&case.value), case.holds, "{}: {:?}", case.why, case.predicate);
    }
}

#[test]
fn only_the_written_forms_are_read() {
    for text in [
        r#"{}"#,
        r#"{"eq":["/a"]}"#,
        r#"{"eq":["/a",1,2]}"#,
        r#"{"eq":["/a",1],"ne":["/a",1]}"#,
        r#"{"like":["/a","b"]}"#,
        r#"{"empty":["/a"]}"#,
        r#"{"and":{}}"#,
        r#"{"not":[]}"#,
        r#"null"#,
    ] {
        assert!(serde_json::from_str::<Predicate>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn conditions_follow_logic(a in arbitrary::predicate(), b in arbitrary::predicate(), value in arbitrary::json()) {
        let (left, right) = (a.holds(&value), b.holds(&value));
        let not = |part: &Predicate| Predicate::Not(Box::new(part.clone()));
        prop_assert_eq!(not(&a).holds(&value), !left);
        prop_assert_eq!(Predicate::And(vec![a.clone(), b.clone()]).holds(&value), left && right);
        prop_assert_eq!(Predicate::Or(vec![a.clone(), b.clone()]).holds(&value), left || right);
        prop_assert!(Predicate::And(Vec::new()).holds(&value));
        prop_assert!(!Predicate::Or(Vec::new()).holds(&value));
    }

    #[test]
    fn a_value_equals_itself_and_is_not_less(value in arbitrary::json()) {
        let (at, record) = ("/a".to_owned(), json!({"a": value}));
        prop_assert!(Predicate::Eq(at.clone(), value.clone()).holds(&record));
        prop_assert!(!Predicate::Ne(at.clone(), value.clone()).holds(&record));
        prop_assert!(Predicate::In(at.clone(), vec![Value::Null, value.clone()]).holds(&record));
        prop_assert!(!Predicate::Lt(at.clone(), value.clone()).holds(&record));
        prop_assert!(!Predicate::Gt(at, value).holds(&record));
    }

    #[test]
    fn whole_numbers_compare_as_numbers_however_written(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
        for (left, right) in [
            (json!(a), json!(b)),
            (json!(a as f64), json!(b)),
            (json!(a.to_string()), json!(b.to_string())),
            (json!(format!("{a}.00")), json!(b.to_string())),
        ] {
            let record = json!({"a": left});
            prop_assert_eq!(Predicate::Lt("/a".into(), right.clone()).holds(&record), a < b);
            prop_assert_eq!(Predicate::Gt("/a".into(), right).holds(&record), a > b);
        }
        prop_assert_eq!(Predicate::Eq("/a".into(), json!(b as f64)).holds(&json!({"a": a})), a == b);
    }
}
