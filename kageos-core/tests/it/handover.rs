//! Handing over: all or nothing, every place keeps an owner, nobody gives what they could not grant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kageos_core::host::{HostCall, NoControl};
use kageos_core::platform::access::{Grant, NewGrant, Subject};
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::handover::{Fate, Handover, Item, Participant};
use kageos_core::platform::identity::{NewToken, NewUser, Secret, User, UserKind};
use kageos_core::platform::oplog::{ActivityQuery, Draft, Status};
use kageos_core::platform::{Platform, PlatformOptions};
use kageos_core::sql::{Db, Tx, UnitFuture, params, testing};
use kageos_core::{
    Actor, Call, Code, Dispatch, Env, Error, NodeId, Reply, ResourcePath, Right, Rights, Role, Scope,
};
use serde_json::{Value, json};

use crate::support::{HeadsFile, call, env, log_key};

const PLACES: [&str; 3] = ["/ada", "/team", "/team/app"];

/// A platform with people and places, without any app.
struct World {
    platform: Platform,
    env: Env,
    heads: HeadsFile,
    ada: User,
    eve: User,
}

/// Keeps one task for everybody, and may refuse to hand it over.
#[derive(Debug, Default)]
struct Tasks {
    refuses: AtomicBool,
    told: AtomicBool,
}

impl Participant for Tasks {
    fn hand_over<'t>(&'t self, tx: &'t mut Tx, handover: &'t Handover) -> UnitFuture<'t, Vec<Item>, Error> {
        Box::pin(async move {
            let owners = params![handover.to.to_string(), handover.from.to_string()];
            tx.execute("UPDATE task SET owner = ? WHERE owner = ?", owners).await?;
            if self.refuses.load(Ordering::SeqCst) {
                return Err(Error::new(Code::Conflict, "A task is running."));
            }
            let (kind, name) = ("task".to_owned(), "nightly".to_owned());
            Ok(vec![Item { kind, path: None, name, fate: Fate::Handed }])
        })
    }

    fn handed_over(&self, _: &Handover) {
        self.told.store(true, Ordering::SeqCst);
    }
}

impl World {
    async fn new(db: &Db, seed: u64) -> Self {
        let env = env(seed);
        let heads = HeadsFile::new(&env);
        let platform = open(db, &env, &heads).await;
        let system =
            platform.identity().ensure_system(&Secret::new("a lamp beside the harbour")).await.unwrap();
        let ada = person(&platform, "ada").await;
        let eve = person(&platform, "eve").await;
        let place = async |at: &str, owner: &User| {
            platform.tree().ensure_namespace(&path(at), at, owner.id).await.unwrap();
        };
        place("/system", &system).await;
        place("/ada", &ada).await;
        place("/team", &ada).await;
        place("/team/app", &ada).await;
        place("/other", &eve).await;
        Self { platform, env, heads, ada, eve }
    }

    fn node(&self, at: &str) -> NodeId {
        self.platform.tree().snapshot().get(&path(at)).unwrap().id
    }

    async fn grant(&self, at: &str, user: &User, role: Role, deny: bool) {
        let (node, subject) = (self.node(at), Subject::User(user.id));
        let new = NewGrant { node, subject, role, deny, expires_at: None, created_by: None };
        self.platform.access().grant(new).await.unwrap();
    }

    async fn token(&self, user: &User, name: &str) {
        let scope = Scope { path: None, rights: Rights::from_iter([Right::Read]) };
        let expires_at = self.env.now().plus(Duration::from_secs(3_600));
        let new = NewToken { user: user.id, name: name.to_owned(), scope, expires_at };
        self.platform.identity().create_token(new).await.unwrap();
    }

    fn transfer(&self, actor: Actor, input: Value) -> Call {
        Call { actor, ..call(&self.env, "/system", "transfer", input) }
    }

    fn all(&self) -> Value {
        json!({ "from": self.ada.id, "to": self.eve.id, "end_tokens": true })
    }

    async fn dispatch(&self, call: Call) -> Result<Reply, Error> {
        self.platform.dispatcher().dispatch(call).await
    }

    /// Who owns a place by a grant on itself.
    fn owners(&self, at: &str) -> Vec<Subject> {
        let grants = self.platform.access().grants_on(&[self.node(at)], None, 99);
        grants.iter().filter(|it| it.role == Role::Owner && !it.deny).map(|it| it.subject).collect()
    }

    async fn grants(&self) -> Vec<Grant> {
        let mut all = Vec::new();
        for at in PLACES.into_iter().chain(["/other", "/system"]) {
            all.extend(self.platform.access().grants_on(&[self.node(at)], None, 99));
        }
        all
    }
}

async fn open(db: &Db, env: &Env, heads: &HeadsFile) -> Platform {
    let options = PlatformOptions::new(log_key(), heads.0.clone(), FileOptions::at(Objects::memory()));
    Platform::open(db.clone(), env.clone(), options).await.unwrap()
}

async fn person(platform: &Platform, login: &str) -> User {
    let new = NewUser {
        login: login.to_owned(),
        name: login.to_owned(),
        email: None,
        kind: UserKind::Person,
        namespace: Some(login.to_owned()),
        admin: false,
        password: None,
    };
    platform.identity().create_user(new).await.unwrap()
}

