//! Makes the tables, or extends them.

use std::sync::Arc;

use crate::table::Result;
use kageos_core::{
    Error, TableStep, TableStepKind, TableSteps, Timestamp,
    sql::{Db, SqlError, Tx, migrate, params},
};

use super::{
    ddl::{Dialect, MIGRATIONS},
    error::{Stop, storage},
};
use crate::{
    def::ColumnKind,
    table::{
        cell::{Cell, fold},
        layout::{FOLDED, Table},
        migration::{Recorded, Step, default},
    },
};

/// Texts folded by one statement's reading, when a field is searched that was not.
const FOLD_BLOCK: u32 = 1000;

/// Brings the database to the declarations, and notes what it does: also what comes before a step that fails.
pub(super) async fn prepare<'a>(
    db: &Db,
    tables: impl Iterator<Item = &'a Arc<Table>>,
    now: Timestamp,
    done: &mut TableSteps,
) -> Result<()> {
    migrate(db, "tables", MIGRATIONS, now.as_micros()).await.map_err(storage)?;
    let mut work = Vec::new();
    // All that is refused is refused before anything is changed.
    for table in tables {
        let recorded = recorded(db, table).await?;
        let steps = match &recorded {
            Some(recorded) => Some(recorded.steps(table, &filled(db, table, recorded).await?)?),
            None => None,
        };
        work.push((Arc::clone(table), recorded.zip(steps)));
    }
    for (table, known) in work {
        let (mut recorded, steps) = match known {
            Some(known) => known,
            None => {
                create(db, &table, now).await?;
                let path = table.def.path.clone();
                done.add(TableStep { table: path, step: TableStepKind::CreateTable, name: None });
                let recorded = Recorded::new(&table);
                let steps = recorded.steps(&table, &[])?;
                (recorded, steps)
            }
        };
        for step in steps {
            recorded.note(&table, &step);
            let told = step.told(&table);
            let change = Change { table: Arc::clone(&table), step, record: record(&recorded)?, now };
            db.write_with(change, |change, tx| Box::pin(change.run(tx)))
                .await
                .map_err(|stop: Stop| Error::from(stop))?;
            told.into_iter().for_each(|step| done.add(step));
        }
    }
    Ok(())
}

/// The fields that are needed now, have no default, and that no row lacks.
async fn filled(db: &Db, table: &Table, recorded: &Recorded) -> Result<Vec<usize>> {
    let mut filled = Vec::new();
    for at in recorded.unsure(table) {
        let column = Some(&table.columns[at].name).filter(|name| recorded.has(name));
        let lacking = db.fetch_all(Dialect::lacking(table, column.map(String::as_str)), &[]).await;
        if lacking.map_err(storage)?.is_empty() {
            filled.push(at);
        }
    }
    Ok(filled)
}

/// What the database says about a table.
async fn recorded(db: &Db, table: &Table) -> Result<Option<Recorded>> {
    let sql = "SELECT declaration FROM table_schema WHERE path = ?";
    let row = db.fetch_optional(sql, params![&table.def.path]).await.map_err(storage)?;
    let text = row.map(|row| row.text("declaration").map(str::to_owned)).transpose().map_err(storage)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(Error::internal)
}

fn record(recorded: &Recorded) -> Result<String> {
    serde_json::to_string(recorded).map_err(Error::internal)
}

async fn create(db: &Db, table: &Arc<Table>, now: Timestamp) -> Result<()> {
    let input = (Arc::clone(table), record(&Recorded::new(table))?, now);
    let done = db.write_with(input, |(table, record, now), tx| {
        Box::pin(async move {
            let dialect = Dialect::of(tx).await?;
            tx.execute(dialect.create_table(table), &[]).await?;
            if let Some(index) = dialect.create_bin_index(table) {
                tx.execute(index, &[]).await?;
            }
            let sql =
                "INSERT INTO table_schema (path, table_name, declaration, updated_at) VALUES (?, ?, ?, ?)";
            let values = params![&table.def.path, &table.name, record, now.as_micros()];
            tx.execute_expect(sql, values, 1).await
        })
    });
    done.await.map_err(|error: SqlError| storage(error))
}

/// One step and the record after it.
struct Change {
    table: Arc<Table>,
    step: Step,
    record: String,
    now: Timestamp,
}

impl Change {
    async fn run(&self, tx: &mut Tx) -> Result<(), Stop> {
        let dialect = Dialect::of(tx).await?;
        let table = &*self.table;
        match &self.step {
            Step::Note(_) | Step::Need(_) | Step::Leave(_) | Step::Reuse(_) => {}
            Step::AddColumn(at) => {
                let column = &table.columns[*at];
                tx.execute(dialect.add_column(table, &column.name, column.kind, false), &[]).await?;
            }
            Step::FillDefault { at, folded } => self.fill(tx, *at, *folded).await?,
            Step::AddFolded(at) => self.fold(tx, dialect, *at).await?,
            Step::DropFolded(at) => {
                let name = format!("{}{FOLDED}", table.columns[*at].name);
                tx.execute(dialect.drop_column(table, &name), &[]).await?;
            }
            Step::AddIndex(column) => {
                let kind = kind_of(table, column).unwrap_or(ColumnKind::Integer);
                for statement in dialect.create_index(table, column, kind) {
                    tx.execute(statement, &[]).await?;
                }
            }
            Step::DropIndex(column) => {
                tx.execute(dialect.drop_index(table, column), &[]).await?;
            }
        }
        let sql = "UPDATE table_schema SET declaration = ?, updated_at = ? WHERE path = ?";
        let values = params![&self.record, self.now.as_micros(), &table.def.path];
        Ok(tx.execute_expect(sql, values, 1).await?)
    }

    async fn fill(&self, tx: &mut Tx, at: usize, folded: bool) -> Result<(), Stop> {
        let column = &self.table.columns[at];
        let Some(value) = default(&self.table, at) else { return Ok(()) };
        let cell = Cell::encode(column.kind, value).map_err(|mistake| {
            Error::field(format!("/{}/default", column.name), mistake.code, mistake.message)
        })?;
        tx.execute(Dialect::fill(&self.table, &column.name), &[cell.param(column.kind)]).await?;
        if let Some(name) = column.folded.as_ref().filter(|_| folded) {
            tx.execute(Dialect::fill(&self.table, name), &[cell.folded().param(column.kind)]).await?;
        }
        Ok(())
    }

    async fn fold(&self, tx: &mut Tx, dialect: Dialect, at: usize) -> Result<(), Stop> {
        let column = &self.table.columns[at];
        let Some(folded) = &column.folded else { return Ok(()) };
        tx.execute(dialect.add_column(&self.table, folded, column.kind, false), &[]).await?;
        let (read, write) =
            (Dialect::read_texts(&self.table, &column.name), Dialect::write_text(&self.table, folded));
        let mut last = 0;
        loop {
            let rows = tx.fetch_all(read.clone(), params![last, FOLD_BLOCK]).await?;
            for row in &rows {
                last = row.int(0)?;
                tx.execute(write.clone(), params![fold(row.text(1)?), last]).await?;
            }
            if rows.len() < FOLD_BLOCK as usize {
                return Ok(());
            }
        }
    }
}

/// The kind of the field that a column belongs to.
fn kind_of(table: &Table, name: &str) -> Option<ColumnKind> {
    let column = table.columns.iter().find(|it| it.name == name || it.folded.as_deref() == Some(name))?;
    Some(column.kind)
}
