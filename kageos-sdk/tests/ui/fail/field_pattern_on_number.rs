use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(pattern = "^a")]
    count: i32,
}

fn main() {}