fn path(text: &str) -> ResourcePath {
    text.parse().unwrap()
}

/// `fate kind path name` of each thing.
fn items(reply: &Reply) -> BTreeSet<String> {
    let output: Value = serde_json::from_str(reply.output.get()).unwrap();
    let items = output["items"].as_array().unwrap();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or("-").to_owned();
    items.iter().map(|it| ["fate", "kind", "path", "name"].map(|key| text(it, key)).join(" ")).collect()
}

async fn each_engine(test: impl AsyncFn(World)) {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        test(World::new(&db, seed as u64 + 500).await).await;
    }
}

#[tokio::test]
async fn everything_goes_over_at_once_as_the_preview_said() {
    each_engine(async |world| {
        world.grant("/other", &world.ada, Role::Member, false).await;
        world.grant("/team", &world.ada, Role::Viewer, true).await;
        world.grant("/team", &world.eve, Role::Owner, false).await;
        world.token(&world.ada, "deploy").await;
        let before = world.grants().await;
        let try_it = Call { dry_run: true, ..world.transfer(Actor::system(), world.all()) };
        let preview = world.dispatch(try_it).await.unwrap();
        assert_eq!(world.grants().await, before, "a preview changes nothing");
        assert_eq!(world.platform.identity().tokens(world.ada.id).await.unwrap().len(), 1);

        let mut events = world.platform.events().listen(None).unwrap();
        let done = world.dispatch(world.transfer(Actor::system(), world.all())).await.unwrap();
        let expected = [
            "ended token - deploy",
            "handed grant /ada owner",
            "handed grant /other member",
            "handed grant /team owner",
            "handed grant /team/app owner",
            "handed namespace /ada ada",
            "kept denial /team viewer",
        ];
        assert_eq!(items(&done), expected.map(str::to_owned).into());
        assert_eq!(items(&preview), items(&done));
        for at in PLACES {
            assert_eq!(world.owners(at), [Subject::User(world.eve.id)], "{at}");
        }
        let hers = world.grants().await.into_iter().filter(|it| it.subject == Subject::User(world.ada.id));
        assert!(hers.clone().all(|grant| grant.deny) && hers.count() == 1);
        assert!(world.platform.identity().tokens(world.ada.id).await.unwrap().is_empty());
        assert_eq!(world.platform.identity().user(world.ada.id).await.unwrap().unwrap().namespace, None);
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.body.name(), event.body.path()), ("access", None));

        let query = ActivityQuery { path: path("/system"), limit: 9, next: None };
        let (log, _) = world.platform.log().activity(&query).await.unwrap();
        assert_eq!(log.iter().map(|entry| entry.status).collect::<Vec<_>>(), [Status::Ok, Status::Ok]);
        let entry = log.iter().find(|entry| entry.call == done.call).unwrap();
        assert_eq!(entry.changes.len(), 6, "{:?}", entry.changes);
    })
    .await;
}

#[tokio::test]
async fn who_may_hand_over_what() {
    each_engine(async |world| {
        let (ada, eve) = (world.ada.actor(), world.eve.actor());
        let absent = kageos_core::UserId::new(&world.env);
        let gone = person(&world.platform, "gone").await;
        let disabled =
            kageos_core::platform::identity::UserPatch { disabled: Some(true), ..Default::default() };
        world.platform.identity().update_user(gone.id, disabled).await.unwrap();
        let input = |from, to| json!({ "from": from, "to": to });
        let scope = Scope { path: None, rights: Rights::EVERY };
        let by_token = Actor { scope: Some(scope), ..ada.clone() };
        let by_app = Actor { app: Some("/team/app".parse().unwrap()), ..ada.clone() };
        let system_by_app = Actor { app: by_app.app.clone(), ..Actor::system() };
        let before = world.grants().await;
        let cases = [
            (eve.clone(), input(world.ada.id, world.eve.id), Code::NotFound),
            (by_token, input(world.ada.id, world.eve.id), Code::NotFound),
            (by_app, input(world.ada.id, world.eve.id), Code::NotFound),
            (system_by_app, input(world.ada.id, world.eve.id), Code::Forbidden),
            (Actor::anonymous(), input(world.ada.id, world.eve.id), Code::NotFound),
            (ada.clone(), input(world.ada.id, world.ada.id), Code::InvalidInput),
            (ada.clone(), input(world.ada.id, absent), Code::InvalidInput),
            (ada.clone(), input(world.ada.id, gone.id), Code::InvalidInput),
            (Actor::system(), input(absent, world.eve.id), Code::InvalidInput),
            (Actor::system(), json!({ "from": world.ada.id }), Code::InvalidInput),
            (Actor::system(), json!({ "from": "x", "to": world.eve.id }), Code::InvalidInput),
        ];
        for (actor, input, code) in cases {
            let refused = world.dispatch(world.transfer(actor, input.clone())).await.unwrap_err();
            assert_eq!(refused.code, code, "{input}");
        }
        let elsewhere = call(&world.env, "/team", "transfer", world.all());
        assert_eq!(world.dispatch(elsewhere).await.unwrap_err().code, Code::UnknownAction);
        assert_eq!(world.grants().await, before);

        // An owner of the place is no administrator.
        world.grant("/system", &world.eve, Role::Owner, false).await;
        let owner = world.transfer(eve, input(world.ada.id, world.eve.id));
        assert_eq!(world.dispatch(owner).await.unwrap_err().code, Code::Forbidden);

        // For oneself, without what one could not grant.
        world.grant("/other", &world.ada, Role::Member, false).await;
        let done = world.dispatch(world.transfer(ada, input(world.ada.id, world.eve.id))).await.unwrap();
        assert!(items(&done).contains("kept grant /other member"));
        assert!(items(&done).contains("handed grant /team owner"));
    })
    .await;
}

