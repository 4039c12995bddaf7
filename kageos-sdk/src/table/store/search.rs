//! Rows that match, a page at a time.

use std::{sync::Arc, time::Duration};

use crate::table::Result;
use kageos_core::{
    Code, Error,
    json::canonical,
    sql::{Engine, SqlError, Tx, Value, build},
};
use sea_query::{Alias, Cond, Condition, Expr, ExprTrait, LikeExpr, Query, SelectStatement};
use serde_json::json;

use super::{
    Store,
    condition::{condition, escape},
    error::storage,
    keyset::{self, Key},
    labels, rows,
};
use crate::table::{
    cell::{Cell, fold},
    filter::{Checked, Subject, Test},
    layout::Table,
    query::{COUNT_CAP, DEFAULT_LIMIT, MAX_LIMIT, SearchPage, SearchQuery},
    row::Record,
};

/// Longest time for a query that no index serves: a person waits no longer, and others wait behind it.
const UNINDEXED_DEADLINE: Duration = Duration::from_secs(2);
/// Longest time for a count that nobody asked for by itself.
const GLANCE: Duration = Duration::from_millis(250);
/// Longest time for any query.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Longest text of `q`, in bytes: a line of words.
const MAX_Q: usize = 200;
/// Most words of `q`; each one is looked for in every field that is searched.
const MAX_WORDS: usize = 8;

/// A query whose fields exist and whose values fit.
#[derive(Debug)]
pub(in crate::table) struct Plan {
    table: Arc<Table>,
    filter: Option<Checked>,
    words: Vec<String>,
    keys: Vec<Key>,
    bin: bool,
    /// What cursors of this query belong to.
    text: String,
}

/// Records, and the keys of the last one when there are more.
pub(in crate::table) struct Block {
    pub(in crate::table) records: Vec<Record>,
    pub(in crate::table) last: Option<Vec<Cell>>,
}

