use kageos_sdk::*;

#[derive(Choice)]
enum Stage {
    New,
    Won(u32),
}

fn main() {}
