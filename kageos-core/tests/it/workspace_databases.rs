//! Databases of workspaces on PostgreSQL and MySQL/MariaDB, where their URLs are given.

use kageos_core::platform::SealKey;
use kageos_core::platform::workspace::{
    ACCOUNT_PREFIX, DATABASE_PREFIX, Databases, MIGRATIONS, Orphan, is_on_server,
};
use kageos_core::sql::testing::{MYSQL_URL, POSTGRES_URL, TestDb, sqlite};
use kageos_core::sql::{Db, DbOptions, Engine, migrate, params};
use kageos_core::{Code, Env, NodeId};

/// A platform's database, a server, and the workspaces that were made there; those go when the test ends well.
struct Server {
    platform: TestDb,
    env: Env,
    admin: DbOptions,
    made: Vec<NodeId>,
}

#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand the addresses in")]
async fn servers() -> Vec<Server> {
    let mut servers = Vec::new();
    for url in [POSTGRES_URL, MYSQL_URL].into_iter().filter_map(|name| std::env::var(name).ok()) {
        let (platform, env) = (sqlite().await.unwrap(), Env::system());
        migrate(&platform, "workspace", MIGRATIONS, 1).await.unwrap();
        servers.push(Server {
            platform,
            env,
            admin: DbOptions::new(url).max_connections(2),
            made: Vec::new(),
        });
    }
    servers
}

impl Server {
    fn with(&self, admin: &DbOptions, key: u8) -> Databases {
        let key = SealKey::new(&[key; 32]);
        Databases::new(self.platform.db(), self.env.clone(), key, admin.clone()).unwrap()
    }

    fn databases(&self) -> Databases {
        self.with(&self.admin, 1)
    }

    fn workspace(&mut self) -> NodeId {
        let id = NodeId::new(&self.env);
        self.made.push(id);
        id
    }

    async fn run(&self, statements: &[String]) {
        let db = Db::open(&self.admin).await.unwrap();
        for statement in statements {
            db.fetch_all(statement.clone(), &[])
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        db.close().await;
    }

    fn is_postgres(&self) -> bool {
        self.admin.engine().unwrap() == Engine::Postgres
    }

    fn drop_database(&self, id: NodeId) -> String {
        let force = if self.is_postgres() { " WITH (FORCE)" } else { "" };
        format!("DROP DATABASE IF EXISTS {DATABASE_PREFIX}{id}{force}")
    }

    fn drop_account(&self, id: NodeId) -> String {
        let kind = if self.is_postgres() { "ROLE" } else { "USER" };
        format!("DROP {kind} IF EXISTS {ACCOUNT_PREFIX}{id}")
    }

    async fn forget_ready(&self, id: NodeId) {
        let sql = "UPDATE workspace_database SET ready_at = NULL WHERE workspace_id = ?";
        assert_eq!(self.platform.execute(sql, params![id.to_string()]).await.unwrap(), 1);
    }

    async fn clear(self) {
        let drops = self.made.iter().flat_map(|id| [self.drop_database(*id), self.drop_account(*id)]);
        self.run(&drops.collect::<Vec<_>>()).await;
    }
}

async fn count(options: &DbOptions) -> i64 {
    let db = Db::open(options).await.unwrap();
    let rows = db.fetch_one("SELECT COUNT(*) AS n FROM thing", &[]).await.unwrap().int("n").unwrap();
    db.close().await;
    rows
}

/// Makes a table with a row, with the rights that the options give.
async fn fill(options: &DbOptions) {
    let db = Db::open(options).await.unwrap();
    db.execute("CREATE TABLE thing (name VARCHAR(20))", &[]).await.unwrap();
    db.execute("INSERT INTO thing (name) VALUES ('kept')", &[]).await.unwrap();
    assert!(db.size().await.unwrap() > 0);
    db.close().await;
}

#[tokio::test]
async fn a_workspace_has_a_database_and_an_account_that_owns_it_alone() {
    for mut server in servers().await {
        let (one, other) = (server.workspace(), server.workspace());
        assert!(!is_on_server(&server.platform, one).await.unwrap());
        let (mine, theirs) =
            (server.databases().open(one).await.unwrap(), server.databases().open(other).await.unwrap());
        fill(&mine).await;
        fill(&theirs).await;
        assert!(is_on_server(&server.platform, one).await.unwrap());
        assert_eq!(count(&server.databases().open(one).await.unwrap()).await, 1, "it is the same one");
        let peek = mine
            .clone()
            .database(&format!("{DATABASE_PREFIX}{other}"))
            .wait(std::time::Duration::from_secs(1));
        assert!(Db::open(&peek).await.is_err(), "an account does not get into another's database");
        let db = Db::open(&mine).await.unwrap();
        let foreign = format!("SELECT COUNT(*) AS n FROM {DATABASE_PREFIX}{other}.thing");
        assert!(db.fetch_one(foreign, &[]).await.is_err());
        assert!(db.fetch_all(format!("CREATE DATABASE {DATABASE_PREFIX}more"), &[]).await.is_err());
        assert!(db.fetch_all(format!("DROP DATABASE {DATABASE_PREFIX}{other}"), &[]).await.is_err());
        db.close().await;
        server.clear().await;
    }
}

#[tokio::test]
async fn what_a_crash_left_is_finished_by_the_next_start() {
    for mut server in servers().await {
        // It was written down, and the server was out of reach.
        let id = server.workspace();
        let nowhere = DbOptions::new(if server.is_postgres() {
            "postgres://x@127.0.0.1:1/x"
        } else {
            "mysql://x@127.0.0.1:1/x"
        });
        let nowhere = nowhere.wait(std::time::Duration::from_secs(1));
        assert!(server.with(&nowhere, 1).open(id).await.is_err());
        assert!(is_on_server(&server.platform, id).await.unwrap());
        fill(&server.databases().open(id).await.unwrap()).await;
        // All was made, and not noted.
        server.forget_ready(id).await;
        assert_eq!(count(&server.databases().open(id).await.unwrap()).await, 1);
        // The account has another password, as if it was made by a start that did not get to give it one.
        let (account, foreign) = (format!("{ACCOUNT_PREFIX}{id}"), "IDENTIFIED BY 'other'");
        let change = if server.is_postgres() {
            format!("ALTER ROLE {account} WITH CREATEDB PASSWORD 'other'")
        } else {
            format!("ALTER USER {account} {foreign}")
        };
        server.run(&[change]).await;
        server.forget_ready(id).await;
        assert_eq!(count(&server.databases().open(id).await.unwrap()).await, 1);
        // There is an account and no database.
        server.run(&[server.drop_database(id)]).await;
        server.forget_ready(id).await;
        fill(&server.databases().open(id).await.unwrap()).await;
        // There is a database and no account.
        let give_away = format!("ALTER DATABASE {DATABASE_PREFIX}{id} OWNER TO CURRENT_USER");
        let owned = format!("DROP DATABASE {DATABASE_PREFIX}{id} WITH (FORCE)");
        let orphaned = format!("CREATE DATABASE {DATABASE_PREFIX}{id}");
        let gone = server.drop_account(id);
        let steps = if server.is_postgres() { vec![give_away, owned, gone, orphaned] } else { vec![gone] };
        server.run(&steps).await;
        server.forget_ready(id).await;
        let options = server.databases().open(id).await.unwrap();
        if server.is_postgres() {
            fill(&options).await;
        }
        assert_eq!(count(&options).await, 1);
        server.clear().await;
    }
}

#[tokio::test]
async fn first_starts_at_the_same_time_make_one_database() {
    for mut server in servers().await {
        let id = server.workspace();
        let starts = (0..6).map(|_| {
            let databases = server.databases();
            tokio::spawn(async move { databases.open(id).await })
        });
        let mut all = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            all.push(start.await.unwrap().unwrap());
        }
        fill(&all[0]).await;
        assert_eq!(count(&all[5]).await, 1);
        server.clear().await;
    }
}

