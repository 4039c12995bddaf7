//! Migrations: data of the crate that owns the tables, applied by one runner.

use sha2::{Digest, Sha256};

use super::{Db, Engine, Row, SqlError, Tx, params};

/// How long another process' migrations are waited for, in seconds.
const LOCK_WAIT_S: u32 = 120;
/// The advisory lock of PostgreSQL; any number nobody else uses ("kageos" in ASCII).
const LOCK_KEY: u64 = 0x6b61_6765_6f73;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    component {code} NOT NULL,
    version {int} NOT NULL,
    checksum {code} NOT NULL,
    applied_at {int} NOT NULL,
    PRIMARY KEY (component, version)
) {table_options}";

/// One step of a component's tables. Its text never changes once it is released.
///
/// Statements end with `;` at the end of a line. Tokens stand for what engines spell differently:
///
/// | token | what |
/// | --- | --- |
/// | `{id}` | a platform id: 26 characters, compared by bytes |
/// | `{code}` | a short word: up to 64 characters, compared by bytes, several fit one index |
/// | `{text}` | text up to 512 characters, compared by bytes, one fits an index |
/// | `{long_text}` | text of any length, not indexed |
/// | `{bytes}` | bytes of any length, not indexed |
/// | `{int}` | a 64-bit integer; `{int} PRIMARY KEY` is SQLite's row id |
/// | `{real}` | a floating-point number |
/// | `{table_options}` | after the closing bracket of every `CREATE TABLE` |
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Grows with each migration of the component.
    pub version: u32,
    /// What it does, for people.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
    /// The statements for SQLite, where they really differ.
    pub sqlite: Option<&'static str>,
    /// The statements for PostgreSQL, where they really differ.
    pub postgres: Option<&'static str>,
    /// The statements for MySQL and MariaDB, where they really differ. A change of tables commits at once
    /// there, so one that can fail half-way should hold a single statement.
    pub mysql: Option<&'static str>,
}

impl Migration {
    /// A migration with the same statements on every engine.
    #[must_use]
    pub const fn new(version: u32, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql, sqlite: None, postgres: None, mysql: None }
    }

    fn text(&self, engine: Engine) -> &'static str {
        let own = match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
            Engine::MySql => self.mysql,
        };
        own.unwrap_or(self.sql)
    }
}

/// Brings the tables of a component to the latest version; what was applied is left alone.
///
/// Several processes may call it at once: one applies, the others wait and find the work done.
///
/// # Errors
/// [`SqlError::MigrationChanged`], [`SqlError::MigrationUnknown`] and [`SqlError::MigrationInterrupted`] when
/// the database does not fit the list, else what the database answers.
pub async fn migrate(
    db: &Db,
    component: &'static str,
    migrations: &[Migration],
    now_micros: i64,
) -> Result<(), SqlError> {
    let work = Work { component, migrations: migrations.to_vec(), now_micros };
    if work.is_done(db).await {
        return Ok(());
    }
    db.write_with(work, |work, tx| Box::pin(work.run(tx))).await
}

struct Work {
    component: &'static str,
    migrations: Vec<Migration>,
    now_micros: i64,
}

impl Work {
    /// Whether nothing is to be written, so that a database which is read-only can be opened.
    async fn is_done(&self, db: &Db) -> bool {
        let rows = db.fetch_all(APPLIED, params![self.component]).await;
        let applied = rows.and_then(|rows| self.versions(db.engine(), &rows));
        applied.is_ok_and(|done| self.migrations.iter().all(|it| done.contains(&it.version)))
    }

    async fn run(&self, tx: &mut Tx) -> Result<(), SqlError> {
        lock(tx).await?;
        let applied = self.apply(tx).await;
        unlock(tx, applied.is_ok()).await?;
        applied
    }

    async fn apply(&self, tx: &mut Tx) -> Result<(), SqlError> {
        let dialect = Dialect::of(tx).await?;
        tx.script(&dialect.expand(TABLE)).await?;
        let done = self.applied(tx).await?;
        for migration in self.migrations.iter().filter(|it| !done.contains(&it.version)) {
            self.step(tx, &dialect, migration).await?;
        }
        Ok(())
    }

    /// The versions in the database, each checked against the list.
    async fn applied(&self, tx: &mut Tx) -> Result<Vec<u32>, SqlError> {
        let rows = tx.fetch_all(APPLIED, params![self.component]).await?;
        self.versions(tx.engine(), &rows)
    }

    fn versions(&self, engine: Engine, rows: &[Row]) -> Result<Vec<u32>, SqlError> {
        rows.iter().map(|row| self.check(engine, row.int("version")?, row.text("checksum")?)).collect()
    }

    fn check(&self, engine: Engine, version: i64, found: &str) -> Result<u32, SqlError> {
        let component = self.component.to_owned();
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        let Some(known) = self.migrations.iter().find(|it| it.version == version) else {
            return Err(SqlError::MigrationUnknown { component, version });
        };
        match found {
            "" => Err(SqlError::MigrationInterrupted { component, version }),
            found if found == checksum(known.text(engine)) => Ok(version),
            _ => Err(SqlError::MigrationChanged { component, version }),
        }
    }

