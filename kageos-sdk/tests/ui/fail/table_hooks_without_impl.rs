use kageos_sdk::*;

#[derive(Table)]
#[table(hooks)]
struct Deal {
    #[field(id)]
    id: RowId,
}

fn app() -> App {
    App::new("crm").table::<Deal>()
}

fn main() {}
