use kageos_sdk::*;

#[derive(Form)]
#[form(effect(reads), timeout_ms = 0)]
struct Close {
    won: bool,
}

fn main() {}
