//! Fresh databases for tests: one for each engine this machine offers.

use std::env;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, process, thread};

use super::{Db, DbOptions, Engine, SqlError};

/// Where PostgreSQL is, for an account that may create databases.
pub const POSTGRES_URL: &str = "KAGEOS_TEST_POSTGRES_URL";
/// Where MySQL or MariaDB is, for an account that may create databases.
pub const MYSQL_URL: &str = "KAGEOS_TEST_MYSQL_URL";

/// Numbers the databases of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A fresh, empty database that goes when it is dropped. Reads as a [`Db`].
#[derive(Debug)]
pub struct TestDb {
    db: Db,
    options: DbOptions,
    home: Home,
}

#[derive(Debug)]
enum Home {
    Folder(PathBuf),
    Server { admin: DbOptions, name: String },
}

/// SQLite, and PostgreSQL and MySQL where they are built in and their URL is in the environment.
///
/// # Errors
/// What the databases answer.
#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand the addresses in")]
pub async fn engines() -> Result<Vec<TestDb>, SqlError> {
    let mut all = vec![sqlite().await?];
    for (built, name) in [(cfg!(feature = "postgres"), POSTGRES_URL), (cfg!(feature = "mysql"), MYSQL_URL)] {
        if let (true, Ok(url)) = (built, env::var(name)) {
            all.push(server(&url).await?);
        }
    }
    Ok(all)
}

/// A SQLite file in a folder of its own.
///
/// # Errors
/// What the system or the database answers.
pub async fn sqlite() -> Result<TestDb, SqlError> {
    let folder = env::temp_dir().join(name());
    let made = fs::remove_dir_all(&folder).or(Ok(())).and_then(|()| fs::create_dir_all(&folder));
    made.map_err(|error| SqlError::Io { source: std::sync::Arc::new(error) })?;
    let options = DbOptions::new(format!("sqlite:{}", folder.join("test.db").display()));
    Ok(TestDb { db: Db::open(&options).await?, options, home: Home::Folder(folder) })
}

/// A database of its own on the server at this URL, whose last segment is the database to start from.
async fn server(url: &str) -> Result<TestDb, SqlError> {
    let name = name();
    let (base, _) = url.rsplit_once('/').ok_or_else(|| SqlError::url("it names no database"))?;
    let admin = DbOptions::new(url).max_connections(1);
    drop_database(&admin, &name).await?;
    let db = Db::open(&admin).await?;
    db.fetch_all(format!("CREATE DATABASE {name}"), &[]).await?;
    db.close().await;
    let options = DbOptions::new(format!("{base}/{name}"));
    Ok(TestDb { db: Db::open(&options).await?, options, home: Home::Server { admin, name } })
}

/// Drops a database and whoever is still connected to it: their runtime may stand still and never let go of it.
async fn drop_database(admin: &DbOptions, name: &str) -> Result<(), SqlError> {
    let db = Db::open(admin).await?;
    let force = if admin.engine()? == Engine::Postgres { " WITH (FORCE)" } else { "" };
    if admin.engine()? == Engine::MySql {
        let sql = format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'");
        for row in db.fetch_all(sql, &[]).await? {
            // It may have gone by itself.
            let _ = db.fetch_all(format!("KILL {}", row.int("id")?), &[]).await;
        }
    }
    db.fetch_all(format!("DROP DATABASE IF EXISTS {name}{force}"), &[]).await?;
    db.close().await;
    Ok(())
}

fn name() -> String {
    format!("kageos_test_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl TestDb {
    /// How the database was opened, to open it once more.
    #[must_use]
    pub fn options(&self) -> &DbOptions {
        &self.options
    }

    /// Where it is, for another process.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.options.url
    }

    /// A handle that other code can keep.
    #[must_use]
    pub fn db(&self) -> Db {
        self.db.clone()
    }
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        match &self.home {
            Home::Folder(folder) => {
                let _ = fs::remove_dir_all(folder);
            }
            Home::Server { admin, name } => {
                let (admin, name) = (admin.clone(), name.clone());
                // A test's own runtime may be gone or busy here.
                let _ = thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    runtime.map(|it| it.block_on(drop_database(&admin, &name)))
                })
                .join();
            }
        }
    }
}
