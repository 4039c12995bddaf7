use kageos_sdk::*;

#[derive(Table)]
struct Deal(RowId);

fn main() {}
