use kageos_sdk::*;

#[derive(Table)]
#[table(titel = "Deals")]
struct Deal {
    #[field(id)]
    id: RowId,
}

fn main() {}
