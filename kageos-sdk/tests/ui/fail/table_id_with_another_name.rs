use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    key: RowId,
    name: String,
}

fn main() {}
