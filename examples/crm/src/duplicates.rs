//! Who stands in the list of customers twice.

use kageos_sdk::{Ctx, Form, Object, Result, RowId, Submit};

use crate::Customer;

/// Customers that are read at a time.
const PAGE: u32 = 500;
/// Most pairs that are shown; who has more has to ask for more alike ones.
const MAX_PAIRS: usize = 200;

/// Compares every customer with every other one and lists those that may be the same. With many customers it takes its
/// time; it can be stopped at any moment, and changes nothing.
#[derive(Debug, Form)]
#[form(title = "Find duplicates", effect(reads), timeout_ms = 600_000)]
pub struct FindDuplicates {
    /// How much of name and e-mail address have to be the same.
    #[field(title = "Alike", unit = "%", min = 50, max = 100, default = 85)]
    pub alike: i32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct DuplicatesFound {
    /// How many customers were compared.
    pub compared: i32,
    /// Customers that may be the same, the most alike first.
    pub pairs: Vec<Pair>,
}

/// Two customers that may be one.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct Pair {
    /// One of them.
    #[field(relation = Customer, label = "last_name")]
    pub one: RowId,
    /// The other one.
    #[field(relation = Customer, label = "last_name")]
    pub other: RowId,
    /// Their names.
    pub names: String,
    /// How alike they are.
    #[field(unit = "%")]
    pub alike: i32,
}

/// A customer as it is compared.
struct Compared {
    id: RowId,
    name: String,
    letters: Vec<char>,
}

impl Submit for FindDuplicates {
    type Output = DuplicatesFound;

    async fn submit(self, ctx: &Ctx) -> Result<DuplicatesFound> {
        let customers = read(ctx).await?;
        let (total, mut pairs) = (customers.len(), Vec::new());
        for (at, one) in customers.iter().enumerate() {
            ctx.step(at as u64, Some(total as u64), format!("comparing {}", one.name)).await?;
            for other in &customers[at + 1..] {
                let alike = alike(&one.letters, &other.letters);
                if alike >= self.alike {
                    let names = format!("{} · {}", one.name, other.name);
                    pairs.push(Pair { one: one.id, other: other.id, names, alike });
                }
            }
            // Memory stays bounded whatever is asked for.
            if pairs.len() > 2 * MAX_PAIRS {
                keep_best(&mut pairs);
            }
        }
        keep_best(&mut pairs);
        Ok(DuplicatesFound { compared: i32::try_from(total).unwrap_or(i32::MAX), pairs })
    }
}

fn keep_best(pairs: &mut Vec<Pair>) {
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.alike));
    pairs.truncate(MAX_PAIRS);
}

async fn read(ctx: &Ctx) -> Result<Vec<Compared>> {
    let (mut customers, mut next) = (Vec::new(), None);
    loop {
        let page = ctx.table::<Customer>().search().limit(PAGE).next(next).page().await?;
        customers.extend(page.rows.into_iter().map(|row| {
            let name = format!("{} {}", row.first_name, row.last_name);
            let letters = format!("{name} {}", &*row.email).to_lowercase().chars().collect();
            Compared { id: row.id, name, letters }
        }));
        next = page.next;
        if next.is_none() {
            return Ok(customers);
        }
        ctx.step(0, None, format!("{} customers read", customers.len())).await?;
    }
}

/// How much of two texts is the same, in percent: the share of letters that need not be changed (Levenshtein).
fn alike(one: &[char], other: &[char]) -> i32 {
    let longest = one.len().max(other.len());
    if longest == 0 {
        return 100;
    }
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut diagonal = above[0];
        above[0] = row + 1;
        for (column, letter_of_other) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != letter_of_other);
            diagonal = above[column + 1];
            above[column + 1] = change.min(diagonal + 1).min(above[column] + 1);
        }
    }
    let same = (longest - above[other.len()]) * 100 / longest;
    i32::try_from(same).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use kageos_sdk::testkit::Kit;
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_as_alike_as_they_look() {
        let check = |one: &str, other: &str, wanted: i32| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(alike(&letters(one), &letters(other)), wanted, "{one} {other}");
        };
        check("", "", 100);
        check("anna", "anna", 100);
        check("anna", "hanna", 80);
        check("kitten", "sitting", 57);
        check("abc", "xyz", 0);
    }

    #[tokio::test]
    async fn who_stands_twice_in_the_list_is_found() {
        let kit = Kit::open(&crate::app()).await.unwrap();
        for email in ["ada@example.org", "ada@example.com", "someone.else@company.net"] {
            let values = json!({ "first_name": "Ada", "last_name": "Lovelace", "email": email });
            kit.call("customer.table", "create", json!({ "values": values })).await.unwrap();
        }
        let found = kit.submit(&FindDuplicates { alike: 85 }).await.unwrap().output;
        assert_eq!((found.compared, found.pairs.len()), (3, 1));
        assert_eq!(found.pairs[0].alike, 89);
    }
}
