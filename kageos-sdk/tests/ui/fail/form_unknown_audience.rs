use kageos_sdk::*;

#[derive(Form)]
#[form(effect(reads), audience(robots))]
struct Close {
    won: bool,
}

fn main() {}
