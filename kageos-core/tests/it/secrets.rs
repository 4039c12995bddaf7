//! Secrets of workspaces: sealed, for one place, and anew with another key; on every database.

use std::sync::Arc;

use kageos_core::host::{HostCall, HostError, NoControl};
use kageos_core::manifest::SCHEMA_VERSION;
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::Secret;
use kageos_core::platform::secrets::{MAX_SECRETS, Secrets};
use kageos_core::platform::{Platform, PlatformOptions, SealKey};
use kageos_core::sql::{Db, params, testing};
use kageos_core::{
    ActionName, Actor, CallId, Code, Egress, Env, Error, Manifest, NodeId, Origin, ResourcePath, Source,
    SourceKind,
};
use serde_json::json;

use crate::support::{HeadsFile, env, log_key};

const VALUE: &str = "sk-live-0123456789";

struct World {
    db: Db,
    env: Env,
    platform: Platform,
    workspace: NodeId,
    secrets: Secrets,
    _heads: HeadsFile,
}

impl World {
    async fn new(db: Db) -> Self {
        let env = env(12);
        let heads = HeadsFile::new(&env);
        let options = PlatformOptions::new(log_key(), heads.0.clone(), FileOptions::at(Objects::memory()));
        let platform = Platform::open(db.clone(), env.clone(), options).await.unwrap();
        let owner = platform.identity().ensure_system(&Secret::new("correct horse battery")).await.unwrap();
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            app: "shop".to_owned(),
            title: "Shop".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: Vec::new(),
            egress: Egress::default(),
        };
        let path: ResourcePath = "/demo/shop".parse().unwrap();
        let workspace = platform.tree().ensure_workspace(&path, &manifest, owner.id).await.unwrap();
        let secrets = Secrets::new(db.clone(), env.clone(), SealKey::new(&[1; 32]));
        Self { db, env, platform, workspace, secrets, _heads: heads }
    }

    fn call(&self, input: serde_json::Value) -> HostCall {
        HostCall {
            id: CallId::new(&self.env),
            path: "/demo/shop".parse().unwrap(),
            action: ActionName::RUN,
            input: input.to_string().into_bytes(),
            actor: Actor::system(),
            source: Source::of(SourceKind::Cli),
            trace: self.env.trace(),
            deadline: self.env.now(),
            dry_run: false,
            control: Arc::new(NoControl),
        }
    }

    async fn set(&self, name: &str, origin: &str, value: &str) -> Result<CallId, Error> {
        let call = self.call(json!({ "name": name, "value": value }));
        let origin: Origin = origin.parse().unwrap();
        let done = self.secrets.set(&call, self.workspace, (name, &origin), &Secret::new(value)).await;
        done.map(|_| call.id).map_err(HostError::into_error)
    }

    async fn opened(&self, secrets: &Secrets) -> Result<Vec<(String, String, String)>, Code> {
        let listed = secrets.list(self.workspace).await.unwrap();
        let names: Vec<&str> = listed.iter().map(|it| it.name.as_str()).collect();
        let open = secrets.open(self.workspace, &names).await.map_err(|error| error.code)?;
        let mut all: Vec<_> = open
            .into_iter()
            .map(|(name, (origin, value))| (name, origin.to_string(), value.expose().to_owned()))
            .collect();
        all.sort();
        Ok(all)
    }
}

fn row(name: &str, origin: &str, value: &str) -> (String, String, String) {
    (name.to_owned(), origin.to_owned(), value.to_owned())
}

