//! One connection to a SQLite file, and its dialect made like the others'.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, InterruptHandle, OpenFlags, Statement};

use super::error::map;
use crate::sql::{DbOptions, Row, SqlError, Synchronous, Value};

/// Statements kept prepared by each connection: more than any part of Kageos uses.
const STATEMENTS: usize = 256;
/// After a checkpoint the write-ahead log is cut back to this, so that one large import does not keep its space.
const JOURNAL_LIMIT_BYTES: u32 = 64 << 20;
/// The log is written back to the file at this many pages (16 MB): rarer than the default 1000, because the
/// writer waits for it.
const CHECKPOINT_PAGES: u32 = 4000;
/// Page cache of one connection, in KiB. No memory map: a failing disk would be a signal there, not an error.
const CACHE_KIB: u32 = 8 << 10;

/// A connection whose every statement completes at once.
pub(crate) struct SqliteConnection {
    connection: Connection,
    in_transaction: bool,
    /// A statement that is not a query has succeeded. One that failed has undone itself.
    written: Cell<bool>,
}

impl std::fmt::Debug for SqliteConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteConnection").finish_non_exhaustive()
    }
}

impl SqliteConnection {
    /// Opens the one connection that writes, and makes the file if there is none.
    pub(crate) fn writer(file: &Path, options: &DbOptions) -> Result<Self, SqlError> {
        let this = Self::open(file, options, OpenFlags::SQLITE_OPEN_CREATE)?;
        let synchronous = match options.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        this.script(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = {synchronous};
             PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES};
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
        ))?;
        Ok(this)
    }

    /// Opens a connection that only reads.
    pub(crate) fn reader(file: &Path, options: &DbOptions) -> Result<Self, SqlError> {
        let this = Self::open(file, options, OpenFlags::empty())?;
        this.script("PRAGMA query_only = ON;")?;
        Ok(this)
    }

    fn open(file: &Path, options: &DbOptions, more: OpenFlags) -> Result<Self, SqlError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let connection = Connection::open_with_flags(file, flags).map_err(map)?;
        connection.busy_timeout(options.wait).map_err(map)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        ] {
            connection.set_db_config(setting, on).map_err(map)?;
        }
        let this = Self { connection, in_transaction: false, written: Cell::new(false) };
        this.script(&format!(
            "PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -{CACHE_KIB};
             PRAGMA case_sensitive_like = ON;"
        ))?;
        Ok(this)
    }

    /// Starts a transaction: `BEGIN IMMEDIATE` to write, `BEGIN` to read.
    pub(crate) fn begin(&mut self, statement: &str) -> Result<(), SqlError> {
        self.control(statement)?;
        self.in_transaction = true;
        Ok(())
    }

    /// Ends the transaction with everything in it.
    pub(crate) fn commit(&mut self) -> Result<(), SqlError> {
        let committed = if self.aborted() { Err(SqlError::Aborted) } else { self.control("COMMIT") };
        if committed.is_err() {
            self.rollback();
        }
        self.in_transaction = false;
        committed
    }

    /// Ends the transaction with nothing in it.
    pub(crate) fn rollback(&mut self) {
        self.in_transaction = false;
        if !self.connection.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    /// Whether SQLite ended the transaction by itself, as it does when the disk fails.
    pub(crate) fn aborted(&self) -> bool {
        self.in_transaction && self.connection.is_autocommit()
    }

    /// Starts to watch for writes.
    pub(crate) fn forget_writes(&self) {
        self.written.set(false);
    }

    /// Whether there is anything to undo since [`Self::forget_writes`].
    pub(crate) fn has_written(&self) -> bool {
        self.written.get()
    }

    /// A statement of transaction control: no parameters, no rows.
    pub(crate) fn control(&self, statement: &str) -> Result<(), SqlError> {
        let mut statement = self.connection.prepare_cached(statement).map_err(map)?;
        statement.raw_execute().map(drop).map_err(map)
    }

    /// Statements without parameters, one after the other.
    pub(crate) fn script(&self, sql: &str) -> Result<(), SqlError> {
        self.guard()?;
        self.written.set(true);
        self.connection.execute_batch(sql).map_err(map)
    }

    pub(crate) fn execute(&self, sql: Cow<'static, str>, params: &[Value<'_>]) -> Result<u64, SqlError> {
        self.guard()?;
        let mut statement = self.connection.prepare_cached(&sql).map_err(map)?;
        bind(&mut statement, params)?;
        let count = statement.raw_execute().map_err(map)?;
        self.written.set(true);
        Ok(count as u64)
    }

    /// Runs one prepared statement for each list of parameters.
    pub(crate) fn execute_many(
        &self,
        sql: Cow<'static, str>,
        rows: &[Vec<Value<'_>>],
    ) -> Result<u64, SqlError> {
        let mut statement = self.connection.prepare_cached(&sql).map_err(map)?;
        let mut count = 0;
        for params in rows {
            self.guard()?;
            bind(&mut statement, params)?;
            count += statement.raw_execute().map_err(map)? as u64;
            self.written.set(true);
        }
        Ok(count)
    }

    /// At most `limit` rows.
    pub(crate) fn fetch(
        &self,
        sql: Cow<'static, str>,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, SqlError> {
        self.guard()?;
        let mut statement = self.connection.prepare_cached(&sql).map_err(map)?;
        bind(&mut statement, params)?;
        let columns: Arc<[Box<str>]> = statement.column_names().map(Box::from).collect();
        if !statement.readonly() {
            self.written.set(true);
        }
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while out.len() < limit
            && let Some(row) = rows.next().map_err(map)?
        {
            let values: Result<_, _> =
                (0..columns.len()).map(|at| decode(row.get_ref(at).map_err(map)?)).collect();
            out.push(Row::new(Arc::clone(&columns), values?));
        }
        Ok(out)
    }

    /// SQLite's own connection.
    pub(super) fn raw(&self) -> &Connection {
        &self.connection
    }

    /// Stops what this connection is doing, from another thread.
    pub(crate) fn interrupt_handle(&self) -> InterruptHandle {
        self.connection.get_interrupt_handle()
    }

    /// Without this a statement after an automatic rollback would commit by itself.
    fn guard(&self) -> Result<(), SqlError> {
        if self.aborted() { Err(SqlError::Aborted) } else { Ok(()) }
    }
}

