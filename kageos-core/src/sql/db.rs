//! An open database.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use super::server::Server;
use super::sqlite::Sqlite;
use super::unit::{UnitFuture, run_now};
use super::value::owned;
use super::{Copier, DbOptions, Engine, Row, SqlError, Tx, Value};

/// An open database: a handle that is cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    backend: Arc<Backend>,
    counters: Arc<Counters>,
    #[cfg(feature = "testing")]
    pub(super) faults: Arc<super::fault::Faults>,
}

#[derive(Debug)]
enum Backend {
    Sqlite(Sqlite),
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    Server(Server),
}

/// What the database has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Units that were kept.
    pub units: u64,
    /// Transactions that kept them: fewer than units where the writer groups.
    pub commits: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    units: AtomicU64,
    commits: AtomicU64,
}

impl Counters {
    pub(crate) fn committed(&self, units: usize) {
        self.units.fetch_add(units as u64, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
    }
}

impl Db {
    /// Opens a database; a SQLite file is made if there is none.
    ///
    /// # Errors
    /// [`SqlError::Url`] for an address that is not understood, else what the database answers.
    pub async fn open(options: &DbOptions) -> Result<Self, SqlError> {
        let counters = Arc::<Counters>::default();
        let backend = match options.engine()? {
            Engine::Sqlite => Backend::Sqlite(Sqlite::open(options, Arc::clone(&counters)).await?),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            engine => Backend::Server(Server::open(engine, options).await?),
            #[cfg(not(any(feature = "postgres", feature = "mysql")))]
            _ => return Err(SqlError::url("only sqlite: is built in")),
        };
        Ok(Self {
            backend: Arc::new(backend),
            counters,
            #[cfg(feature = "testing")]
            faults: Arc::default(),
        })
    }

    /// The kind of database.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &*self.backend {
            Backend::Sqlite(_) => Engine::Sqlite,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Backend::Server(it) => it.engine(),
        }
    }

    /// How large the database is on its disk, in bytes, about.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn size(&self) -> Result<u64, SqlError> {
        let row = self.fetch_one(self.engine().size(), &[]).await?;
        Ok(u64::try_from(row.int("bytes")?).unwrap_or_default())
    }

    /// Counters since the database was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            units: self.counters.units.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
        }
    }

    /// What copies this database while others write it; `None` for a database server, which has tools of its own.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn copier(&self) -> Result<Option<Copier>, SqlError> {
        match &*self.backend {
            Backend::Sqlite(it) => it.copier().await.map(Some),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Backend::Server(_) => Ok(None),
        }
    }

    /// Finishes what is queued and closes the database for all handles.
    pub async fn close(&self) {
        match &*self.backend {
            Backend::Sqlite(it) => it.close().await,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Backend::Server(it) => it.close().await,
        }
    }

    /// Every row of a query.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn fetch_all(
        &self,
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
        &self,
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
        &self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<Row, SqlError> {
        self.fetch_optional(sql, params).await?.ok_or(SqlError::NotFound)
    }

    /// Runs one statement as a unit of its own and answers how many rows it touched.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn execute(
        &self,
        sql: impl Into<Cow<'static, str>>,
        params: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        let statement = (sql.into(), owned(params));
        self.write_with(statement, |(sql, params), tx| Box::pin(tx.execute(sql.clone(), params))).await
    }

    /// Runs a unit: all it does is kept when it answers `Ok`, nothing when it answers `Err`.
    ///
    /// It may run more than once, and may await nothing but its transaction.
    ///
    /// # Errors
    /// What the unit answers, or the database.
    pub async fn write<F, T, E>(&self, unit: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> UnitFuture<'t, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        self.write_with(unit, |unit, tx| unit(tx)).await
    }

    /// As [`Db::write`], with an input that the unit borrows, so that nothing is cloned for a second run.
    ///
    /// # Errors
    /// What the unit answers, or the database.
    pub async fn write_with<D, F, T, E>(&self, input: D, unit: F) -> Result<T, E>
    where
        D: Send + Sync + 'static,
        F: for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        #[cfg(feature = "testing")]
        self.faults.before()?;
        let outcome = match &*self.backend {
            Backend::Sqlite(it) => it.writer.write(input, unit).await,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Backend::Server(it) => {
                let outcome = it.write(&input, &unit).await;
                if outcome.is_ok() {
                    self.counters.committed(1);
                }
                outcome
            }
        };
        #[cfg(feature = "testing")]
        if outcome.is_ok() {
            self.faults.after()?;
        }
        outcome
    }

    /// Runs a unit that only reads, on one unchanging state of the database.
    ///
    /// # Errors
    /// What the unit answers, or the database; [`SqlError::ReadOnly`] when it writes.
    pub async fn read<F, T, E>(&self, unit: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> UnitFuture<'t, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        self.read_unit(None, unit).await
    }

    /// As [`Db::read`], and stops a statement that takes longer than `deadline`.
    ///
    /// # Errors
    /// As [`Db::read`]; [`SqlError::Timeout`] at the deadline.
    pub async fn read_within<F, T, E>(&self, deadline: Duration, unit: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> UnitFuture<'t, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        self.read_unit(Some(deadline), unit).await
    }

    async fn read_unit<F, T, E>(&self, deadline: Option<Duration>, unit: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> UnitFuture<'t, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        match &*self.backend {
            Backend::Sqlite(it) => it.readers.run_within(deadline, move |tx| snapshot(tx, &unit)).await?,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Backend::Server(it) => it.read(deadline, &unit).await,
        }
    }

    async fn fetch(
        &self,
        sql: Cow<'static, str>,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, SqlError> {
        match &*self.backend {
            Backend::Sqlite(it) => {
                let params = owned(params);
                let read = move |tx: &mut Tx| tx.sqlite().ok_or(SqlError::Closed)?.fetch(sql, &params, limit);
                it.readers.run(read).await?
            }
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Backend::Server(it) => it.fetch(sql, params, limit).await,
        }
    }
}

/// Runs a unit inside a read transaction of a SQLite reader.
fn snapshot<F, T, E>(tx: &mut Tx, unit: &F) -> Result<T, E>
where
    F: for<'t> Fn(&'t mut Tx) -> UnitFuture<'t, T, E>,
    E: From<SqlError>,
{
    tx.sqlite().ok_or(SqlError::Closed)?.begin("BEGIN")?;
    let outcome = run_now(unit, &|unit: &F, tx: &mut Tx| unit(tx), tx);
    if let Some(connection) = tx.sqlite() {
        connection.rollback();
    }
    outcome
}
