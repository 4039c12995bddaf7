use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    version: i64,
    created_at: Timestamp,
}

fn main() {}
