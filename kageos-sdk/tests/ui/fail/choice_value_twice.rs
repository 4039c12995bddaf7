use kageos_sdk::*;

#[derive(Choice)]
enum Stage {
    New,
    #[choice(value = "new")]
    Fresh,
}

fn main() {}
