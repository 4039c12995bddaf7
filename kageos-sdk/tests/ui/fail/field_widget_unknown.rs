use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(widget = "slider")]
    name: String,
}

fn main() {}
