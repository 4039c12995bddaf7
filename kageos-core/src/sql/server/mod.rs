//! PostgreSQL and MySQL/MariaDB through sqlx pools: the server groups commits, the seam repeats deadlocks.

mod error;
mod forward;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod tx;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) use forward::through_socket;
use tx::Link;
pub(crate) use tx::ServerTx;

use super::unit::{UnitFuture, run};
use super::{DbOptions, Engine, Row, SqlError, Tx, Value};

/// Statements kept prepared by each connection: more than any part of Kageos uses.
const STATEMENTS: usize = 256;
/// A transaction that says nothing for so long is ended by the server, where it can: units never wait for anything
/// outside, so its process was stopped, and must not keep others from the rows that it locked.
const IDLE: Duration = Duration::from_secs(15);
/// How often a unit that met a deadlock is run in all. The waits between add up to about a second.
const ATTEMPTS: u32 = 9;
/// The wait before the second run; it doubles for each further one, and half of it is spread.
const BACKOFF: Duration = Duration::from_millis(4);

/// A pool of connections to a database server.
#[derive(Debug)]
pub(crate) struct Server {
    pool: Pool,
    /// Counts repeated runs, so that the waits of units that met each other differ.
    repeats: AtomicU64,
}

#[derive(Debug, Clone)]
enum Pool {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
}

/// Runs one expression on whichever pool or transaction there is; `$driver` names its module.
macro_rules! each {
    ($kind:ident, $on:expr, |$driver:ident, $it:ident| $body:expr) => {
        match $on {
            #[cfg(feature = "postgres")]
            $kind::Postgres($it) => {
                use $crate::sql::server::postgres as $driver;
                $body
            }
            #[cfg(feature = "mysql")]
            $kind::MySql($it) => {
                use $crate::sql::server::mysql as $driver;
                $body
            }
        }
    };
}
use each;

impl Server {
    pub(crate) async fn open(engine: Engine, options: &DbOptions) -> Result<Self, SqlError> {
        let pool = match engine {
            #[cfg(feature = "postgres")]
            Engine::Postgres => Pool::Postgres(postgres::open(options).await?),
            #[cfg(feature = "mysql")]
            Engine::MySql => Pool::MySql(mysql::open(options).await?),
            _ => return Err(SqlError::url("this engine is not built in")),
        };
        Ok(Self { pool, repeats: AtomicU64::default() })
    }

    pub(crate) fn engine(&self) -> Engine {
        match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "mysql")]
            Pool::MySql(_) => Engine::MySql,
        }
    }

    pub(crate) async fn close(&self) {
        match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => pool.close().await,
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => pool.close().await,
        }
    }

    /// At most `limit` rows of a query outside any transaction.
    pub(crate) async fn fetch(
        &self,
        sql: Cow<'static, str>,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, SqlError> {
        each!(Pool, &self.pool, |driver, pool| {
            let query = driver::query(sql, params)?;
            rows::fetch(query, pool, limit, driver::decode, driver::map).await
        })
    }

    /// Runs a unit in a transaction, again while it meets deadlocks.
    pub(crate) async fn write<D, T, E: From<SqlError>>(
        &self,
        input: &D,
        unit: &impl for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E>,
    ) -> Result<T, E> {
        for attempt in 1.. {
            let mut tx = Tx::server(self.begin().await?);
            let outcome = run(input, unit, &mut tx).await;
            let (mut deadlock, Some(tx)) = tx.into_server() else { break };
            let outcome = match outcome {
                Ok(output) => tx.commit().await.map(|()| output).map_err(|error| {
                    deadlock |= matches!(error, SqlError::Deadlock { .. });
                    error.into()
                }),
                Err(error) => {
                    tx.rollback().await;
                    Err(error)
                }
            };
            if outcome.is_ok() || !deadlock || attempt == ATTEMPTS {
                return outcome;
            }
            tokio::time::sleep(self.backoff(attempt)).await;
        }
        Err(SqlError::Closed.into())
    }

    /// Runs a unit on one state of the database.
    pub(crate) async fn read<T, E: From<SqlError>>(
        &self,
        deadline: Option<Duration>,
        unit: &impl for<'t> Fn(&'t mut Tx) -> UnitFuture<'t, T, E>,
    ) -> Result<T, E> {
        let mut tx = Tx::server(self.begin_read(deadline).await?);
        let outcome = run(unit, &|unit: &_, tx| call(unit, tx), &mut tx).await;
        if let (_, Some(tx)) = tx.into_server() {
            tx.rollback().await;
        }
        outcome
    }

    async fn begin(&self) -> Result<ServerTx, SqlError> {
        let link = match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Link::Postgres(pool.begin().await.map_err(postgres::map)?),
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => Link::MySql(pool.begin().await.map_err(mysql::map)?),
        };
        Ok(ServerTx::new(link, None))
    }

    async fn begin_read(&self, deadline: Option<Duration>) -> Result<ServerTx, SqlError> {
        let link = match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Link::Postgres(postgres::begin_read(pool, deadline).await?),
            #[cfg(feature = "mysql")]
            Pool::MySql(pool) => Link::MySql(mysql::begin_read(pool).await?),
        };
        Ok(ServerTx::new(link, deadline))
    }

    /// Doubles with each attempt; the second half is spread by a Weyl sequence over all repeats.
    fn backoff(&self, attempt: u32) -> Duration {
        let spread = self.repeats.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let half = BACKOFF * 2_u32.pow(attempt - 1) / 2;
        half + half * (spread as u32) / 256
    }
}

fn call<'t, T, E>(
    unit: &impl Fn(&'t mut Tx) -> UnitFuture<'t, T, E>,
    tx: &'t mut Tx,
) -> UnitFuture<'t, T, E> {
    unit(tx)
}
