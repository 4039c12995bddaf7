use kageos_sdk::*;

#[derive(Table)]
struct Deal {
    #[field(id)]
    id: RowId,
    #[field(relation = "/hr/people/staff.table")]
    other: RowId,
}

fn main() {}
