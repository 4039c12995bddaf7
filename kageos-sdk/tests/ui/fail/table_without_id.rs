use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    name: String,
}

fn main() {}
