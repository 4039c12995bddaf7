use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    price: f64,
}

fn main() {}