type Statement = (String, Vec<Value<'static>>);

impl Store {
    /// The rows that match, in order, a page at a time. Concatenated pages are the whole list: each row once.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] with pointers for what is wrong in the query, [`Code::InvalidCursor`] and
    /// [`Code::CursorMismatch`] for its `next`, [`Code::QueryTooExpensive`] when an index is missing.
    pub async fn search(&self, path: &str, query: SearchQuery) -> Result<SearchPage> {
        let plan = self.plan(path, &query)?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(Error::field("/limit", "range", format!("must be from 1 to {MAX_LIMIT}")));
        }
        let after = query.next.as_deref().map(|next| self.cursors.read(&plan.text, next, plan.keys.len()));
        let block = self.block(&plan, after.transpose()?.as_deref(), limit).await?;
        let count = if query.count { self.count(&plan).await? } else { None };
        let labels = labels::labels(self, &plan.table, &block.records).await?;
        Ok(SearchPage {
            rows: block.records.iter().map(|record| record.row(&plan.table)).collect(),
            next: block.last.map(|keys| self.cursors.write(&plan.text, &keys)),
            count,
            labels,
        })
    }

    /// What the database's planner says about each statement of a query, for tests and for people who wonder why
    /// it is slow.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn explain(&self, path: &str, query: &SearchQuery) -> Result<Vec<String>> {
        let plan = self.plan(path, query)?;
        let after = query.next.as_deref().map(|next| self.cursors.read(&plan.text, next, plan.keys.len()));
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        let explain = if self.db.engine() == Engine::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let mut plans = Vec::new();
        for (sql, params) in plan.statements(self, after.transpose()?.as_deref(), limit).map_err(storage)? {
            let rows = self.db.fetch_all(format!("{explain} {sql}"), &params).await.map_err(storage)?;
            plans.push(rows.into_iter().map(|row| line(row.into_values())).collect());
        }
        Ok(plans)
    }

    /// Checks a query against its table.
    pub(in crate::table) fn plan(&self, path: &str, query: &SearchQuery) -> Result<Plan> {
        let table = Arc::clone(self.table(path)?);
        let filter = query.filter.as_ref().map(|filter| filter.check(&table, "/filter"));
        let filter = filter.transpose().map_err(Error::invalid)?;
        let keys = keyset::keys(&table, &query.sort)?;
        let words = words(&table, query.q.as_deref().unwrap_or_default())?;
        let steps: Vec<_> = query.sort.iter().map(|sort| json!([sort.field, sort.desc])).collect();
        let whole = json!([path, query.filter, steps, words, query.bin]);
        Ok(Plan { table, filter, words, keys, bin: query.bin, text: canonical(&whole) })
    }

    /// At most `limit` records behind the one with the keys `after`.
    pub(in crate::table) async fn block(
        &self,
        plan: &Plan,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Block> {
        let statements = plan.statements(self, after, limit + 1).map_err(storage)?;
        let work = Arc::new((statements, Arc::clone(&plan.table), limit as usize + 1));
        let read = self.db.read_within(plan.deadline(), move |tx| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                let (statements, table, wanted) = &*work;
                read(tx, statements, table, *wanted).await
            })
        });
        let mut records = read.await.map_err(|error| plan.too_expensive(error))?;
        let more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let last = records.last().filter(|_| more);
        let last = last.map(|record| plan.keys.iter().map(|key| key.cell(&plan.table, record)).collect());
        Ok(Block { records, last })
    }

    /// How many rows lie in a table, up to `most`; `None` when that takes longer than a glance.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such table, else what the database answers.
    pub async fn row_count(&self, path: &str, most: u32) -> Result<Option<u32>> {
        let table = Arc::clone(self.table(path)?);
        let all = Cond::all().add(Expr::col("deleted_at").is_null());
        self.counted(&table, all, most, GLANCE).await
    }

    /// How many rows match, up to [`COUNT_CAP`]; `None` when that takes too long.
    async fn count(&self, plan: &Plan) -> Result<Option<u32>> {
        self.counted(&plan.table, plan.condition(), COUNT_CAP, UNINDEXED_DEADLINE).await
    }

    async fn counted(
        &self,
        table: &Table,
        condition: Condition,
        most: u32,
        deadline: Duration,
    ) -> Result<Option<u32>> {
        let mut inner = Query::select();
        inner.expr_as(Expr::cust("1"), Alias::new("one")).from(table.name.clone());
        inner.cond_where(condition).limit(u64::from(most));
        let mut select = Query::select();
        select
            .expr_as(Expr::cust("COUNT(*)"), Alias::new("count"))
            .from_subquery(inner, Alias::new("counted"));
        let statement = Arc::new(build(self.db.engine(), &select).map_err(storage)?);
        let counted = self.db.read_within(deadline, move |tx| {
            let statement = Arc::clone(&statement);
            Box::pin(async move { tx.fetch_one(statement.0.clone(), &statement.1).await?.int(0) })
        });
        match counted.await {
            Ok(count) => Ok(u32::try_from(count).ok()),
            Err(SqlError::Timeout) => Ok(None),
            Err(error) => Err(storage(error)),
        }
    }
}

/// A row of a plan as a line.
fn line(values: Vec<Value<'_>>) -> String {
    let words = values.into_iter().map(|value| match value {
        Value::Text(Some(text)) => text.into_owned(),
        Value::Int(Some(number)) => number.to_string(),
        _ => String::new(),
    });
    words.fold(String::new(), |line, word| line + &word + "|") + "\n"
}

/// Reads statement after statement until there are enough records.
async fn read(
    tx: &mut Tx,
    statements: &[Statement],
    table: &Table,
    wanted: usize,
) -> Result<Vec<Record>, SqlError> {
    let mut records = Vec::new();
    for (sql, params) in statements {
        for row in tx.fetch_all(sql.clone(), params).await? {
            records.push(rows::record(table, &row)?);
        }
        if records.len() >= wanted {
            break;
        }
    }
    records.truncate(wanted);
    Ok(records)
}

/// The words of `q`, folded.
fn words(table: &Table, q: &str) -> Result<Vec<String>> {
    let wrong = |code: &'static str, text: String| Err(Error::field("/q", code, text));
    if q.len() > MAX_Q || q.contains('\0') {
        return wrong("max_bytes", format!("at most {MAX_Q} bytes of plain text"));
    }
    let words: Vec<String> = q.split_whitespace().map(fold).collect();
    if words.len() > MAX_WORDS {
        return wrong("max_items", format!("at most {MAX_WORDS} words"));
    }
    if !words.is_empty() && searched(table).next().is_none() {
        return wrong("not_searchable", "the table declares no field that is searched".to_owned());
    }
    Ok(words)
}

