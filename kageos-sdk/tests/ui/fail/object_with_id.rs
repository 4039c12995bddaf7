use kageos_sdk::*;

#[derive(Object)]
struct Line {
    #[field(id)]
    id: RowId,
}

fn main() {}
