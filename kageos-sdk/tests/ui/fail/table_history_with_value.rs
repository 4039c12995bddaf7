use kageos_sdk::*;

#[derive(Table)]
#[table(history = true)]
struct Deal {
    #[field(id)]
    id: RowId,
}

fn main() {}
