use kageos_sdk::*;

struct Other;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(relation = Other)]
    other: RowId,
}

fn main() {}
