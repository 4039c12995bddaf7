use kageos_sdk::*;

#[derive(Chart)]
#[chart(mark = bar)]
struct Pipeline {
    from: Date,
}

fn main() {}
