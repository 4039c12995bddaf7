use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(min = 2)]
    name: String,
}

fn main() {}
