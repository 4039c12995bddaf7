use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(scale = 20)]
    value: Decimal,
}

fn main() {}
