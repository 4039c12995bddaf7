use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    names: Vec<String>,
}

fn main() {}
