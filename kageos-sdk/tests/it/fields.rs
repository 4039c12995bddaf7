//! Every field type: its schema as reviewed, a value that validates, values that do not, and the way there and back.

use std::fmt::Write as _;

use kageos_sdk::{
    Date, Decimal, Email, FileRef, Link, Markdown, Multiline, RowId, Timestamp, UserRef, Wire,
    field::FieldType, field::Reader,
};
use serde_json::{Value, json};

use crate::{
    sample::{Line, Stage},
    snapshot,
};

const ULID: &str = "01jq0000000000000000000000";

/// Makes the checks of a type and adds its schema to the text.
#[track_caller]
fn check<T: FieldType>(text: &mut String, name: &str, valid: &[Value], invalid: &[Value]) {
    let schema = <T as Wire>::schema();
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    for value in valid {
        assert!(validator.is_valid(value), "{name}: the schema refuses {value}");
        let read: T =
            Reader::whole(value.clone()).unwrap_or_else(|error| panic!("{name}: {value}: {error:?}"));
        assert_eq!(FieldType::to_json(&read), *value, "{name} goes there and back");
    }
    for value in invalid {
        let refused = !validator.is_valid(value);
        let read: kageos_sdk::Result<T> = Reader::whole(value.clone());
        assert!(refused || read.is_err(), "{name}: {value} passes");
    }
    let spec = T::spec();
    writeln!(text, "{name}: {:?}, {:?}, required {}", spec.column, spec.widget, spec.required)
        .expect("text grows");
    writeln!(text, "    {schema}").expect("text grows");
}

#[test]
fn every_field_type_keeps_its_word() {
    let text = &mut String::new();
    check::<String>(
        text,
        "String",
        &[json!("a"), json!("é\n")],
        &[json!(1), json!(null), json!("a".repeat(256)), json!("\0")],
    );
    check::<Multiline>(text, "Multiline", &[json!("a\nb")], &[json!(1), json!("\0")]);
    check::<Markdown>(text, "Markdown", &[json!("# A")], &[json!([])]);
    check::<Email>(
        text,
        "Email",
        &[json!("a@b.de")],
        &[json!("a"), json!("a@b"), json!("a b@c.de"), json!("a@b@c.de")],
    );
    check::<Link>(
        text,
        "Link",
        &[json!("https://a.de/b?c")],
        &[json!("javascript:alert(1)"), json!("https://"), json!("a")],
    );
    check::<bool>(text, "bool", &[json!(true), json!(false)], &[json!("true"), json!(1), json!(null)]);
    check::<i16>(text, "i16", &[json!(-32768), json!(32767)], &[json!(32768), json!(1.5), json!("1")]);
    check::<i32>(text, "i32", &[json!(-1), json!(0)], &[json!(2_147_483_648_i64), json!(1.5)]);
    check::<u16>(text, "u16", &[json!(65535)], &[json!(-1), json!(65536)]);
    check::<u32>(text, "u32", &[json!(4_294_967_295_u32)], &[json!(-1), json!(4_294_967_296_i64)]);
    let beyond = json!("9223372036854775808");
    check::<i64>(
        text,
        "i64",
        &[json!("-9223372036854775808"), json!("0")],
        &[json!(1), json!("01"), json!("-0"), beyond.clone()],
    );
    check::<u64>(text, "u64", &[json!("9223372036854775807")], &[json!("-1"), beyond]);
    check::<Decimal>(
        text,
        "Decimal",
        &[json!("12.50"), json!("-0.1")],
        &[json!(12.5), json!("1,5"), json!("1.234"), json!("1e3"), json!(".5")],
    );
    check::<Date>(
        text,
        "Date",
        &[json!("2024-02-29")],
        &[json!("2023-02-29"), json!("2024-2-9"), json!("20240229"), json!(1)],
    );
    check::<Timestamp>(
        text,
        "Timestamp",
        &[json!("2026-01-31T09:30:00Z")],
        &[json!("2026-01-31T09:30:00"), json!("2026-01-31")],
    );
    check_references_and_lists(text);
    snapshot::check("fields.txt", text);
}

#[track_caller]
fn check_references_and_lists(text: &mut String) {
    check::<RowId>(
        text,
        "RowId",
        &[json!("1"), json!("9223372036854775807")],
        &[json!("0"), json!(1), json!("-1"), json!("x")],
    );
    check::<UserRef>(text, "UserRef", &[json!(ULID)], &[json!("x"), json!(ULID.to_uppercase())]);
    check::<FileRef>(text, "FileRef", &[json!(ULID)], &[json!("x")]);
    check::<Stage>(text, "Choice", &[json!("talking")], &[json!("In talks"), json!(null)]);
    check::<Option<Stage>>(text, "Option<Choice>", &[json!("won"), json!(null)], &[json!("lost")]);
    check::<Option<String>>(text, "Option<String>", &[json!(null), json!("a")], &[json!(1)]);
    check::<Vec<Stage>>(
        text,
        "Vec<Choice>",
        &[json!([]), json!(["new", "won"])],
        &[json!(["new", "new"]), json!(["x"]), json!("new")],
    );
    check::<Vec<FileRef>>(text, "Vec<FileRef>", &[json!([ULID])], &[json!(["x"])]);
    let line = json!({ "text": "a", "count": 1, "price": "1.00" });
    let more = json!({ "text": "a", "count": 1, "price": "1.00", "more": 1 });
    check::<Vec<Line>>(
        text,
        "Vec<Object>",
        &[json!([line])],
        &[json!([more]), json!([{ "text": "a" }]), json!([1])],
    );
}

#[test]
fn mistakes_in_a_nested_list_are_told_with_their_place() {
    let value = json!([{ "text": "a", "count": 1, "price": "1" }, { "text": 1, "count": "x", "price": "1" }]);
    let error = Reader::whole::<Vec<Line>>(value).expect_err("two mistakes");
    let told: Vec<&str> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(told, ["/1/text", "/1/count"]);
}

#[test]
fn every_schema_of_the_sample_compiles_and_refuses_what_is_unknown() {
    let manifest = crate::sample::app().manifest().expect("the sample is right");
    for function in &manifest.functions {
        for action in &function.schema.actions {
            let validator = jsonschema::draft202012::new(&action.input).expect("the input schema compiles");
            assert!(
                !validator.is_valid(&json!({ "nobody_declared_this": 1 })),
                "{} {}",
                function.path,
                action.name
            );
            jsonschema::draft202012::new(&action.output).expect("the output schema compiles");
        }
    }
}

#[test]
fn filters_are_bounded_in_shape() {
    let manifest = crate::sample::app().manifest().expect("the sample is right");
    let search = &manifest.functions[1].schema.actions[0];
    let validator = jsonschema::draft202012::new(&search.input).expect("it compiles");
    let right = json!({ "and": [{ "eq": ["stage", "won"] }, { "not": { "range": ["value", "1", null] } }] });
    assert!(validator.is_valid(&json!({ "filter": right, "sort": [{ "field": "value", "desc": true }] })));
    for wrong in [
        json!({ "eq": ["secret_field", 1] }),
        json!({ "eq": ["stage"] }),
        json!({ "eq": ["stage", "won"], "ne": ["stage", "won"] }),
        json!({ "eq": ["bigger", "1"] }),
        json!({}),
    ] {
        assert!(!validator.is_valid(&json!({ "filter": wrong })), "{wrong} passes");
    }
    assert!(!validator.is_valid(&json!({ "sort": [{ "field": "note" }] })));
    assert!(!validator.is_valid(&json!({ "limit": 501 })));
}
