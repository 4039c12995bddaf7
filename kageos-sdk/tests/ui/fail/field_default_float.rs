use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(default = 1.5)]
    value: Decimal,
}

fn main() {}
