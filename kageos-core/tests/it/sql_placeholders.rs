//! Placeholders are numbered where they are placeholders, and nowhere else.

use kageos_core::sql::numbered;
use proptest::prelude::*;

#[track_caller]
fn check(sql: &str, expected: &str) {
    assert_eq!(numbered(sql), expected);
}

#[test]
fn numbers_in_order() {
    check("SELECT 1", "SELECT 1");
    check("?", "$1");
    check("INSERT INTO t (a, b) VALUES (?, ?)", "INSERT INTO t (a, b) VALUES ($1, $2)");
    check("?,?,?,?,?,?,?,?,?,?", "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10");
    check("a - ? / ?", "a - $1 / $2");
}

#[test]
fn leaves_quoted_text_and_comments() {
    check("SELECT '?' , ?", "SELECT '?' , $1");
    check("SELECT 'it''s ?' , ?", "SELECT 'it''s ?' , $1");
    check(r#"SELECT "a?" FROM t WHERE b = ?"#, r#"SELECT "a?" FROM t WHERE b = $1"#);
    check("SELECT ? -- why?\n, ?", "SELECT $1 -- why?\n, $2");
    check("SELECT /* ? */ ?", "SELECT /* ? */ $1");
    check("SELECT ? -- and?", "SELECT $1 -- and?");
    check("SELECT '?", "SELECT '?");
    check("SELECT 'é?' || ?", "SELECT 'é?' || $1");
}

/// A piece of SQL and whether its question marks are placeholders.
fn piece() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![
        "[a-zé ,()=*+]{0,8}".prop_map(|it| (it, true)),
        Just((" ? ".to_owned(), true)),
        "[a-z?\"/*-]{0,6}".prop_map(|it| (format!("'{it}'"), false)),
        "[a-z?'/*-]{0,6}".prop_map(|it| (format!("\"{it}\""), false)),
        "[a-z?'\"]{0,6}".prop_map(|it| (format!("/*{it}*/"), false)),
        "[a-z?'\"*]{0,6}".prop_map(|it| (format!("--{it}\n"), false)),
    ]
}

proptest! {
    #[test]
    fn every_placeholder_and_no_other(pieces in prop::collection::vec(piece(), 0..20)) {
        let sql: String = pieces.iter().map(|(text, _)| format!("{text} ")).collect();
        let mut count = 0;
        let mut expected = String::new();
        for (text, open) in &pieces {
            for character in text.chars() {
                if *open && character == '?' {
                    count += 1;
                    expected.push_str(&format!("${count}"));
                } else {
                    expected.push(character);
                }
            }
            expected.push(' ');
        }
        prop_assert_eq!(numbered(&sql), expected);
    }

    #[test]
    fn any_text_is_survived(sql in ".*") {
        let out = numbered(&sql);
        prop_assert_eq!(out.replace(|it: char| it == '$' || it == '?' || it.is_ascii_digit(), ""),
            sql.replace(|it: char| it == '$' || it == '?' || it.is_ascii_digit(), ""));
    }
}
