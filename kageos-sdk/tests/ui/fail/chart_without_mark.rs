use kageos_sdk::*;

#[derive(Chart)]
struct Pipeline;

fn main() {}
