//! The SDK under another name.

extern crate kageos_sdk as sdk;

mod kageos_sdk {}

#[derive(sdk::Table)]
#[kageos(crate = "sdk")]
struct Deal {
    #[field(id)]
    id: sdk::RowId,
    #[field(show_if = stage == Stage::New)]
    name: Option<String>,
    stage: Stage,
    lines: Vec<Line>,
}

#[derive(sdk::Choice)]
#[kageos(crate = "sdk")]
enum Stage {
    New,
}

#[derive(sdk::Object)]
#[kageos(crate = "sdk")]
struct Line {
    count: i32,
}

#[derive(sdk::Form)]
#[kageos(crate = "sdk")]
#[form(effect(reads))]
struct Ask {
    count: i32,
}

#[derive(sdk::Function)]
#[kageos(crate = "sdk")]
#[function(effect(reads))]
struct Count {}

#[derive(sdk::Chart)]
#[kageos(crate = "sdk")]
#[chart(mark = figure, source = Deal)]
struct Total;

#[test]
fn the_sdk_may_have_another_name() {
    let def = <Deal as sdk::Table>::def();
    assert_eq!(def.path, "deal.table");
    let _derived = [size_of::<Ask>(), size_of::<Count>(), size_of::<Total>()];
}
