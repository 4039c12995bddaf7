use kageos_sdk::*;

#[derive(Choice)]
struct Stage;

fn main() {}
