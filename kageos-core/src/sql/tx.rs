//! A transaction under way, as a unit sees it.

use std::borrow::Cow;

use super::sqlite::SqliteConnection;
use super::unit::UnitFuture;
use super::{Engine, Row, SqlError, Value};

#[cfg(any(feature = "postgres", feature = "mysql"))]
use super::server::ServerTx;

/// A transaction. What a unit does through it is kept as a whole or not at all.
///
/// A statement that fails dooms the unit on every engine, because PostgreSQL cannot go on: later statements
/// answer [`SqlError::Aborted`] and nothing is kept. [`Tx::try_execute`] and [`Tx::savepoint`] are the ways
/// to try something that may fail.
#[derive(Debug)]
pub struct Tx {
    link: Link,
    state: State,
    /// Nested savepoints that are open.
    depth: u32,
    /// A deadlock was met: the whole unit may succeed when run again.
    deadlock: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Statements run.
    Open,
    /// A statement failed; the innermost savepoint may save the rest.
    Doomed,
    /// The database ended the transaction.
    Lost,
}

#[derive(Debug)]
enum Link {
    Sqlite(SqliteConnection),
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    Server(ServerTx),
}

/// Runs one expression on whichever link there is; a SQLite statement is done when the call returns.
macro_rules! link {
    ($tx:expr, $method:ident ($($argument:expr),*)) => {
        match &mut $tx.link {
            Link::Sqlite(it) => it.$method($($argument),*),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Link::Server(it) => it.$method($($argument),*).await,
        }
    };
}

