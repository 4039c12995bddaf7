use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(label = "name")]
    other: Option<String>,
}

fn main() {}
