use kageos_sdk::*;

#[derive(Table)]
enum Deal {
    One,
}

fn main() {}
