use kageos_sdk::*;

#[derive(Function)]
struct Count {}

fn main() {}
