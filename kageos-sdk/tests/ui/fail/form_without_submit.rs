use kageos_sdk::*;

#[derive(Form)]
#[form(effect(reads))]
struct Close {
    won: bool,
}

fn app() -> App {
    App::new("crm").form::<Close>()
}

fn main() {}