#[tokio::test]
async fn a_secret_is_sealed_for_one_origin_and_nothing_of_it_is_kept_elsewhere() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let call = world.set("token", "https://a.b", VALUE).await.unwrap();
        world.set("key", "https://c.d", "another secret").await.unwrap();
        world.set("token", "https://a.b:8443", "set anew, elsewhere").await.unwrap();
        let all = [
            row("key", "https://c.d", "another secret"),
            row("token", "https://a.b:8443", "set anew, elsewhere"),
        ];
        assert_eq!(world.opened(&world.secrets).await.unwrap(), all);
        let listed = world.secrets.list(world.workspace).await.unwrap();
        assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["key", "token"]);
        // Neither rows nor receipts hold it, not even a hash of what was asked.
        let receipt = world.platform.releases().receipt(call).await.unwrap().unwrap();
        let shown = kageos_core::platform::oplog::hash_payload(&json!({ "name": "token" }).to_string());
        assert_eq!((receipt.request_hash, receipt.changes[0].row.as_deref()), (shown, Some("secret/token")));
        let rows = world.db.fetch_all("SELECT sealed FROM workspace_secret", params![]).await.unwrap();
        assert!(rows.iter().all(|row| !row.text("sealed").unwrap().contains("another")));
        // A row that is moved to another origin does not open.
        let moved = "UPDATE workspace_secret SET origin = ? WHERE name = ?";
        world.db.execute(moved, params!["https://evil.example", "token"]).await.unwrap();
        assert_eq!(world.opened(&world.secrets).await, Err(Code::Conflict));
        assert_eq!(world.secrets.open(world.workspace, &["key"]).await.unwrap().len(), 1);
        let gone = world.secrets.remove(&world.call(json!({})), world.workspace, "token").await;
        assert!(gone.is_ok());
        assert_eq!(
            world.opened(&world.secrets).await.unwrap(),
            [row("key", "https://c.d", "another secret")]
        );
        let gone = world.secrets.remove(&world.call(json!({})), world.workspace, "token").await;
        assert_eq!(gone.map(drop).map_err(|error| error.into_error().code), Err(Code::InvalidInput));
        world.platform.close().await;
    }
}

#[tokio::test]
async fn what_is_no_secret_is_told_all_at_once() {
    let place = testing::sqlite().await.unwrap();
    let world = World::new(place.db()).await;
    let wrong = |error: Error| {
        error.fields.iter().map(|field| format!("{} {}", field.pointer, field.code)).collect::<Vec<_>>()
    };
    let error = world.set("No Name", "https://a.b", "short").await.unwrap_err();
    assert_eq!(wrong(error), ["/name pattern", "/value length"]);
    for value in ["with\nline breaks", " a space before", "größe und umlaut"] {
        let error = world.set("key", "https://a.b", value).await.unwrap_err();
        assert_eq!(wrong(error), ["/value pattern"], "{value}");
    }
    for number in 0..MAX_SECRETS {
        world.set(&format!("key_{number}"), "https://a.b", VALUE).await.unwrap();
    }
    assert_eq!(world.set("key_more", "https://a.b", VALUE).await.unwrap_err().code, Code::Conflict);
    world.set("key_7", "https://a.b", "in place of another").await.unwrap();
    let dry = HostCall { dry_run: true, ..world.call(json!({})) };
    let origin = "https://a.b".parse().unwrap();
    let tried =
        world.secrets.set(&dry, world.workspace, ("key_8", &origin), &Secret::new("only tried it")).await;
    assert!(tried.is_ok());
    assert!(world.opened(&world.secrets).await.unwrap().contains(&row("key_8", "https://a.b", VALUE)));
}

#[tokio::test]
async fn everything_is_sealed_anew_and_a_rotation_goes_on_where_it_was() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        for number in 0..7 {
            world
                .set(&format!("key_{number}"), "https://a.b", &format!("secret number {number}"))
                .await
                .unwrap();
        }
        let before = world.opened(&world.secrets).await.unwrap();
        let next = SealKey::new(&[2; 32]);
        let with_next = Secrets::new(world.db.clone(), world.env.clone(), next.clone());
        // One that was set with the new key already, as after a rotation that was cut off.
        let call = world.call(json!({}));
        let origin = "https://a.b".parse().unwrap();
        let done =
            with_next.set(&call, world.workspace, ("key_3", &origin), &Secret::new("secret number 3")).await;
        assert!(done.is_ok());
        assert_eq!(world.secrets.keys().await.unwrap().len(), 2);
        assert_eq!(world.secrets.seal_anew(&next).await.unwrap(), 6);
        assert_eq!(world.secrets.keys().await.unwrap(), [next.id()]);
        assert_eq!(world.opened(&with_next).await.unwrap(), before);
        assert_eq!(world.opened(&world.secrets).await, Err(Code::Conflict));
        assert_eq!(world.secrets.seal_anew(&next).await.unwrap(), 0);
        world.platform.close().await;
    }
}
