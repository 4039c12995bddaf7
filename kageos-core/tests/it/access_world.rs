//! A fresh platform per engine, with a clock that stands still.

use std::{sync::Arc, time::Duration};

use kageos_core::{
    Env, NodeId, ResourcePath, Timestamp,
    clock::ManualClock,
    entropy::SeededEntropy,
    platform::{
        access::{self, Access},
        identity::{self, Identity, Login, NewUser, Opened, Secret, User, UserKind},
    },
    sql::{
        migrate,
        testing::{TestDb, engines, sqlite},
    },
};

pub(crate) const PASSWORD: &str = "tortoise on the wall";

/// Access and identity over one database.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) env: Env,
    pub(crate) access: Access,
    pub(crate) identity: Identity,
    /// Dropped last: it removes the database.
    pub(crate) db: TestDb,
}

pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for db in engines().await.unwrap() {
        worlds.push(World::over(db).await);
    }
    worlds
}

pub(crate) async fn small_world() -> World {
    World::over(sqlite().await.unwrap()).await
}

pub(crate) fn start() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text)
}

impl World {
    async fn over(db: TestDb) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let env = Env { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(7)) };
        migrate(&db, "identity", identity::store::MIGRATIONS, 0).await.unwrap();
        migrate(&db, "access", access::store::MIGRATIONS, 0).await.unwrap();
        let access = Access::open(db.db(), env.clone()).await.unwrap();
        let identity = Identity::open(db.db(), env.clone(), access.clone()).await.unwrap();
        Self { clock, env, access, identity, db }
    }

    pub(crate) fn pass(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3600));
    }

    pub(crate) fn new_user(login: &str) -> NewUser {
        NewUser {
            login: login.to_owned(),
            name: login.to_owned(),
            email: None,
            kind: UserKind::Person,
            namespace: None,
            admin: false,
            password: None,
        }
    }

    /// An account nobody can sign in to.
    pub(crate) async fn user(&self, login: &str) -> User {
        self.identity.create_user(Self::new_user(login)).await.unwrap()
    }

    /// A person whose password is [`PASSWORD`].
    pub(crate) async fn person(&self, login: &str) -> User {
        let new = NewUser { password: Some(secret(PASSWORD)), ..Self::new_user(login) };
        self.identity.create_user(new).await.unwrap()
    }

    pub(crate) async fn login(&self, login: &str) -> Opened {
        let password = secret(PASSWORD);
        let login = Login { login, password: &password, address: None, client: None, previous: None };
        self.identity.login(login).await.map_err(|error| error.to_string()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Every text of every column of these tables.
    pub(crate) async fn dump(&self, tables: &[&str]) -> String {
        let mut all = String::new();
        for table in tables {
            for row in self.db.fetch_all(format!("SELECT * FROM {table}"), &[]).await.unwrap() {
                all.push_str(&format!("{:?}\n", row.into_values()));
            }
        }
        all
    }

    /// The chain of nodes of a made-up tree, one for each segment of `path`.
    pub(crate) fn chain(&self, path: &str) -> (Vec<NodeId>, ResourcePath) {
        let path: ResourcePath = path.parse().unwrap();
        ((0..path.depth()).map(|_| NodeId::new(&self.env)).collect(), path)
    }
}
