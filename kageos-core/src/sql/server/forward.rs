//! How a process without a network reaches a database server: through a socket that somebody else forwards.

use std::path::Path;

use crate::sql::engine::{Forward, ServerAddress};
use crate::sql::{DbOptions, Engine, SqlError};

/// [`DbOptions::through_socket`]
pub(crate) fn through_socket(options: &DbOptions, folder: &Path) -> Result<Option<Forward>, SqlError> {
    Ok(match options.engine()? {
        #[cfg(feature = "postgres")]
        Engine::Postgres => Some(postgres(options, folder)?),
        #[cfg(feature = "mysql")]
        Engine::MySql => Some(mysql(options, folder)?),
        _ => None,
    })
}

#[cfg(feature = "postgres")]
fn postgres(options: &DbOptions, folder: &Path) -> Result<Forward, SqlError> {
    use sqlx::postgres::{PgConnectOptions, PgSslMode};

    let known: PgConnectOptions = options.url.parse().map_err(super::postgres::map)?;
    if !matches!(known.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) {
        return Err(encrypted());
    }
    let socket = ".s.PGSQL.5432";
    let address = address(
        known.get_socket().map(|folder| folder.join(format!(".s.PGSQL.{}", known.get_port()))),
        known.get_host(),
        known.get_port(),
    );
    let (account, database) = named(options, known.get_username(), known.get_database());
    let folder = folder.display();
    let url = format!("postgres://{account}@localhost/{database}?host={folder}&sslmode=disable");
    Ok(Forward { url, socket, address })
}

#[cfg(feature = "mysql")]
fn mysql(options: &DbOptions, folder: &Path) -> Result<Forward, SqlError> {
    use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

    let url = options.url.strip_prefix("mariadb:").map(|rest| format!("mysql:{rest}"));
    let known: MySqlConnectOptions =
        url.as_deref().unwrap_or(&options.url).parse().map_err(super::mysql::map)?;
    if !matches!(known.get_ssl_mode(), MySqlSslMode::Disabled | MySqlSslMode::Preferred) {
        return Err(encrypted());
    }
    let socket = "mysql.sock";
    let address = address(known.get_socket().cloned(), known.get_host(), known.get_port());
    let (account, database) = named(options, known.get_username(), known.get_database());
    let path = folder.join(socket);
    let url = format!("mysql://{account}@localhost/{database}?socket={}&ssl-mode=disabled", path.display());
    Ok(Forward { url, socket, address })
}

fn address(socket: Option<std::path::PathBuf>, host: &str, port: u16) -> ServerAddress {
    match socket {
        Some(path) => ServerAddress::Unix(path),
        None if host.starts_with('/') => {
            ServerAddress::Unix(Path::new(host).join(format!(".s.PGSQL.{port}")))
        }
        None => ServerAddress::Tcp(host.to_owned(), port),
    }
}

/// Account and database as they stand in a URL: those of the options, else those of their own URL.
fn named(options: &DbOptions, user: &str, database: Option<&str>) -> (String, String) {
    let account = match &options.account {
        Some((name, password)) => format!("{}:{}", percent(name), percent(password)),
        None => percent(user),
    };
    let database = options.database.as_deref().or(database).unwrap_or_default();
    (account, percent(database))
}

fn percent(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn encrypted() -> SqlError {
    SqlError::url("apps reach a database server without encryption on the way, and the URL asks for it")
}

#[cfg(test)]
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod tests {
    use super::*;

    /// The app's account as a URL has it.
    const ACCOUNT: &str = "ka_1:p%40ss";

    #[track_caller]
    fn check(url: &str, expected: &str, address: ServerAddress) {
        let options = DbOptions::new(url).database("kw_1").account("ka_1", "p@ss");
        let forward = options.through_socket(Path::new("/link")).unwrap().unwrap();
        assert_eq!((forward.url.as_str(), forward.address.clone()), (expected, address));
        assert!(!format!("{forward:?}").contains("p%40ss"));
    }

    #[test]
    fn an_app_is_told_of_its_own_account_and_of_no_address() {
        check(
            "postgres://admin@db.example:6432/postgres",
            &format!("postgres://{ACCOUNT}@localhost/kw_1?host=/link&sslmode=disable"),
            ServerAddress::Tcp("db.example".to_owned(), 6432),
        );
        check(
            "mariadb://root@127.0.0.1/mysql",
            &format!("mysql://{ACCOUNT}@localhost/kw_1?socket=/link/mysql.sock&ssl-mode=disabled"),
            ServerAddress::Tcp("127.0.0.1".to_owned(), 3306),
        );
        let file = DbOptions::new("sqlite:/x/app.db").through_socket(Path::new("/link")).unwrap();
        assert!(file.is_none());
        for strict in ["postgres://x@y/z?sslmode=require", "mysql://x@y/z?ssl-mode=VERIFY_CA"] {
            assert!(DbOptions::new(strict).through_socket(Path::new("/link")).is_err(), "{strict}");
        }
    }
}
