use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(show_if = (stgae == "won"))]
    note: Option<String>,
    stage: String,
}

fn main() {}
