//! Every value of the contract is the same after a journey through JSON.

use std::fmt::Debug;

use kageos_core::{Code, Kind, Progress, Reply, Right, Rights, Role, json};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::to_raw_value;

use super::arbitrary;

/// The value is the same read back from text, from a [`serde_json::Value`] and through strict reading.
#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "from text {text}");
    let tree = serde_json::to_value(value).unwrap();
    assert_eq!(&serde_json::from_value::<T>(tree).unwrap(), value, "from a value {text}");
    let strict = json::parse(text.as_bytes()).unwrap();
    assert_eq!(&serde_json::from_value::<T>(strict).unwrap(), value, "from strict JSON {text}");
}

#[test]
fn names_round_trip() {
    Kind::ALL.iter().for_each(round_trip);
    Right::ALL.iter().for_each(round_trip);
    Role::ALL.iter().for_each(round_trip);
    for role in Role::ALL {
        assert_eq!(Role::parse(role.as_str()), Some(role));
        assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
    }
    for code in Code::ALL {
        round_trip(code);
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    assert!(serde_json::from_str::<Code>("\"no_such_code\"").is_err());
}

#[test]
fn every_set_of_rights_round_trips() {
    for bits in 0..128_u8 {
        let rights: Rights = Right::ALL.into_iter().filter(|right| bits & (1 << *right as u8) != 0).collect();
        round_trip(&rights);
        assert_eq!(rights.iter().count(), bits.count_ones() as usize);
    }
}

proptest! {
    #[test]
    fn paths(value in arbitrary::path()) {
        round_trip(&value);
    }

    #[test]
    fn row_ids(value in arbitrary::row_id()) {
        round_trip(&value);
    }

    #[test]
    fn timestamps(value in arbitrary::timestamp()) {
        round_trip(&value);
    }

    #[test]
    fn traces(value in arbitrary::trace()) {
        round_trip(&value);
    }

    #[test]
    fn any_json(value in arbitrary::json()) {
        round_trip(&value);
    }

    #[test]
    fn predicates(value in arbitrary::predicate()) {
        round_trip(&value);
    }

    #[test]
    fn effects(value in arbitrary::effects(), record in arbitrary::effect()) {
        round_trip(&value);
        round_trip(&record);
    }

    #[test]
    fn actors_and_sources(actor in arbitrary::actor(), source in arbitrary::source()) {
        round_trip(&actor);
        round_trip(&source);
    }

    #[test]
    fn calls(value in arbitrary::call()) {
        round_trip(&value);
    }

    #[test]
    fn replies(call in arbitrary::call(), change in arbitrary::change()) {
        let output = to_raw_value(&call.input).unwrap().into();
        let reply = Reply { call: call.id, output, changes: vec![change], dry_run: call.dry_run, undoable: !call.dry_run, diff_hash: None };
        let text = serde_json::to_string(&reply).unwrap();
        let back: Reply = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), text);
        prop_assert_eq!(back.changes, reply.changes);
    }

    #[test]
    fn errors(value in arbitrary::error()) {
        round_trip(&value);
    }

    #[test]
    fn progress(done: u64, total: Option<u64>, message: String) {
        round_trip(&Progress { done, total, message });
    }

    #[test]
    fn annotations(value in arbitrary::annotation()) {
        round_trip(&value);
    }

    #[test]
    fn manifests(value in arbitrary::manifest()) {
        round_trip(&value);
    }
}