#[tokio::test]
async fn who_takes_part_decides_with_the_rest() {
    each_engine(async |world| {
        let db = world.platform.db();
        db.execute("CREATE TABLE task (owner VARCHAR(26))", params![]).await.unwrap();
        db.execute("INSERT INTO task (owner) VALUES (?)", params![world.ada.id.to_string()]).await.unwrap();
        let tasks = Arc::new(Tasks::default());
        world.platform.tree().participate(Arc::clone(&tasks) as Arc<dyn Participant>);
        let owner = async || {
            let row = db.fetch_one("SELECT owner FROM task", params![]).await.unwrap();
            row.text("owner").unwrap().to_owned()
        };
        let before = world.grants().await;
        tasks.refuses.store(true, Ordering::SeqCst);
        let refused = world.dispatch(world.transfer(Actor::system(), world.all())).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert_eq!((world.grants().await, owner().await), (before, world.ada.id.to_string()));
        assert!(!tasks.told.load(Ordering::SeqCst));

        tasks.refuses.store(false, Ordering::SeqCst);
        let done = world.dispatch(world.transfer(Actor::system(), world.all())).await.unwrap();
        assert!(items(&done).contains("handed task - nightly"));
        assert_eq!(owner().await, world.eve.id.to_string());
        assert!(tasks.told.load(Ordering::SeqCst));
    })
    .await;
}

#[tokio::test]
async fn a_grant_that_is_made_meanwhile_is_with_one_of_both() {
    each_engine(async |world| {
        let node = world.node("/other");
        let roles = [Role::Viewer, Role::Member, Role::Admin];
        let grants = roles.map(|role| {
            let (access, subject) = (world.platform.access().clone(), Subject::User(world.ada.id));
            let new = NewGrant { node, subject, role, deny: false, expires_at: None, created_by: None };
            tokio::spawn(async move { access.grant(new).await.unwrap() })
        });
        let done = world.dispatch(world.transfer(Actor::system(), world.all())).await.unwrap();
        for grant in grants {
            grant.await.unwrap();
        }
        let of = |user: &User| {
            let grants = world.platform.access().grants_on(&[node], None, 99);
            let of_user = grants.into_iter().filter(|it| it.subject == Subject::User(user.id));
            of_user.map(|it| it.role).filter(|role| roles.contains(role)).collect::<Vec<_>>()
        };
        world.platform.access().reload().await.unwrap();
        let (left, handed) = (of(&world.ada), of(&world.eve));
        assert_eq!(left.len() + handed.len(), 3, "{left:?} {handed:?}");
        let said = items(&done).iter().filter(|it| it.starts_with("handed grant /other")).count();
        assert_eq!(said, handed.len(), "the answer names what went");
        for at in PLACES {
            assert_eq!(world.owners(at), [Subject::User(world.eve.id)], "{at}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_process_that_is_gone_after_the_commit_leaves_a_receipt() {
    each_engine(async |world| {
        let call = world.transfer(Actor::system(), world.all());
        let draft = Draft::intent(&call, world.node("/system"), world.env.now(), &call.input);
        world.platform.log().intent(draft, None).await.unwrap().unwrap();
        let host_call = HostCall {
            id: call.id,
            path: call.path.clone(),
            action: call.action.clone(),
            input: call.input.to_string().into_bytes(),
            actor: call.actor.clone(),
            source: call.source.clone(),
            trace: call.trace,
            deadline: world.env.now().plus(Duration::from_secs(9)),
            dry_run: false,
            control: Arc::new(NoControl),
        };
        let host = kageos_core::platform::tree::DirectoryHost::new(world.platform.tree().clone());
        kageos_core::Host::call(&host, host_call).await.unwrap();

        let next = open(world.platform.db(), &world.env, &world.heads).await;
        assert_eq!(next.recover().await.unwrap(), 1);
        let query = ActivityQuery { path: path("/system"), limit: 9, next: None };
        let (log, _) = next.log().activity(&query).await.unwrap();
        assert_eq!((log[0].call, log[0].status), (call.id, Status::Ok));
        assert_eq!(log[0].changes.len(), 4, "{:?}", log[0].changes);
        assert_eq!(world.owners("/team"), [Subject::User(world.eve.id)]);
    })
    .await;
}
