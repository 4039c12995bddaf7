use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(accept = "image/*")]
    name: String,
}

fn main() {}
