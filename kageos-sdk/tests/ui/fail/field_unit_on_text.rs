use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(unit = "EUR")]
    name: String,
}

fn main() {}
