use kageos_sdk::*;

#[derive(Form)]
#[form(effect(update))]
struct Close {
    won: bool,
}

fn main() {}
