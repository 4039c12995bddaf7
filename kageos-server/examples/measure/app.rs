//! A table of 20 columns, and lines for it.

use std::fmt::Write as _;

use kageos_sdk::{App, Choice, Date, Decimal, Email, RowId, Table, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum Stage {
    Lead,
    Offer,
    Won,
    Lost,
}

#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Items", history, search = [name, note], sort = ["-id"])]
struct Item {
    #[field(id)]
    id: RowId,
    #[field(index, max_len = 80)]
    name: String,
    code: String,
    #[field(index)]
    stage: Stage,
    #[field(index)]
    rank: i32,
    #[field(index, unit = "EUR")]
    amount: Decimal,
    price: Option<Decimal>,
    quantity: i32,
    #[field(index)]
    day: Date,
    seen: Option<Timestamp>,
    active: bool,
    email: Option<Email>,
    phone: Option<String>,
    street: Option<String>,
    city: Option<String>,
    country: Option<String>,
    zip: Option<String>,
    category: Option<String>,
    owner: Option<String>,
    source: Option<String>,
    note: Option<String>,
}

const HEAD: &str = "name,code,stage,rank,amount,price,quantity,day,seen,active,email,phone,street,city,country,zip,\
                    category,owner,source,note\n";
const STAGES: [&str; 4] = ["lead", "offer", "won", "lost"];
const CITIES: [&str; 8] = ["Berlin", "Oslo", "Lima", "Turin", "Kyoto", "Accra", "Quito", "Perth"];

pub(crate) fn app() -> App {
    App::new("bench").title("Bench").table::<Item>()
}

/// Lines `from` to `to` as CSV with its head; each number gives the same line everywhere.
pub(crate) fn csv(from: u64, to: u64) -> String {
    let mut text = HEAD.to_owned();
    for n in from..to {
        // Scattered, so that an index is not filled in order.
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let (stage, city) = (STAGES[(mixed % 4) as usize], CITIES[(mixed % 8) as usize]);
        let (rank, cents) = (mixed % 100_000, mixed % 10_000_000);
        let (month, day) = (mixed % 12 + 1, mixed % 28 + 1);
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "Item {rank} {n},C-{n},{stage},{rank},{}.{:02},9.50,{},2026-{month:02}-{day:02},2026-01-01T00:00:00Z,{},\
             a{n}@example.org,+49 30 {rank},Main street {},{city},Nowhere,{rank},tools,Ada,web,hello world note {n}",
            cents / 100,
            cents % 100,
            mixed % 50 + 1,
            n % 2 == 0,
            n % 200,
        );
    }
    text
}
