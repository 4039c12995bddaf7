use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(scale = 2)]
    count: i32,
}

fn main() {}
