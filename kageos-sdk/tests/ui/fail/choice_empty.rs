use kageos_sdk::*;

#[derive(Choice)]
enum Stage {}

fn main() {}
