use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(relation = Deal)]
    other: String,
}

fn main() {}
