//! A whole server without a port: a platform on SQLite, a workspace, and callers with names.

use std::sync::Arc;

use axum::Router;
use kageos_core::{
    Env, ResourcePath, Role, UserId,
    bus::Bus,
    platform::{
        Platform, PlatformOptions,
        access::{NewGrant, Subject},
        files::{FileOptions, Objects},
        identity::{NewUser, Secret, UserKind},
        oplog::{Seat, SigningKey},
    },
    sql::{Db, DbOptions},
};
use kageos_server::{Config, Server};
use serde_json::{Value, json};

use crate::{
    ask::{Answer, Ask, ask},
    host::Echo,
};

/// Everybody's password here.
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Site {
    pub(crate) platform: Platform,
    pub(crate) server: Server,
    pub(crate) router: Router,
    _dir: tempfile::TempDir,
}

/// Someone with a session.
#[derive(Clone)]
pub(crate) struct Person {
    router: Router,
    pub(crate) id: UserId,
    pub(crate) cookie: String,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = DbOptions::new(format!("sqlite:{}/platform.db", dir.path().display()));
        Self::among(dir, &database, config, None, None).await
    }

    /// A server among several on one database.
    pub(crate) async fn among(
        dir: tempfile::TempDir,
        database: &DbOptions,
        config: Config,
        seat: Option<Seat>,
        bus: Option<Arc<dyn Bus>>,
    ) -> Self {
        let db = Db::open(database).await.unwrap();
        let log_key = SigningKey::from_bytes(&[7; 32]);
        let files = FileOptions::at(Objects::memory());
        let options =
            PlatformOptions { seat, bus, ..PlatformOptions::new(log_key, dir.path().join("heads"), files) };
        let platform = Platform::open(db, Env::system(), options).await.unwrap();
        let system = platform.identity().ensure_system(&Secret::new(PASSWORD)).await.unwrap();
        platform.mount(&path("/demo/notes"), system.id, Echo::new()).await.unwrap();
        let server = Server::builder(platform.clone()).config(config).build();
        let router = server.router();
        Self { platform, server, router, _dir: dir }
    }

    /// The administrator.
    pub(crate) async fn system(&self) -> Person {
        self.sign_in("system").await
    }

    /// A new account that may do nothing.
    pub(crate) async fn person(&self, login: &str) -> Person {
        let new = NewUser {
            login: login.to_owned(),
            name: format!("{login} of the tests"),
            email: None,
            kind: UserKind::Person,
            namespace: None,
            admin: false,
            password: Some(Secret::new(PASSWORD)),
        };
        self.platform.identity().create_user(new).await.unwrap();
        self.sign_in(login).await
    }

    /// A new account with a role somewhere.
    pub(crate) async fn person_with(&self, login: &str, at: &str, role: Role) -> Person {
        let person = self.person(login).await;
        self.grant(person.id, at, role, false).await;
        person
    }

    pub(crate) async fn grant(&self, user: UserId, at: &str, role: Role, deny: bool) {
        let node = self.platform.tree().snapshot().get(&path(at)).unwrap().id;
        let subject = Subject::User(user);
        let new = NewGrant { node, subject, role, deny, expires_at: None, created_by: None };
        self.platform.access().grant(new).await.unwrap();
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        ask(&self.router, method, path)
    }

    pub(crate) async fn sign_in(&self, login: &str) -> Person {
        let answer = self.login(login, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let id = answer.json()["user"]["id"].as_str().unwrap().parse().unwrap();
        Person { router: self.router.clone(), id, cookie }
    }

    pub(crate) async fn login(&self, login: &str, password: &str) -> Answer {
        let body = json!({ "login": login, "password": password });
        self.ask("POST", "/api/v1/session").json(&body).send().await
    }
}

impl Person {
    /// The same person, with the same session, at another server.
    pub(crate) fn at(&self, site: &Site) -> Self {
        Self { router: site.router.clone(), ..self.clone() }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        ask(&self.router, method, path).header("cookie", &self.cookie)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(method, path).json(body).send().await
    }

    pub(crate) async fn call(&self, path: &str, action: &str, input: Value) -> Answer {
        let body = json!({ "action": action, "input": input });
        self.send("POST", &format!("/api/v1/call{path}"), &body).await
    }
}

pub(crate) fn path(text: &str) -> ResourcePath {
    text.parse().unwrap()
}
