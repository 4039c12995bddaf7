use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(relation = "staff", label = "name")]
    other: RowId,
}

fn main() {}
