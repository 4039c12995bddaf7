use kageos_sdk::*;

#[derive(Table)]
#[table(search = [nmae], sort = "-value")]
struct Deal {
    #[field(id)]
    id: RowId,
    name: String,
}

fn main() {}
