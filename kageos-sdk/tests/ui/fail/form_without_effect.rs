use kageos_sdk::*;

#[derive(Form)]
#[form(title = "Close")]
struct Close {
    won: bool,
}

fn main() {}
