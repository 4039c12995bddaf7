//! A platform with an app that keeps photos: what the tests of files work in.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kageos_core::clock::ManualClock;
use kageos_core::entropy::SeededEntropy;
use kageos_core::host::{HostCall, HostError, HostReply, Receipt};
use kageos_core::manifest::SCHEMA_VERSION;
use kageos_core::platform::access::{NewGrant, Subject};
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::{NewUser, Secret, UserKind};
use kageos_core::platform::{Platform, PlatformOptions};
use kageos_core::sql::{Db, testing};
use kageos_core::{
    ActionName, ActionSchema, Actor, Call, CallId, Code, Dispatch, Effect, Effects, Env, Error, FileInfo,
    FunctionEntry, FunctionSchema, Host, Kind, Manifest, Reply, Result, Right, Role, TableSchema,
};
use serde_json::{Value, json};

use crate::support::{HeadsFile, call, log_key, start};

pub(crate) const TABLE: &str = "/demo/album/photo.table";
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

/// How the app ends a call.
pub(crate) const WELL: u8 = 0;
pub(crate) const REFUSED: u8 = 1;
/// It commits, and nobody hears of it.
pub(crate) const LOST: u8 = 2;
/// It never commits, and nobody hears of it.
pub(crate) const AWAY: u8 = 3;

/// An app with a photo in each row; what it has committed outlives it.
#[derive(Debug, Default)]
pub(crate) struct Album {
    pub(crate) ends: AtomicU8,
    committed: Mutex<Vec<(CallId, Value)>>,
}

fn raw(value: &Value) -> Arc<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap().into()
}

#[async_trait]
impl Host for Album {
    fn manifest(&self) -> Arc<Manifest> {
        let photo = json!({ "type": "string", "x-kageos": { "widget": "file", "accept": "image/*", "max_bytes": 100 } });
        let papers =
            json!({ "type": "array", "items": { "type": "string" }, "x-kageos": { "widget": "files" } });
        let row = json!({ "type": "object", "properties": { "photo": photo, "papers": papers },
            "additionalProperties": false });
        let action = |name, right, effects, input: &Value| ActionSchema {
            name,
            title: String::new(),
            right,
            effect: Effect { timeout_ms: 1_000, ..Effect::of(effects) },
            input: input.clone(),
            output: json!({}),
        };
        let creates = Effects { creates: true, ..Effects::default() };
        let create = json!({ "type": "object", "properties": { "values": row }, "required": ["values"] });
        let schema = FunctionSchema {
            kind: Kind::Table,
            title: "Photos".to_owned(),
            description: String::new(),
            tags: Vec::new(),
            actions: vec![
                action(ActionName::CREATE, Right::Write, creates, &create),
                action(ActionName::SEARCH, Right::Read, Effects::READS, &json!({ "type": "object" })),
            ],
            table: Some(TableSchema { row, search: vec![], history: true, default_sort: vec![] }),
        };
        let functions = vec![FunctionEntry { path: "photo.table".to_owned(), schema }];
        Arc::new(Manifest {
            schema_version: SCHEMA_VERSION,
            app: "album".to_owned(),
            title: "Album".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions,
            egress: kageos_core::Egress::default(),
        })
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let mut committed = self.committed.lock().unwrap();
        if call.action == ActionName::SEARCH {
            let rows: Vec<_> = committed.iter().map(|(_, values)| json!({ "values": values })).collect();
            let output = raw(&json!({ "rows": rows, "labels": {} }));
            return Ok(HostReply::read(output));
        }
        let ends = self.ends.load(Ordering::SeqCst);
        if ends == REFUSED {
            return Err(Error::field("/values", "no", "Not today.").into());
        }
        let input: Value = serde_json::from_slice(&call.input).unwrap();
        if ends != AWAY && !call.dry_run {
            committed.push((call.id, input["values"].clone()));
        }
        match ends {
            WELL => Ok(HostReply::applied(raw(&json!({})), vec![], false)),
            _ => Err(HostError::Ended(Error::of(Code::Unavailable))),
        }
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        if self.ends.load(Ordering::SeqCst) >= LOST {
            return Err(Error::of(Code::Unavailable));
        }
        let known = self.committed.lock().unwrap().iter().any(|(id, _)| *id == call);
        Ok(known.then(|| Receipt {
            call,
            request_hash: String::new(),
            output: None,
            changes: vec![],
            omitted: None,
            changes_hash: String::new(),
            applied_at: start(),
        }))
    }
}

pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) album: Arc<Album>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) objects: Objects,
    pub(crate) owner: Actor,
    pub(crate) env: Env,
    heads: HeadsFile,
}

impl World {
    pub(crate) async fn new(db: &Db, objects: Objects, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let env =
            Env { clock: Arc::<ManualClock>::clone(&clock), entropy: Arc::new(SeededEntropy::new(seed)) };
        let (heads, album) = (HeadsFile::new(&env), Arc::new(Album::default()));
        let (platform, owner) = open(db, &env, &heads, &objects, &album).await;
        Self { platform, album, clock, objects, owner, env, heads }
    }

    /// The process ends without a word, and another one starts on the same data.
    pub(crate) async fn restarted(self) -> Self {
        self.album.ends.store(WELL, Ordering::SeqCst);
        let db = self.platform.db().clone();
        let (platform, owner) = open(&db, &self.env, &self.heads, &self.objects, &self.album).await;
        platform.recover().await.unwrap();
        Self { platform, owner, ..self }
    }

    pub(crate) async fn person(&self, login: &str, role: Option<Role>, at: &str) -> Actor {
        let new = NewUser {
            login: login.to_owned(),
            name: login.to_owned(),
            email: None,
            kind: UserKind::Service,
            namespace: None,
            admin: false,
            password: None,
        };
        let user = self.platform.identity().create_user(new).await.unwrap();
        if let Some(role) = role {
            let node = self.platform.tree().snapshot().get(&at.parse().unwrap()).unwrap().id;
            let subject = Subject::User(user.id);
            let new = NewGrant { node, subject, role, deny: false, expires_at: None, created_by: None };
            self.platform.access().grant(new).await.unwrap();
        }
        user.actor()
    }

    pub(crate) async fn ask(&self, actor: &Actor, path: &str, action: &str, input: Value) -> Result<Reply> {
        let call = Call { actor: actor.clone(), ..call(&self.env, path, action, input) };
        self.platform.dispatcher().dispatch(call).await
    }

    /// Brings a file as somebody does over HTTP.
    pub(crate) async fn bring(&self, actor: &Actor, path: &str, bytes: &[u8]) -> Result<FileInfo> {
        let mut upload = self.platform.files().begin(actor, "a/photo.png", "").await?;
        upload.push(bytes).await?;
        let staged = upload.finish().await?;
        let input = json!({ "file": staged.id, "name": staged.name, "type": staged.media_type,
            "size": staged.size, "sha256": staged.sha256 });
        let reply = self.ask(actor, path, "upload_file", input).await?;
        Ok(serde_json::from_str(reply.output.get()).unwrap())
    }

    pub(crate) async fn create(&self, actor: &Actor, values: Value) -> Result<()> {
        self.ask(actor, TABLE, "create", json!({ "values": values })).await.map(drop)
    }

    pub(crate) async fn read(&self, actor: &Actor, file: &FileInfo) -> Result<Vec<u8>> {
        let files = self.platform.files();
        let path = files.place(file.id).await?.ok_or_else(|| Error::of(Code::NotFound))?;
        self.ask(actor, path.as_str(), "read_file", json!({ "file": file.id })).await?;
        files.content(file.id).await?.read(0..u64::MAX).await
    }
}

async fn open(
    db: &Db,
    env: &Env,
    heads: &HeadsFile,
    objects: &Objects,
    album: &Arc<Album>,
) -> (Platform, Actor) {
    let files = FileOptions { objects: objects.clone(), max_bytes: 16 * 1024 * 1024 };
    let options = PlatformOptions::new(log_key(), heads.0.clone(), files);
    let platform = Platform::open(db.clone(), env.clone(), options).await.unwrap();
    let owner = platform.identity().ensure_system(&Secret::new("a lamp beside the harbour")).await.unwrap();
    let host = Arc::clone(album) as Arc<dyn Host>;
    platform.mount(&"/demo/album".parse().unwrap(), owner.id, host).await.unwrap();
    (platform, owner.actor())
}

/// A world on each database, with objects in memory.
pub(crate) async fn each_engine(test: impl AsyncFn(World)) {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        test(World::new(&db, Objects::memory(), seed as u64 + 700).await).await;
    }
}
