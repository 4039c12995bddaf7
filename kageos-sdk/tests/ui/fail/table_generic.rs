use kageos_sdk::*;

#[derive(Table)]
struct Deal<T> {
    #[field(id)]
    id: RowId,
    name: T,
}

fn main() {}
