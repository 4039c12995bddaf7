//! Statements about many rows.

use kageos_core::sql::{Engine, Row, SqlError, Value, params};

use super::SqlRows;

/// Most values of one list: more goes in several statements.
const MOST: usize = 256;
/// Most rows of one update.
const MOST_ROWS: usize = 128;

/// `(?, ?, …)` for a list that was [`filled`].
fn marks(count: usize) -> String {
    format!("({})", vec!["?"; count].join(", "))
}

/// The list with its last value repeated up to a power of two, so that few statements are prepared.
fn filled(values: &[String]) -> Vec<&str> {
    let all = values.iter().map(String::as_str);
    let more = values.last().map_or("", String::as_str);
    let size = values.len().next_power_of_two();
    all.chain(std::iter::repeat(more)).take(size).collect()
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Runs a query for the rows whose `column` is one of `values`. `end` follows the list.
pub(super) async fn fetch_in<T: ToString>(
    rows: &mut SqlRows<'_>,
    head: &str,
    values: &[T],
    end: &str,
) -> Result<Vec<Row>, SqlError> {
    let mut found = Vec::new();
    for chunk in texts(values).chunks(MOST) {
        let list = filled(chunk);
        let sql = format!("{head} IN {}{end}", marks(list.len()));
        let params: Vec<Value<'_>> = list.into_iter().map(Value::from).collect();
        found.extend(rows.tx.fetch_all(sql, &params).await?);
    }
    Ok(found)
}

/// Runs a statement for the rows that `head` ends with a list of. `before` are the parameters of the head.
pub(super) async fn execute_in<T: ToString>(
    rows: &mut SqlRows<'_>,
    head: &str,
    before: &[Value<'_>],
    values: &[T],
) -> Result<u64, SqlError> {
    let mut count = 0;
    for chunk in texts(values).chunks(MOST) {
        let list = filled(chunk);
        let sql = format!("{head} IN {}", marks(list.len()));
        let params: Vec<Value<'_>> =
            before.iter().map(Value::from).chain(list.into_iter().map(Value::from)).collect();
        count += rows.tx.execute(sql, &params).await?;
    }
    Ok(count)
}

/// `IN (…)` for a few names, with the parameters.
pub(super) fn names<T: AsRef<str>>(names: &[T]) -> (String, Vec<Value<'_>>) {
    let mut values: Vec<Value<'_>> = names.iter().map(|it| Value::from(it.as_ref())).collect();
    if values.is_empty() {
        values.extend_from_slice(params![""]);
    }
    (format!("IN {}", marks(values.len())), values)
}

/// An update of many rows, each with values of its own.
pub(super) struct UpdateMany {
    pub(super) table: &'static str,
    /// Columns that are written.
    pub(super) set: &'static [&'static str],
    /// Columns that tell which row, and in which state it has to be; the first is its key.
    pub(super) at: &'static [&'static str],
}

impl UpdateMany {
    /// Runs it; a row has the values of `set` and then those of `at`. Answers how many rows were written.
    pub(super) async fn run(
        &self,
        rows: &mut SqlRows<'_>,
        values: &[Vec<Value<'_>>],
    ) -> Result<u64, SqlError> {
        let engine = rows.tx.engine();
        if engine == Engine::Sqlite {
            return rows.tx.execute_many(self.one(), values).await;
        }
        let (mut count, mut rest) = (0, values);
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(1 << rest.len().min(MOST_ROWS).ilog2());
            let params: Vec<Value<'_>> = chunk.iter().flatten().map(Value::from).collect();
            count += rows.tx.execute(self.many(engine, chunk.len()), &params).await?;
            rest = tail;
        }
        Ok(count)
    }

    fn one(&self) -> String {
        let set: Vec<_> = self.set.iter().map(|it| format!("{it} = ?")).collect();
        let at: Vec<_> = self.at.iter().map(|it| format!("{it} = ?")).collect();
        format!("UPDATE {} SET {} WHERE {}", self.table, set.join(", "), at.join(" AND "))
    }

    /// All rows in one statement: the new values come as a table.
    fn many(&self, engine: Engine, rows: usize) -> String {
        let table = self.table;
        let columns: Vec<_> = self.set.iter().chain(self.at).enumerate().collect();
        let first: Vec<_> = columns.iter().map(|(at, _)| format!("? AS v{at}")).collect();
        let more = format!(" UNION ALL SELECT {}", vec!["?"; columns.len()].join(", ")).repeat(rows - 1);
        let values = format!("(SELECT {}{more}) v", first.join(", "));
        let (set, at) = columns.split_at(self.set.len());
        let equal = |left: &str, all: &[(usize, &&str)], between: &str| {
            let all: Vec<_> = all.iter().map(|(at, column)| format!("{left}{column} = v.v{at}")).collect();
            all.join(between)
        };
        let at = equal(&format!("{table}."), at, " AND ");
        match engine {
            Engine::MySql => {
                let set = equal(&format!("{table}."), set, ", ");
                format!("UPDATE {table} JOIN {values} ON {at} SET {set}")
            }
            _ => format!("UPDATE {table} SET {} FROM {values} WHERE {at}", equal("", set, ", ")),
        }
    }
}
