use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(min_length = 2)]
    name: String,
}

fn main() {}
