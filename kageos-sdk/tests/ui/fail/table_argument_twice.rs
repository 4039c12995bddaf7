use kageos_sdk::*;

#[derive(Table)]
#[table(title = "A", title = "B")]
struct Deal {
    #[field(id)]
    id: RowId,
}

fn main() {}
