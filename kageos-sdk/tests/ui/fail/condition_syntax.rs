use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(require_if = stage.len() + 1)]
    note: Option<String>,
    stage: String,
}

fn main() {}
