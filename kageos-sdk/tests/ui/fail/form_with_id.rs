use kageos_sdk::*;

#[derive(Form)]
#[form(effect(reads))]
struct Close {
    #[field(id)]
    id: RowId,
}

fn main() {}