#[tokio::test]
async fn another_key_or_another_kind_of_server_is_told() {
    for mut server in servers().await {
        let id = server.workspace();
        server.databases().open(id).await.unwrap();
        let error = server.with(&server.admin, 2).open(id).await.unwrap_err();
        assert_eq!(error.code, Code::Conflict);
        let (old, new) = (SealKey::new(&[1; 32]), SealKey::new(&[2; 32]));
        for word in [old.id(), new.id(), "secrets/seal.key"] {
            assert!(error.message.contains(word), "{}", error.message);
        }
        let other = DbOptions::new(if server.is_postgres() {
            "mysql://x@127.0.0.1:1/x"
        } else {
            "postgres://x@127.0.0.1:1/x"
        });
        let error = server.with(&other, 1).open(id).await.unwrap_err();
        assert_eq!(error.code, Code::Conflict, "{}", error.message);
        let env = server.env.clone();
        assert!(Databases::new(server.platform.db(), env, old, server.platform.options().clone()).is_err());
        let sql = "SELECT password FROM workspace_database";
        let sealed = server.platform.fetch_one(sql, &[]).await.unwrap().text("password").unwrap().to_owned();
        // The password has 64 hexadecimal digits, and nothing of the sort lies there.
        assert!(!sealed.bytes().all(|byte| byte.is_ascii_hexdigit()), "{sealed}");
        let moved = server.workspace();
        let copy = "UPDATE workspace_database SET workspace_id = ? WHERE workspace_id = ?";
        server.platform.execute(copy, params![moved.to_string(), id.to_string()]).await.unwrap();
        let error = server.databases().open(moved).await.unwrap_err();
        assert_eq!(error.code, Code::Conflict, "a password opens for its own workspace only");
        server.clear().await;
    }
}

#[tokio::test]
async fn what_does_not_fit_together_is_found() {
    for mut server in servers().await {
        let (whole, half, strange) = (server.workspace(), server.workspace(), server.workspace());
        for id in [whole, half] {
            server.databases().open(id).await.unwrap();
        }
        let named = |id: NodeId, orphans: &[Orphan]| {
            let text = id.to_string();
            orphans.iter().filter(|orphan| format!("{orphan:?}").contains(&text)).cloned().collect::<Vec<_>>()
        };
        let found = server.databases().look().await.unwrap();
        assert_eq!((found.databases, named(whole, &found.orphans)), (2, vec![]));
        let (database, account) =
            (format!("{DATABASE_PREFIX}{strange}"), format!("{ACCOUNT_PREFIX}{strange}"));
        let create = if server.is_postgres() { "ROLE" } else { "USER" };
        let made = [
            format!("CREATE DATABASE {database}"),
            format!("CREATE {create} {account}"),
            server.drop_database(half),
        ];
        server.run(&made).await;
        let found = server.databases().look().await.unwrap().orphans;
        assert_eq!(named(whole, &found), []);
        assert_eq!(named(half, &found), [Orphan::NoDatabase(half, format!("{DATABASE_PREFIX}{half}"))]);
        assert_eq!(named(strange, &found), [Orphan::Database(database), Orphan::Account(account)]);
        server.run(&[server.drop_account(half)]).await;
        let found = server.databases().look().await.unwrap().orphans;
        assert!(named(half, &found).contains(&Orphan::NoAccount(half, format!("{ACCOUNT_PREFIX}{half}"))));
        server.clear().await;
    }
}