/// The columns that words are looked for in.
fn searched(table: &Table) -> impl Iterator<Item = &str> {
    let fields = table.def.fields.iter().zip(&table.columns);
    let fields =
        fields.filter(|(field, _)| field.annotation.search || table.def.search.contains(&field.name));
    fields.filter_map(|(_, column)| column.folded.as_deref())
}

impl Plan {
    pub(in crate::table) fn table(&self) -> &Table {
        &self.table
    }

    /// The condition on the rows of all pages.
    pub(super) fn condition(&self) -> Condition {
        let deleted = Expr::col("deleted_at");
        let mut all = Cond::all().add(if self.bin { deleted.is_not_null() } else { deleted.is_null() });
        all = all.add_option(self.filter.as_ref().map(|filter| condition(&self.table, filter, false)));
        for word in &self.words {
            let pattern = format!("%{}%", escape(word));
            let fields = searched(&self.table)
                .map(|column| Expr::col(column.to_owned()).like(LikeExpr::new(pattern.clone()).escape('!')));
            all = all.add(fields.fold(Cond::any(), Condition::add));
        }
        all
    }

    fn statements(
        &self,
        store: &Store,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Statement>, SqlError> {
        let engine = store.db.engine();
        let segments = keyset::segments(&self.keys, after);
        let each = segments.into_iter().map(|segment| {
            let mut select: SelectStatement = rows::select(&self.table);
            select.cond_where(self.condition());
            keyset::narrow(&mut select, engine, &self.keys, segment, after);
            build(engine, select.limit(u64::from(limit)))
        });
        each.collect()
    }

    /// The column whose index is missing, when no index serves the query.
    fn missing_index(&self) -> Option<String> {
        let narrowed = self.filter.as_ref().is_some_and(|filter| self.narrows(filter));
        if !narrowed && let Some(column) = self.filter.as_ref().and_then(|filter| self.first_column(filter)) {
            return Some(column);
        }
        if !narrowed && !self.words.is_empty() {
            return Some("q".to_owned());
        }
        let first = self.keys.first().filter(|key| !self.table.has_index(key.column()));
        let several = self.keys.get(1).filter(|key| key.column() != "id");
        first.or(several).map(|key| key.name(&self.table).to_owned())
    }

    /// Whether an index leads to few rows: one test that has to hold is on the start of one.
    fn narrows(&self, filter: &Checked) -> bool {
        match filter {
            Checked::All(parts) => parts.iter().any(|part| self.narrows(part)),
            Checked::Test(_, Test::Contains(_) | Test::Item(_) | Test::Empty) => false,
            Checked::Test(Subject::Id, _) => true,
            Checked::Test(Subject::Field(at), Test::Range(..)) => {
                self.table.has_index(&self.table.columns[*at].name)
            }
            Checked::Test(Subject::Field(at), _) => self.table.has_index(self.table.columns[*at].sort_name()),
            Checked::Any(_) | Checked::Not(_) => false,
        }
    }

    /// The first field that a filter reads.
    fn first_column(&self, filter: &Checked) -> Option<String> {
        match filter {
            Checked::All(parts) | Checked::Any(parts) => {
                parts.iter().find_map(|part| self.first_column(part))
            }
            Checked::Not(part) => self.first_column(part),
            Checked::Test(Subject::Id, _) => None,
            Checked::Test(Subject::Field(at), _) => Some(self.table.columns[*at].name.clone()),
        }
    }

    fn deadline(&self) -> Duration {
        if self.missing_index().is_some() { UNINDEXED_DEADLINE } else { DEADLINE }
    }

    /// The error of a statement; at the deadline it names the index that is missing.
    pub(super) fn too_expensive(&self, error: SqlError) -> Error {
        match (error, self.missing_index()) {
            (SqlError::Timeout, Some(column)) => {
                let text = format!(
                    "the query takes longer than {} s, because no index serves {column} here; filter by an indexed field first, or declare {column} with `index`",
                    UNINDEXED_DEADLINE.as_secs()
                );
                Error::new(Code::QueryTooExpensive, text).caused_by(SqlError::Timeout)
            }
            (error, _) => storage(error),
        }
    }
}
