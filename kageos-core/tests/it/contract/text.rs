//! Ids, moments, traces and names have one spelling and no other text is read as one.

use kageos_core::{ActionName, CallId, NodeId, RowId, Timestamp, Trace, UserId};
use proptest::prelude::*;

use super::arbitrary::{self, FIRST, LAST};

#[track_caller]
fn refuse<T: std::str::FromStr + std::fmt::Debug>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} was read");
    }
}

#[test]
fn other_spellings_of_ids_are_refused() {
    refuse::<CallId>(&[
        "",
        "0",
        "01arz3ndektsv4rrffq69g5fa",
        "01arz3ndektsv4rrffq69g5favx",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01arz3ndektsv4rrffq69g5fai",
        "01arz3ndektsv4rrffq69g5fau",
        "8zzzzzzzzzzzzzzzzzzzzzzzzz",
        " 1arz3ndektsv4rrffq69g5fav",
        "01arz3ndektsv4rrffq69g5fé",
    ]);
    refuse::<RowId>(&["", "0", "-1", "+1", "01", " 1", "1 ", "1.0", "1e3", "١", "9223372036854775808"]);
}

#[test]
fn other_spellings_of_traces_are_refused() {
    refuse::<Trace>(&[
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ]);
}

#[test]
fn moments_outside_the_calendar_print_as_its_ends() {
    for micros in [i64::MIN, i64::MAX, FIRST - 1, LAST + 1] {
        let text = Timestamp::from_micros(micros).to_string();
        assert!(text.parse::<Timestamp>().is_ok(), "{text}");
    }
    refuse::<Timestamp>(&["", "2024-01-01", "2024-01-01T00:00:00", "2024-13-01T00:00:00Z", "now"]);
}

proptest! {
    #[test]
    fn ids(text in arbitrary::ulid()) {
        prop_assert_eq!(text.parse::<CallId>().map(|id| id.to_string()).ok(), text.starts_with(|c| c < '8').then_some(text));
    }

    #[test]
    fn ids_order_as_their_text(left in arbitrary::ulid(), right in arbitrary::ulid()) {
        if let (Ok(a), Ok(b)) = (left.parse::<NodeId>(), right.parse::<NodeId>()) {
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        }
    }

    #[test]
    fn what_is_read_as_an_id_prints_the_same(text in "[0-9a-zA-Z]{25,27}") {
        if let Ok(id) = text.parse::<UserId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn what_is_read_as_a_row_id_prints_the_same(text in "[-+ 0-9a-f.]{0,20}") {
        if let Ok(id) = text.parse::<RowId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn what_is_read_as_a_trace_prints_the_same(text in "0[0-1]-[0-9a-f]{32}-[0-9a-fA-F]{16}-[0-9a-f]{2}") {
        if let Ok(trace) = text.parse::<Trace>() {
            prop_assert_eq!(trace.to_string(), text);
        }
    }

    #[test]
    fn moments_order_as_their_text(left in arbitrary::timestamp(), right in arbitrary::timestamp()) {
        let second = |moment: Timestamp| moment.to_string()[..19].to_owned();
        if second(left) < second(right) {
            prop_assert!(left < right);
        }
    }

    #[test]
    fn an_action_name_is_a_code(text in "[a-zA-Z0-9_ .-]{0,52}") {
        let plain = text.len() <= 49
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        prop_assert_eq!(ActionName::new(&text).is_some(), plain);
    }
}
