//! Strict JSON: read once, by one rule.

use kageos_core::{
    Code,
    json::{MAX_DEPTH, parse},
};
use proptest::prelude::*;
use serde_json::Value;

use super::arbitrary;

#[track_caller]
fn refuse(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    match parse(bytes) {
        Ok(value) => panic!("{shown} was read as {value}"),
        Err(error) => assert_eq!(error.code, Code::InvalidJson, "{shown}"),
    }
}

#[test]
fn what_is_not_strict_is_refused() {
    let texts = [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "NaN",
        "[NaN]",
        "Infinity",
        "-Infinity",
        "1e999",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
        "nul",
        "1 2",
        "{} {}",
        "[]x",
        "\"\\ud800\"",
        "\"\\x41\"",
        "\"\n\"",
        "\"\0\"",
        "// a\n1",
        "\u{feff}1",
        "{1:2}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"x\":{\"a\":null,\"b\":0,\"a\":null}}]",
    ];
    texts.iter().for_each(|text| refuse(text.as_bytes()));
    let not_utf8: [&[u8]; 4] = [b"\"\xff\"", b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"{\"\xf5\":1}"];
    not_utf8.iter().for_each(|bytes| refuse(bytes));
}

#[test]
fn nesting_ends_at_the_limit() {
    let arrays = |depth: usize, leaf: &str| format!("{}{leaf}{}", "[".repeat(depth), "]".repeat(depth));
    let objects =
        |depth: usize, leaf: &str| format!("{}{leaf}{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for (leaf, own) in [("1", 0), ("[]", 1), ("{}", 1)] {
        for nest in [arrays, objects] {
            assert!(parse(nest(MAX_DEPTH - own, leaf).as_bytes()).is_ok(), "{leaf}");
            refuse(nest(MAX_DEPTH - own + 1, leaf).as_bytes());
        }
    }
    refuse("[".repeat(1_000_000).as_bytes());
    refuse("{\"a\":".repeat(1_000_000).as_bytes());
}

/// `serde_json` reads such an object as the text inside it, past every check that was made on the object.
#[test]
fn no_key_is_read_as_something_else_later() {
    refuse(br#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#);
    refuse(br#"[{"$serde_json::private::Number":"1e999"}]"#);
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(value in arbitrary::json()) {
        prop_assert_eq!(&parse(value.to_string().as_bytes()).unwrap(), &value);
        prop_assert_eq!(&parse(serde_json::to_string_pretty(&value).unwrap().as_bytes()).unwrap(), &value);
    }

    #[test]
    fn strict_reading_takes_nothing_that_serde_refuses(text in "[-\\[\\]{}\":,0-9eE.+a-cntrufls \\\\]{0,24}") {
        match (parse(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
            (Ok(strict), Ok(plain)) => prop_assert_eq!(strict, plain),
            (Ok(strict), Err(error)) => prop_assert!(false, "{text:?} was read as {strict}: {error}"),
            (Err(error), _) => prop_assert_eq!(error.code, Code::InvalidJson),
        }
    }

    #[test]
    fn bytes_never_panic(bytes: Vec<u8>) {
        if let Err(error) = parse(&bytes) {
            prop_assert_eq!(error.code, Code::InvalidJson);
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused(key: String, first in arbitrary::json(), second in arbitrary::json()) {
        let name = Value::from(key);
        refuse(format!("{{{name}:{first},{name}:{second}}}").as_bytes());
    }

    #[test]
    fn what_follows_is_refused(value in arbitrary::json(), tail in "[^ \t\r\n0-9eE.]{1,3}") {
        refuse(format!("{value}{tail}").as_bytes());
    }
}
