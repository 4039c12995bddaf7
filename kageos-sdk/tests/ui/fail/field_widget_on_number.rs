use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(widget = "email")]
    count: i32,
}

fn main() {}
