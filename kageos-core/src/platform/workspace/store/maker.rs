//! What makes databases and accounts on a server. Names and passwords cannot be parameters there, so they are quoted.

use std::collections::BTreeSet;

use crate::platform::identity::Secret;
use crate::sql::{Db, DbOptions, Engine, SqlError, params};

/// Most names that a server is asked for.
const MAX_NAMES: u32 = 10_000;
/// How long another process that makes the same database is waited for, in seconds.
const LOCK_WAIT_S: u32 = 30;

/// A connection of the account that may make databases and accounts.
#[derive(Debug)]
pub(in super::super) struct Maker {
    db: Db,
    engine: Engine,
}

/// Databases and accounts.
type Names = (BTreeSet<String>, BTreeSet<String>);

impl Maker {
    pub(in super::super) async fn open(admin: &DbOptions, engine: Engine) -> Result<Self, SqlError> {
        Ok(Self { db: Db::open(admin).await?, engine })
    }

    pub(in super::super) async fn close(&self) {
        self.db.close().await;
    }

    /// Makes a database and the account that owns it alone; what is there already is brought to the same.
    pub(in super::super) async fn make(
        &self,
        name: &str,
        account: &str,
        password: &Secret,
    ) -> Result<(), SqlError> {
        self.lock(name).await?;
        match self.engine {
            Engine::Postgres => self.make_postgres(name, account, password).await,
            _ => self.make_mysql(name, account, password).await,
        }
    }

    /// Lets one process at a time make a database, until its connection ends: PostgreSQL refuses to change an account
    /// twice at once.
    async fn lock(&self, name: &str) -> Result<(), SqlError> {
        if self.engine == Engine::Postgres {
            let lock = "SELECT CAST(pg_advisory_lock(hashtext(?)) AS TEXT) AS held";
            return self.db.fetch_one(lock, params![name]).await.map(drop);
        }
        let held = self.db.fetch_one("SELECT GET_LOCK(?, ?) AS held", params![name, LOCK_WAIT_S]).await?;
        if held.opt_int("held")? == Some(1) { Ok(()) } else { Err(SqlError::Timeout) }
    }

    async fn make_postgres(&self, name: &str, account: &str, password: &Secret) -> Result<(), SqlError> {
        let (database, role, password) =
            (quoted(name, '"'), quoted(account, '"'), quoted(password.expose(), '\''));
        let rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION";
        let has_role = "SELECT COUNT(*) AS n FROM pg_roles WHERE rolname = ?";
        if !self.is_there(has_role, account).await? {
            self.unless_there(format!("CREATE ROLE {role} {rights}"), has_role, account).await?;
        }
        self.run(format!("ALTER ROLE {role} WITH {rights} PASSWORD {password}")).await?;
        // Who is not superuser gives a database only to a role that it belongs to.
        let superuser = "SELECT COUNT(*) AS n FROM pg_roles WHERE rolsuper AND rolname = current_user";
        if self.db.fetch_one(superuser, &[]).await?.int("n")? == 0 {
            self.run(format!("GRANT {role} TO CURRENT_USER")).await?;
        }
        let has_database = "SELECT COUNT(*) AS n FROM pg_database WHERE datname = ?";
        if !self.is_there(has_database, name).await? {
            let create =
                format!("CREATE DATABASE {database} OWNER {role} ENCODING 'UTF8' TEMPLATE template0");
            self.unless_there(create, has_database, name).await?;
        }
        self.run(format!("ALTER DATABASE {database} OWNER TO {role}")).await?;
        self.run(format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).await
    }

    async fn make_mysql(&self, name: &str, account: &str, password: &Secret) -> Result<(), SqlError> {
        let (database, user) = (quoted(name, '`'), format!("{}@'%'", quoted(account, '\'')));
        let password = quoted(password.expose(), '\'');
        self.run(format!("CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4")).await?;
        self.run(format!("CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password}")).await?;
        self.run(format!("ALTER USER {user} IDENTIFIED BY {password}")).await?;
        // In a grant `_` stands for any character. No other database has this id in its name, so it is left so: what
        // an escape means there depends on the server's settings.
        self.run(format!("GRANT ALL PRIVILEGES ON {database}.* TO {user}")).await
    }

    /// The names on the server that may be ours.
    pub(in super::super) async fn list(&self) -> Result<Names, SqlError> {
        let (databases, accounts) = match self.engine {
            Engine::Postgres => (
                "SELECT CAST(datname AS TEXT) AS name FROM pg_database WHERE datname LIKE ? ORDER BY 1 LIMIT ?",
                "SELECT CAST(rolname AS TEXT) AS name FROM pg_roles WHERE rolname LIKE ? ORDER BY 1 LIMIT ?",
            ),
            _ => (
                "SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE ? \
                 ORDER BY 1 LIMIT ?",
                "SELECT user AS name FROM mysql.user WHERE user LIKE ? ORDER BY 1 LIMIT ?",
            ),
        };
        let databases = self.names(databases, "kageos%").await?;
        Ok((databases, self.names(accounts, "kws%").await?))
    }

    async fn names(&self, sql: &'static str, pattern: &str) -> Result<BTreeSet<String>, SqlError> {
        let rows = self.db.fetch_all(sql, params![pattern, MAX_NAMES]).await?;
        rows.iter().map(|row| row.text("name").map(str::to_owned)).collect()
    }

    async fn is_there(&self, sql: &'static str, name: &str) -> Result<bool, SqlError> {
        Ok(self.db.fetch_one(sql, params![name]).await?.int("n")? > 0)
    }

    /// Runs a statement that fails when another process was faster, which is as good.
    async fn unless_there(&self, make: String, there: &'static str, name: &str) -> Result<(), SqlError> {
        match self.run(make).await {
            Err(error) if !self.is_there(there, name).await? => Err(error),
            _ => Ok(()),
        }
    }

    /// One statement outside any transaction, which some of these need.
    async fn run(&self, statement: String) -> Result<(), SqlError> {
        self.db.fetch_all(statement, &[]).await.map(drop)
    }
}

/// A name or a text between quotation marks, those inside doubled. A backslash would mean something to MySQL, and there
/// is none in what we make.
fn quoted(text: &str, mark: char) -> String {
    let inside: String = text
        .chars()
        .filter(|c| !matches!(c, '\\' | '\0'))
        .flat_map(|c| std::iter::repeat_n(c, if c == mark { 2 } else { 1 }))
        .collect();
    format!("{mark}{inside}{mark}")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_gets_out_of_its_quotation_marks() {
        assert_eq!(quoted("plain_1", '"'), "\"plain_1\"");
        assert_eq!(quoted("a\"; DROP TABLE b; --", '"'), "\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(quoted("it's", '\''), "'it''s'");
        assert_eq!(quoted("\\'", '\''), "''''");
        assert_eq!(quoted("a`b", '`'), "`a``b`");
    }
}
