//! The statements that make and change tables. Names are codes, so they need no care but quotes.

use kageos_core::sql::{Engine, Migration, SqlError, Tx};

use crate::{
    def::ColumnKind,
    table::{
        cell::is_text,
        layout::{Table, index_name},
    },
};

/// The tables of the engine itself.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "receipts, history and the record of declarations", FIRST),
    Migration {
        mysql: Some("DROP INDEX receipt_applied ON receipt;"),
        ..Migration::new(2, "the key finds old receipts", "DROP INDEX receipt_applied;")
    },
];

const FIRST: &str = "CREATE TABLE receipt (
        call_id {id} NOT NULL PRIMARY KEY,
        request_hash {code} NOT NULL,
        output {long_text},
        changes {long_text},
        changes_hash {code} NOT NULL,
        applied_at {int} NOT NULL
    ) {table_options};
    CREATE INDEX receipt_applied ON receipt (applied_at);
    CREATE TABLE row_history (
        id {int} NOT NULL PRIMARY KEY,
        table_name {code} NOT NULL,
        row_id {int} NOT NULL,
        version {int} NOT NULL,
        op {code} NOT NULL,
        at {int} NOT NULL,
        call_id {id} NOT NULL,
        actor_kind {code} NOT NULL,
        actor_id {id},
        actor_name {text} NOT NULL,
        source {code} NOT NULL,
        trace {code} NOT NULL,
        old_values {long_text},
        new_values {long_text}
    ) {table_options};
    CREATE INDEX row_history_row ON row_history (table_name, row_id, id);
    CREATE INDEX row_history_call ON row_history (call_id);
    CREATE TABLE table_schema (
        path {text} NOT NULL PRIMARY KEY,
        table_name {code} NOT NULL,
        declaration {long_text} NOT NULL,
        updated_at {int} NOT NULL
    ) {table_options};";

/// How an engine spells a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    engine: Engine,
    /// After the type of a text column: how it is compared.
    collation: &'static str,
    options: &'static str,
}

impl Dialect {
    pub(super) async fn of(tx: &mut Tx) -> Result<Self, SqlError> {
        let engine = tx.engine();
        let (collation, options) = match engine {
            Engine::Sqlite => ("", " STRICT"),
            Engine::Postgres => (r#" COLLATE "C""#, ""),
            Engine::MySql => {
                let version = tx.fetch_one("SELECT VERSION() AS version", &[]).await?;
                if version.text("version")?.contains("MariaDB") {
                    (" CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", " ENGINE=InnoDB")
                } else {
                    (" CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", " ENGINE=InnoDB")
                }
            }
        };
        Ok(Self { engine, collation, options })
    }

    pub(super) fn create_table(self, table: &Table) -> String {
        let int = self.int();
        let mut lines = vec![
            format!(r#""id" {int} NOT NULL PRIMARY KEY"#),
            format!(r#""version" {int} NOT NULL"#),
            format!(r#""created_at" {int} NOT NULL"#),
            format!(r#""updated_at" {int} NOT NULL"#),
            format!(r#""deleted_at" {int}"#),
        ];
        let indexed = table.indexes();
        for column in &table.columns {
            lines.push(self.column(&column.name, column.kind, indexed.contains(&column.name)));
            lines.extend(column.folded.as_ref().map(|it| self.column(it, column.kind, indexed.contains(it))));
        }
        format!("CREATE TABLE IF NOT EXISTS \"{}\" ({}){}", table.name, lines.join(", "), self.options)
    }

    /// The index of the recycle bin, where an index can leave out the other rows.
    pub(super) fn create_bin_index(self, table: &Table) -> Option<String> {
        let name = index_name(&table.name, "deleted_at");
        (self.engine != Engine::MySql).then(|| {
            format!(r#"CREATE INDEX "{name}" ON "{}" ("id") WHERE "deleted_at" IS NOT NULL"#, table.name)
        })
    }

    pub(super) fn add_column(self, table: &Table, name: &str, kind: ColumnKind, indexed: bool) -> String {
        format!("ALTER TABLE \"{}\" ADD COLUMN {}", table.name, self.column(name, kind, indexed))
    }

    pub(super) fn drop_column(self, table: &Table, name: &str) -> String {
        format!(r#"ALTER TABLE "{}" DROP COLUMN "{name}""#, table.name)
    }

    /// The statements that make an index. MySQL's columns for text that is not indexed are of a type that
    /// cannot be, so that many of them fit a row.
    pub(super) fn create_index(self, table: &Table, column: &str, kind: ColumnKind) -> Vec<String> {
        let name = index_name(&table.name, column);
        let index = format!(r#"CREATE INDEX "{name}" ON "{}" ("{column}", "id")"#, table.name);
        if self.engine != Engine::MySql || kind != ColumnKind::Text {
            return vec![index];
        }
        let column = self.column(column, kind, true);
        vec![format!("ALTER TABLE \"{}\" MODIFY COLUMN {column}", table.name), index]
    }

    pub(super) fn drop_index(self, table: &Table, column: &str) -> String {
        let name = index_name(&table.name, column);
        match self.engine {
            Engine::MySql => format!(r#"DROP INDEX "{name}" ON "{}""#, table.name),
            _ => format!(r#"DROP INDEX "{name}""#),
        }
    }

    /// Sets a default where there is no value.
    pub(super) fn fill(table: &Table, column: &str) -> String {
        format!(r#"UPDATE "{}" SET "{column}" = ? WHERE "{column}" IS NULL"#, table.name)
    }

    /// A row without a value; without a column any row.
    pub(super) fn lacking(table: &Table, column: Option<&str>) -> String {
        let without = column.map(|column| format!(r#" WHERE "{column}" IS NULL"#)).unwrap_or_default();
        format!(r#"SELECT "id" FROM "{}"{without} LIMIT 1"#, table.name)
    }

    /// Reads a block of texts to fold.
    pub(super) fn read_texts(table: &Table, column: &str) -> String {
        format!(
            r#"SELECT "id", "{column}" FROM "{}" WHERE "id" > ? AND "{column}" IS NOT NULL ORDER BY "id" LIMIT ?"#,
            table.name
        )
    }

    /// Writes a folded text.
    pub(super) fn write_text(table: &Table, column: &str) -> String {
        format!(r#"UPDATE "{}" SET "{column}" = ? WHERE "id" = ?"#, table.name)
    }

    fn column(self, name: &str, kind: ColumnKind, indexed: bool) -> String {
        let ty = match (self.engine, kind) {
            (_, kind) if !is_text(kind) => return format!("\"{name}\" {}", self.int()),
            (Engine::MySql, ColumnKind::Date) => "VARCHAR(10)",
            (Engine::MySql, ColumnKind::Text) if indexed => "VARCHAR(512)",
            (Engine::MySql, ColumnKind::Text) => "TEXT",
            (Engine::MySql, _) => "LONGTEXT",
            _ => "TEXT",
        };
        format!("\"{name}\" {ty}{}", self.collation)
    }

    fn int(self) -> &'static str {
        if self.engine == Engine::Sqlite { "INTEGER" } else { "BIGINT" }
    }
}