impl Tx {
    pub(crate) fn sqlite_connection(connection: SqliteConnection) -> Self {
        Self::over(Link::Sqlite(connection))
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn server(tx: ServerTx) -> Self {
        Self::over(Link::Server(tx))
    }

    fn over(link: Link) -> Self {
        Self { link, state: State::Open, depth: 0, deadlock: false }
    }

    /// The kind of database, for the rare statement that differs.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.link {
            Link::Sqlite(_) => Engine::Sqlite,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Link::Server(it) => it.engine(),
        }
    }

    /// Every row of a query.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn fetch_all(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        self.fetch(sql.into(), params, usize::MAX).await
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn fetch_optional(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<Option<Row>, SqlError> {
        Ok(self.fetch(sql.into(), params, 1).await?.pop())
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// [`SqlError::NotFound`] when there is none.
    pub async fn fetch_one(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<Row, SqlError> {
        self.fetch_optional(sql, params).await?.ok_or(SqlError::NotFound)
    }

    /// Runs a statement and answers how many rows it touched (on every engine the rows its condition
    /// matched, changed or not).
    ///
    /// # Errors
    /// What the database answers.
    pub async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        self.check()?;
        let done = link!(self, execute(sql.into(), params));
        self.note(done)
    }

    /// Runs a statement that must touch exactly `expected` rows.
    ///
    /// # Errors
    /// [`SqlError::RowsAffected`] when it touched another number.
    pub async fn execute_expect(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
        expected: u64,
    ) -> Result<(), SqlError> {
        match self.execute(sql, params).await? {
            actual if actual == expected => Ok(()),
            actual => Err(SqlError::RowsAffected { expected, actual }),
        }
    }

    /// Runs a statement once for each list of parameters and answers how many rows were touched in all.
    /// `INSERT … VALUES (?, …)` goes to a server in multi-row statements.
    ///
    /// # Errors
    /// What the database answers; rows before the failing one are not kept.
    pub async fn execute_many(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        rows: &[Vec<Value<'_>>],
    ) -> Result<u64, SqlError> {
        self.check()?;
        let done = link!(self, execute_many(sql.into(), rows));
        self.note(done)
    }

    /// Runs a statement that may fail (insert, and map the unique violation) without dooming the unit.
    ///
    /// # Errors
    /// What the database answers; the unit can go on unless the whole transaction is lost.
    pub async fn try_execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        if self.engine() != Engine::Postgres {
            let done = self.execute(sql, params).await;
            self.revive();
            return done;
        }
        let name = self.enter().await?;
        let done = self.execute(sql, params).await;
        self.leave(&name, done.is_ok()).await?;
        done
    }

    /// Runs a part of a unit that may fail on its own: an error undoes the part, and the unit can go on.
    ///
    /// # Errors
    /// What the part answers, or the database.
    pub async fn savepoint<T, E: From<SqlError>>(
        &mut self,
        part: impl for<'t> FnOnce(&'t mut Self) -> UnitFuture<'t, T, E>,
    ) -> Result<T, E> {
        let name = self.enter().await?;
        let done = part(self).await;
        let keep = done.is_ok() && self.state == State::Open;
        self.leave(&name, keep).await?;
        if !keep && done.is_ok() { Err(SqlError::Aborted.into()) } else { done }
    }

    /// Statements without parameters, for migrations.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), SqlError> {
        self.check()?;
        let done = link!(self, script(sql));
        self.note(done)
    }

    async fn fetch(
        &mut self,
        sql: Cow<'static, str>,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, SqlError> {
        self.check()?;
        let done = link!(self, fetch(sql, params, limit));
        self.note(done)
    }

    /// Opens a nested savepoint and answers its name.
    async fn enter(&mut self) -> Result<String, SqlError> {
        let name = format!("part_{}", self.depth);
        self.script(&format!("SAVEPOINT {name}")).await?;
        self.depth += 1;
        Ok(name)
    }

    /// Closes a nested savepoint, with what was done in it or without.
    async fn leave(&mut self, name: &str, keep: bool) -> Result<(), SqlError> {
        self.depth -= 1;
        if self.state == State::Lost {
            return Ok(());
        }
        self.revive();
        if !keep {
            self.script(&format!("ROLLBACK TO SAVEPOINT {name}")).await?;
        }
        self.script(&format!("RELEASE SAVEPOINT {name}")).await
    }

    fn check(&self) -> Result<(), SqlError> {
        if self.state == State::Open { Ok(()) } else { Err(SqlError::Aborted) }
    }

    /// Forgets a failed statement that the database did not make the whole transaction pay for.
    pub(crate) fn revive(&mut self) {
        if self.state == State::Doomed {
            self.state = State::Open;
        }
    }

    /// Remembers what a failed statement did to the transaction.
    fn note<T>(&mut self, done: Result<T, SqlError>) -> Result<T, SqlError> {
        if let Err(error) = &done {
            self.deadlock |= matches!(error, SqlError::Deadlock { .. });
            let lost = matches!(
                error,
                SqlError::Deadlock { .. } | SqlError::ConnectionLost { .. } | SqlError::Aborted
            );
            self.state = if lost || self.sqlite_aborted() { State::Lost } else { State::Doomed };
        }
        done
    }

    fn sqlite_aborted(&self) -> bool {
        match &self.link {
            Link::Sqlite(it) => it.aborted(),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Link::Server(_) => false,
        }
    }

    /// Whether a statement failed, so that nothing may be kept.
    pub(crate) fn doomed(&self) -> bool {
        self.state != State::Open
    }

    /// Made ready for another unit on the same connection.
    pub(crate) fn reset(&mut self) {
        self.state = State::Open;
        self.depth = 0;
    }

    pub(crate) fn sqlite(&mut self) -> Option<&mut SqliteConnection> {
        match &mut self.link {
            Link::Sqlite(it) => Some(it),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Link::Server(_) => None,
        }
    }

    /// Whether a deadlock was met, and the transaction to end.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn into_server(self) -> (bool, Option<ServerTx>) {
        match self.link {
            Link::Sqlite(_) => (self.deadlock, None),
            Link::Server(it) => (self.deadlock, Some(it)),
        }
    }
}
