use kageos_sdk::*;

#[derive(Form)]
#[form(effect(external, undoable))]
struct Close {
    won: bool,
}

fn main() {}
