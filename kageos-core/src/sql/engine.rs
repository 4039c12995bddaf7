//! Which database, and how it is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::SqlError;

/// Readers of one SQLite file: enough to keep few cores busy, each with its own page cache.
const READ_CONNECTIONS: u32 = 4;
/// Connections of one process to a database server; PostgreSQL's own limit is 100 for all.
const MAX_CONNECTIONS: u32 = 16;
/// How long a lock, a connection or a place in the queue is waited for.
const WAIT: Duration = Duration::from_secs(5);

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// SQLite, in this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

impl Engine {
    /// Asks how large the open database is: each engine keeps that somewhere else.
    pub(super) const fn size(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()"
            }
            Self::Postgres => "SELECT pg_database_size(current_database()) AS bytes",
            Self::MySql => {
                "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED) AS bytes \
                 FROM information_schema.tables WHERE table_schema = DATABASE()"
            }
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        })
    }
}

impl std::str::FromStr for Engine {
    type Err = SqlError;

    fn from_str(text: &str) -> Result<Self, SqlError> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            "mysql" => Ok(Self::MySql),
            _ => Err(SqlError::OutOfRange),
        }
    }
}

/// When SQLite's commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// On disk: an acknowledged unit survives a power cut.
    #[default]
    Full,
    /// Handed to the system: survives a crash of the process, but a power cut may take the last commits.
    Normal,
}

/// How to open a database.
#[derive(Clone)]
pub struct DbOptions {
    pub(crate) url: String,
    pub(crate) synchronous: Synchronous,
    pub(crate) read_connections: u32,
    pub(crate) max_connections: u32,
    pub(crate) wait: Duration,
    /// Instead of those in the URL.
    pub(crate) database: Option<String>,
    pub(crate) account: Option<(String, String)>,
    pub(crate) quiet: bool,
}

impl std::fmt::Debug for DbOptions {
    /// Leaves out the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DbOptions").field("synchronous", &self.synchronous).finish_non_exhaustive()
    }
}

/// The way to a database server that a process without a network has.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Clone)]
pub struct Forward {
    /// The URL for that process; it holds the account's password.
    pub url: String,
    /// The name of the socket in its folder.
    pub socket: &'static str,
    /// Host and port of the server, or the path of its own socket.
    pub address: ServerAddress,
}

/// Where a database server listens.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAddress {
    /// Host and port.
    Tcp(String, u16),
    /// A socket of this machine.
    Unix(std::path::PathBuf),
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl std::fmt::Debug for Forward {
    /// Leaves out the URL, which holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward").field("address", &self.address).finish_non_exhaustive()
    }
}

impl DbOptions {
    /// Connections of one process to a database server, when nothing else is said.
    pub const MAX_CONNECTIONS: u32 = MAX_CONNECTIONS;

    /// The database at `sqlite:/path/file.db`, `postgres://…` or `mysql://…`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            synchronous: Synchronous::default(),
            read_connections: READ_CONNECTIONS,
            max_connections: MAX_CONNECTIONS,
            wait: WAIT,
            database: None,
            account: None,
            quiet: false,
        }
    }

    /// How another process reaches this database through a socket in `folder`, as that process sees the folder; `None`
    /// when it is a file. Whoever serves that socket forwards what comes to [`Forward::address`] and nowhere else.
    ///
    /// # Errors
    /// When the URL is none, or asks for what a forwarded socket does not give: encryption on the way.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub fn through_socket(&self, folder: &std::path::Path) -> Result<Option<Forward>, SqlError> {
        super::server::through_socket(self, folder)
    }

    /// On a database server this database, whatever the URL says.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.database = Some(name.to_owned());
        self
    }

    /// On a database server as this account, whatever the URL says.
    #[must_use]
    pub fn account(mut self, name: &str, password: &str) -> Self {
        self.account = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// No statement reaches a log, however slow it is: they hold secrets.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// When SQLite's commit counts as done; [`Synchronous::Full`] if not said.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How many readers a SQLite file has at most.
    #[must_use]
    pub fn read_connections(mut self, count: u32) -> Self {
        self.read_connections = count.max(1);
        self
    }

    /// How many connections to a database server are open at most.
    #[must_use]
    pub fn max_connections(mut self, count: u32) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// How long a lock, a connection or a place in the writer's queue is waited for.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The kind of database that the URL names.
    ///
    /// # Errors
    /// [`SqlError::Url`] when it names none.
    pub fn engine(&self) -> Result<Engine, SqlError> {
        match self.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Engine::Sqlite),
            Some("postgres" | "postgresql") => Ok(Engine::Postgres),
            Some("mysql" | "mariadb") => Ok(Engine::MySql),
            _ => Err(SqlError::url("it starts with none of sqlite:, postgres:, mysql:")),
        }
    }

    /// The file of a `sqlite:` URL; `sqlite:///abs`, `sqlite:/abs` and `sqlite:relative` are understood.
    pub(crate) fn file(&self) -> Result<PathBuf, SqlError> {
        let path = self.url.strip_prefix("sqlite:").unwrap_or_default();
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains(['?', '#']) {
            return Err(SqlError::url("sqlite: needs the plain path of a file"));
        }
        Ok(PathBuf::from(path))
    }
}
