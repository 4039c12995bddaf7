use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(show_if = value > 1.5)]
    note: Option<String>,
    value: Decimal,
}

fn main() {}
