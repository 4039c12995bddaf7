use kageos_sdk::*;

#[derive(Chart)]
#[chart(mark = donut)]
struct Pipeline;

fn main() {}
