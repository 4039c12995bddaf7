use kageos_sdk::*;

#[derive(Choice)]
enum Stage {
    #[choice(color = "pink")]
    New,
}

fn main() {}
