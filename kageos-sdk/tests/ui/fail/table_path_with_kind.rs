use kageos_sdk::*;

#[derive(Table)]
#[table(path = "hr/deal.table")]
struct Deal {
    #[field(id)]
    id: RowId,
}

fn main() {}