fn bind(statement: &mut Statement<'_>, params: &[Value<'_>]) -> Result<(), SqlError> {
    let expected = statement.parameter_count();
    if expected != params.len() {
        return Err(map(rusqlite::Error::InvalidParameterCount(params.len(), expected)));
    }
    for (at, value) in params.iter().enumerate() {
        let value = match value {
            Value::Int(Some(it)) => ValueRef::Integer(*it),
            Value::Real(Some(it)) => ValueRef::Real(*it),
            Value::Text(Some(it)) if it.as_bytes().contains(&0) => return Err(SqlError::NulInText),
            Value::Text(Some(it)) => ValueRef::Text(it.as_bytes()),
            Value::Bytes(Some(it)) => ValueRef::Blob(it),
            _ => ValueRef::Null,
        };
        statement.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(value)).map_err(map)?;
    }
    Ok(())
}

fn decode(value: ValueRef<'_>) -> Result<Value<'static>, SqlError> {
    Ok(match value {
        ValueRef::Null => Value::Int(None),
        ValueRef::Integer(it) => Value::Int(Some(it)),
        ValueRef::Real(it) => Value::Real(Some(it)),
        ValueRef::Text(it) => {
            let text =
                std::str::from_utf8(it).map_err(|error| SqlError::Corrupt { source: Arc::new(error) })?;
            Value::Text(Some(Cow::Owned(text.to_owned())))
        }
        ValueRef::Blob(it) => Value::Bytes(Some(Cow::Owned(it.to_vec()))),
    })
}
