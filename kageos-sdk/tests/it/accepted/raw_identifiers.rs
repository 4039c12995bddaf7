//! Names that are words of Rust.

use kageos_sdk::{Choice, Object, Table};

#[derive(Table)]
#[table(search = [r#type])]
struct r#Move {
    #[field(id)]
    id: kageos_sdk::RowId,
    r#type: String,
    #[field(show_if = r#type == "a")]
    r#loop: Option<String>,
}

#[derive(Choice)]
enum Words {
    r#Self_,
    Loop,
}

#[test]
fn words_of_rust_are_names() {
    let def = <Move as Table>::def();
    let names: Vec<&str> = def.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!((def.path.as_str(), names), ("move.table", vec!["type", "loop"]));
    assert_eq!(<Move as Object>::fields()[1].annotation.show_if.as_ref().unwrap().pointers(), ["/type"]);
    let _derived = size_of::<Words>();
}