    /// Applies one migration. Its checksum is written last, so that one MySQL left half-way is known.
    async fn step(&self, tx: &mut Tx, dialect: &Dialect, migration: &Migration) -> Result<(), SqlError> {
        let (component, version) = (self.component, i64::from(migration.version));
        let insert =
            "INSERT INTO schema_migration (component, version, checksum, applied_at) VALUES (?, ?, '', ?)";
        tx.execute(insert, params![component, version, self.now_micros]).await?;
        let text = migration.text(tx.engine());
        if tx.engine() == Engine::MySql {
            tx.script("COMMIT").await?;
        }
        for statement in statements(&dialect.expand(text)) {
            tx.script(statement).await?;
        }
        let seal = "UPDATE schema_migration SET checksum = ? WHERE component = ? AND version = ?";
        tx.execute_expect(seal, params![checksum(text), component, version], 1).await?;
        tracing::info!(component, version, name = migration.name, "migration applied");
        Ok(())
    }
}

/// SQLite's writer holds the file already; the servers lock by name until the transaction or session ends.
async fn lock(tx: &mut Tx) -> Result<(), SqlError> {
    match tx.engine() {
        Engine::Sqlite => Ok(()),
        Engine::Postgres => {
            let lock = format!(
                "SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'; SELECT pg_advisory_xact_lock({LOCK_KEY})"
            );
            tx.script(&lock).await
        }
        Engine::MySql => {
            let lock = "SELECT GET_LOCK(CONCAT('kageos:', MD5(DATABASE())), ?) AS held";
            let row = tx.fetch_one(lock, params![LOCK_WAIT_S]).await?;
            if row.opt_int("held")? == Some(1) { Ok(()) } else { Err(SqlError::Timeout) }
        }
    }
}

/// MySQL's lock belongs to the session, so it is given back even after a failure, and after the commit.
async fn unlock(tx: &mut Tx, keep: bool) -> Result<(), SqlError> {
    if tx.engine() != Engine::MySql {
        return Ok(());
    }
    tx.revive();
    tx.script(if keep { "COMMIT" } else { "ROLLBACK" }).await?;
    tx.script("DO RELEASE_LOCK(CONCAT('kageos:', MD5(DATABASE())))").await
}

/// What was applied.
const APPLIED: &str = "SELECT version, checksum FROM schema_migration WHERE component = ? ORDER BY version";

/// The tokens, in the order in which a dialect spells them.
const TOKENS: [&str; 8] =
    ["{id}", "{code}", "{text}", "{long_text}", "{bytes}", "{int}", "{real}", "{table_options}"];

/// What the tokens mean on one engine.
struct Dialect([String; 8]);

impl Dialect {
    async fn of(tx: &mut Tx) -> Result<Self, SqlError> {
        const C: &str = r#"TEXT COLLATE "C""#;
        Ok(match tx.engine() {
            Engine::Sqlite => {
                Self::new(["TEXT", "TEXT", "TEXT", "TEXT", "BLOB", "INTEGER", "REAL", "STRICT"])
            }
            Engine::Postgres => Self::new([C, C, C, C, "BYTEA", "BIGINT", "DOUBLE PRECISION", ""]),
            Engine::MySql => {
                let version = tx.fetch_one("SELECT VERSION() AS version", &[]).await?;
                let mariadb = version.text("version")?.contains("MariaDB");
                Self::mysql(if mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" })
            }
        })
    }

    fn new(meanings: [&str; 8]) -> Self {
        Self(meanings.map(str::to_owned))
    }

    /// The collation compares by bytes and does not pad with blanks.
    fn mysql(collation: &str) -> Self {
        let text = |kind: &str| format!("{kind} CHARACTER SET utf8mb4 COLLATE {collation}");
        Self([
            text("VARCHAR(26)"),
            text("VARCHAR(64)"),
            text("VARCHAR(512)"),
            text("LONGTEXT"),
            "LONGBLOB".to_owned(),
            "BIGINT".to_owned(),
            "DOUBLE".to_owned(),
            text("ENGINE=InnoDB DEFAULT"),
        ])
    }

    fn expand(&self, sql: &str) -> String {
        TOKENS.iter().zip(&self.0).fold(sql.to_owned(), |sql, (token, meaning)| sql.replace(token, meaning))
    }
}

/// The statements of a text, which end with `;` at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    let pieces = sql.split_inclusive('\n').scan(0, |end, line| {
        *end += line.len();
        Some((*end, line.trim_end().ends_with(';')))
    });
    let ends: Vec<usize> = pieces.filter(|(_, ends)| *ends).map(|(end, _)| end).chain([sql.len()]).collect();
    let starts = [0].into_iter().chain(ends.clone());
    let whole = starts.zip(ends).filter_map(|(start, end)| sql.get(start..end));
    whole.map(|it| it.trim().trim_end_matches(';')).filter(|it| has_statement(it))
}

/// Whether anything but comments and blank lines is there.
fn has_statement(sql: &str) -> bool {
    sql.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"))
}

fn checksum(sql: &str) -> String {
    crate::hex(&Sha256::digest(sql))
}
