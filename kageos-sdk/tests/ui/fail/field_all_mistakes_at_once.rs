use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(titel = "Name")]
    name: String,
    #[field(min_len = "2")]
    text: String,
    #[field(help)]
    more: String,
}

fn main() {}
