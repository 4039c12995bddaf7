//! Sources and releases: each step starts from the state that it names, whichever database it is.

use std::sync::Arc;
use std::time::Duration;

use kageos_core::host::{HostCall, HostError, NoControl};
use kageos_core::manifest::{DirectoryEntry, FunctionEntry, SCHEMA_VERSION};
use kageos_core::platform::dispatcher::Mounts;
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::{SYSTEM_LOGIN, Secret};
use kageos_core::platform::oplog::Seat;
use kageos_core::platform::release::{
    Attached, Built, ChangeKind, Consent, Program, State, Switch, egress_digest, function_changes,
};
use kageos_core::platform::secrets::Secrets;
use kageos_core::platform::tree::MAX_DECLARED;
use kageos_core::platform::{Platform, PlatformOptions, SealKey};
use kageos_core::sql::{Db, params, testing};
use kageos_core::{
    ActionName, ActionSchema, Actor, Call, CallId, Code, Dispatch, Effect, Effects, Egress, Env, Error,
    FunctionSchema, Kind, Manifest, NodeId, ResourcePath, Right, SecretPlace, SecretUse, Source, SourceKind,
    TableSchema, TableStep, TableStepKind, TableSteps, Timestamp,
};
use serde_json::json;

use crate::support::{HeadsFile, env, log_key};

const WORKSPACE: &str = "/demo/shop";

struct World {
    platform: Platform,
    env: Env,
    workspace: NodeId,
    _heads: HeadsFile,
}

fn manifest(functions: &[(&str, &str)]) -> Manifest {
    let entry = |(path, title): &(&str, &str)| FunctionEntry {
        path: (*path).to_owned(),
        schema: FunctionSchema {
            kind: Kind::Fn,
            title: (*title).to_owned(),
            description: String::new(),
            tags: Vec::new(),
            actions: Vec::new(),
            table: None,
        },
    };
    Manifest {
        schema_version: SCHEMA_VERSION,
        app: "shop".to_owned(),
        title: "Shop".to_owned(),
        description: String::new(),
        directories: Vec::new(),
        functions: functions.iter().map(entry).collect(),
        egress: kageos_core::Egress::default(),
    }
}

impl World {
    async fn new(db: Db) -> Self {
        Self::of(db, 11, None).await
    }

    async fn of(db: Db, seed: u64, seat: Option<Seat>) -> Self {
        let env = env(seed);
        let heads = HeadsFile::new(&env);
        let options = PlatformOptions {
            seat,
            ..PlatformOptions::new(log_key(), heads.0.clone(), FileOptions::at(Objects::memory()))
        };
        let platform = Platform::open(db, env.clone(), options).await.unwrap();
        let owner = platform.identity().ensure_system(&Secret::new("correct horse battery")).await.unwrap();
        let path: ResourcePath = WORKSPACE.parse().unwrap();
        let workspace = platform.tree().ensure_workspace(&path, &manifest(&[]), owner.id).await.unwrap();
        Self { platform, env, workspace, _heads: heads }
    }

    fn call(&self, dry_run: bool) -> HostCall {
        HostCall {
            id: CallId::new(&self.env),
            path: WORKSPACE.parse().unwrap(),
            action: ActionName::RUN,
            input: b"{}".to_vec(),
            actor: Actor::system(),
            source: Source::of(SourceKind::Cli),
            trace: self.env.trace(),
            deadline: self.env.now(),
            dry_run,
            control: Arc::new(NoControl),
        }
    }

    async fn commit(&self, from: Option<&str>, to: &str, dry_run: bool) -> Result<(), Code> {
        let (from, output) = (from.map(str::to_owned), (json!({}), Vec::new()));
        let releases = self.platform.releases();
        let done = releases.commit(&self.call(dry_run), self.workspace, from, to.to_owned(), output).await;
        done.map(drop).map_err(code)
    }

    /// Calls an action of a directory through the door.
    async fn act(&self, path: &str, action: &str, input: serde_json::Value) -> Result<(), Code> {
        let owner = self.platform.identity().user_by_login(SYSTEM_LOGIN).await.unwrap().unwrap();
        let call = Call {
            id: CallId::new(&self.env),
            path: path.parse().unwrap(),
            action: ActionName::new(action).unwrap(),
            input,
            actor: owner.actor(),
            source: Source::of(SourceKind::Cli),
            trace: self.env.trace(),
            deadline: None,
            idempotency_key: None,
            dry_run: false,
        };
        self.platform.dispatcher().dispatch(call).await.map(drop).map_err(|error| error.code)
    }

    /// A release that is built, with these functions.
    async fn built(&self, functions: &[(&str, &str)]) -> u32 {
        self.built_of(manifest(functions)).await
    }

    async fn built_of(&self, manifest: Manifest) -> u32 {
        let releases = self.platform.releases();
        let number = releases.begin(self.workspace, "c0ffee", None).await.unwrap();
        let program = Program { sha256: "00".repeat(32), size: 7 };
        let built = Built { program: Some((program, manifest)), warnings: 2, ..Built::default() };
        releases.built(&self.call(false), self.workspace, number, built, json!({})).await.unwrap();
        number
    }

    async fn go_live(&self, call: &HostCall, number: u32, before: Option<u32>) -> Result<(), Code> {
        self.consented(call, (number, before), None).await
    }

    async fn consented(
        &self,
        call: &HostCall,
        (number, before): (u32, Option<u32>),
        consent: Option<Consent>,
    ) -> Result<(), Code> {
        let releases = self.platform.releases();
        let manifest = releases.manifest(self.workspace, number).await.unwrap().unwrap();
        let switch = Switch { number, before, sandbox: "bubblewrap".to_owned(), consent };
        let said = json!({ "release": number });
        let done = releases.go_live(call, self.workspace, switch, &manifest, said).await;
        done.map(drop).map_err(code)
    }

    async fn states(&self) -> Vec<(u32, State)> {
        let all = self.platform.releases().list(self.workspace, None, 100).await.unwrap();
        all.iter().rev().map(|release| (release.number, release.state)).collect()
    }

    fn paths(&self) -> Vec<String> {
        let tree = self.platform.tree().snapshot();
        let mut all: Vec<_> = tree.nodes().map(|node| node.path.to_string()).collect();
        all.retain(|path| path.starts_with("/demo/shop/"));
        all.sort();
        all
    }
}

fn code(error: HostError) -> Code {
    error.into_error().code
}

#[tokio::test]
async fn the_newest_commit_moves_only_from_the_one_that_was_read() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        assert_eq!(world.commit(Some("a"), "b", false).await, Err(Code::Conflict));
        assert_eq!(world.commit(None, "a", true).await, Ok(()));
        assert_eq!(world.commit(None, "a", false).await, Ok(()));
        assert_eq!(world.commit(None, "b", false).await, Err(Code::Conflict));
        assert_eq!(world.commit(Some("a"), "b", false).await, Ok(()));
        assert_eq!(world.commit(Some("a"), "c", false).await, Err(Code::Conflict));
        let head = world.platform.releases().head(world.workspace).await.unwrap().unwrap();
        assert_eq!(head.commit, "b");
        // Whoever gave a call up has its place.
        let call = world.call(false);
        assert!(world.platform.releases().fence(call.id).await.unwrap().is_none());
        let said = (json!({}), Vec::new());
        let releases = world.platform.releases();
        let late = releases.commit(&call, world.workspace, Some("b".to_owned()), "c".to_owned(), said).await;
        assert_eq!(late.map(drop).map_err(code), Err(Code::Cancelled));
        world.platform.close().await;
    }
}

#[tokio::test]
async fn a_release_goes_live_with_its_nodes_or_not_at_all() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let releases = world.platform.releases();
        let (first, second) =
            (world.built(&[("a.fn", "A")]).await, world.built(&[("a.fn", "B"), ("b.fn", "B")]).await);
        assert_eq!((first, second), (1, 2));
        assert_eq!(
            world.go_live(&world.call(false), first, None).await,
            Err(Code::Conflict),
            "it is not starting"
        );
        assert!(world.paths().is_empty());
        releases.starting(world.workspace, first).await.unwrap();
        assert_eq!(releases.starting(world.workspace, first).await.unwrap_err().code, Code::Conflict);
        let call = world.call(false);
        assert_eq!(world.go_live(&call, first, None).await, Ok(()));
        assert_eq!(world.paths(), ["/demo/shop/a.fn"]);
        let receipt = releases.receipt(call.id).await.unwrap().unwrap();
        assert_eq!(receipt.changes[0].row.as_deref(), Some("live"));

        // Two that began when the first was live: one wins, and the other one changes nothing.
        let third = world.built(&[("c.fn", "C")]).await;
        releases.starting(world.workspace, second).await.unwrap();
        releases.starting(world.workspace, third).await.unwrap();
        assert_eq!(world.go_live(&world.call(false), second, Some(first)).await, Ok(()));
        assert_eq!(world.go_live(&world.call(false), third, Some(first)).await, Err(Code::Conflict));
        assert_eq!(world.paths(), ["/demo/shop/a.fn", "/demo/shop/b.fn"]);
        releases.not_started(world.workspace, third, "somebody was faster").await.unwrap();
        assert_eq!(world.states().await, [(1, State::Draining), (2, State::Live), (3, State::Failed)]);
        releases.drained(world.workspace, first).await.unwrap();

        // Back again, with the nodes of then.
        releases.starting(world.workspace, first).await.unwrap();
        assert_eq!(world.go_live(&world.call(false), first, Some(second)).await, Ok(()));
        assert_eq!(world.paths(), ["/demo/shop/a.fn"]);
        let live: Vec<_> = releases.all_live().await.unwrap().iter().map(|it| it.release).collect();
        assert_eq!(live, [first]);
        let (before, starting) = releases.standing(world.workspace).await.unwrap().unwrap();
        assert_eq!((before.release, starting), (first, None));
        for _ in 0..2 {
            releases.renew(world.workspace).await.unwrap();
        }
        let (renewed, _) = releases.standing(world.workspace).await.unwrap().unwrap();
        assert!(renewed.since > before.since && renewed.release == first);

        // What a process left behind is settled by the next, and not while it runs.
        let fourth = releases.begin(world.workspace, "c0ffee", None).await.unwrap();
        releases.settle(Some(world.workspace)).await.unwrap();
        assert_eq!(world.states().await[3], (fourth, State::Building));
        // Nor does what it was starting keep anything from starting.
        releases.starting(world.workspace, second).await.unwrap();
        assert_eq!(releases.standing(world.workspace).await.unwrap().unwrap().1, Some(second));
        assert_eq!(releases.all_starting().await.unwrap(), [world.workspace]);
        world.platform.close().await;
        let world = World::of(Db::open(place.options()).await.unwrap(), 12, None).await;
        let releases = world.platform.releases();
        assert_eq!(releases.standing(world.workspace).await.unwrap().unwrap().1, None);
        releases.settle(Some(world.workspace)).await.unwrap();
        assert!(releases.all_starting().await.unwrap().is_empty());
        let states = [(1, State::Live), (2, State::Retired), (3, State::Failed), (fourth, State::Failed)];
        assert_eq!(world.states().await, states);
        world.platform.close().await;
    }
}

#[tokio::test]
async fn of_several_servers_one_starts_a_release_at_a_time_and_only_what_ended_ones_left_is_settled() {
    for place in testing::engines().await.unwrap() {
        let open = async |node: &str, seed| {
            let lease = Duration::from_secs(60);
            let seat = Seat { node: node.to_owned(), holder: node.to_owned(), lease };
            World::of(Db::open(place.options()).await.unwrap(), seed, Some(seat)).await
        };
        let (one, other) = (open("one", 21).await, open("other", 22).await);
        for _ in 0..2 {
            one.built(&[]).await;
        }
        let releases = one.platform.releases();
        let workspace = one.workspace;
        let starts = async |world: &World, number| {
            world.platform.releases().starting(workspace, number).await.map_err(|error| error.code)
        };
        assert_eq!(starts(&one, 1).await, Ok(()));
        assert_eq!(starts(&other, 2).await, Err(Code::Conflict));
        assert_eq!(one.states().await, [(1, State::Starting), (2, State::Built)]);
        one.go_live(&one.call(false), 1, None).await.unwrap();
        assert_eq!(starts(&other, 2).await, Ok(()));
        let standing = || async { releases.standing(workspace).await.unwrap().unwrap() };
        assert_eq!((standing().await.0.release, standing().await.1), (1, Some(2)));

        // Nobody settles what a server does that lives, and everybody what one did that was fenced.
        releases.settle(None).await.unwrap();
        assert_eq!(starts(&one, 2).await, Err(Code::Conflict));
        let sql = "UPDATE op_stream SET fenced_at = 1 WHERE id = ?";
        let stream = other.platform.log().stream().to_string();
        place.db().execute(sql, params![stream]).await.unwrap();
        releases.settle(None).await.unwrap();
        assert_eq!(one.states().await, [(1, State::Live), (2, State::Failed)]);
        assert_eq!(standing().await.1, None);
        assert_eq!(starts(&one, 2).await, Ok(()));
        releases.starts_none(workspace).await.unwrap();
        assert_eq!(standing().await.1, None);
        one.platform.close().await;
        other.platform.close().await;
    }
}

fn steps(names: &[&str]) -> TableSteps {
    let step = |name: &&str| TableStep {
        table: "a.table".to_owned(),
        step: TableStepKind::AddColumn,
        name: Some((*name).to_owned()),
    };
    TableSteps { steps: names.iter().map(step).collect(), more: 0 }
}

#[tokio::test]
async fn what_the_starts_of_a_release_did_to_tables_is_kept_with_it() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let (releases, workspace) = (world.platform.releases(), world.workspace);
        let (first, second) = (world.built(&[]).await, world.built(&[]).await);
        let tables = async |number| releases.get(workspace, number).await.unwrap().unwrap().tables;
        assert!(tables(first).await.is_empty());

        // Whoever looks while it starts sees it, and after that has failed; another start does the rest.
        releases.starting(workspace, first).await.unwrap();
        releases.add_steps(workspace, first, steps(&["ä", "b'"])).await.unwrap();
        assert_eq!((world.states().await[0].1, tables(first).await), (State::Starting, steps(&["ä", "b'"])));
        releases.not_started(workspace, first, "no").await.unwrap();
        assert_eq!((world.states().await[0].1, tables(first).await), (State::Failed, steps(&["ä", "b'"])));
        releases.starting(workspace, first).await.unwrap();
        releases.add_steps(workspace, first, steps(&["b'", "c"])).await.unwrap();
        world.go_live(&world.call(false), first, None).await.unwrap();
        assert_eq!(tables(first).await, steps(&["ä", "b'", "c"]));
        assert_eq!(releases.list(workspace, None, 9).await.unwrap()[1].tables, steps(&["ä", "b'", "c"]));
        assert!(tables(second).await.is_empty(), "it is another one's");

        // Servers that start it at the same moment each add theirs.
        let names = ["d", "e", "f"];
        let all = names.map(|name| {
            let releases = releases.clone();
            tokio::spawn(async move { releases.add_steps(workspace, first, steps(&[name])).await })
        });
        for one in all {
            one.await.unwrap().unwrap();
        }
        let found: Vec<_> = tables(first).await.steps.into_iter().filter_map(|it| it.name).collect();
        assert!(
            found.len() == 6 && names.iter().all(|name| found.contains(&(*name).to_owned())),
            "{found:?}"
        );

        // One that is not there has nothing to be told of.
        releases.add_steps(workspace, 99, steps(&["a"])).await.unwrap();
        world.platform.close().await;
    }
}

#[tokio::test]
async fn old_programs_are_given_up_and_the_live_one_never() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let releases = world.platform.releases();
        for _ in 0..5 {
            world.built(&[]).await;
        }
        releases.starting(world.workspace, 1).await.unwrap();
        world.go_live(&world.call(false), 1, None).await.unwrap();
        let gone = releases.give_up(world.workspace, 2).await.unwrap();
        assert_eq!(gone.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 2]);
        assert!(releases.give_up(world.workspace, 2).await.unwrap().is_empty());
        let kept = releases.list(world.workspace, None, 10).await.unwrap();
        let kept: Vec<_> = kept.iter().filter(|it| it.program.is_some()).map(|it| it.number).collect();
        assert_eq!(kept, [5, 4, 1]);
        assert_eq!(releases.starting(world.workspace, 2).await.unwrap_err().code, Code::Conflict);
        let page = releases.list(world.workspace, Some(4), 2).await.unwrap();
        assert_eq!(page.iter().map(|it| it.number).collect::<Vec<_>>(), [3, 2]);
        world.platform.close().await;
    }
}

#[tokio::test]
async fn builds_that_nobody_has_published_push_out_nothing_to_go_back_to() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let releases = world.platform.releases();
        let mut before = None;
        for number in 1..=4 {
            assert_eq!(world.built(&[]).await, number);
            releases.starting(world.workspace, number).await.unwrap();
            world.go_live(&world.call(false), number, before).await.unwrap();
            if let Some(before) = before {
                releases.drained(world.workspace, before).await.unwrap();
            }
            before = Some(number);
        }
        for number in 5..=9 {
            assert_eq!(world.built(&[]).await, number);
        }
        let gone = releases.give_up(world.workspace, 2).await.unwrap();
        let mut gone: Vec<_> = gone.into_iter().map(|(number, _)| number).collect();
        gone.sort_unstable();
        assert_eq!(gone, [1, 5, 6, 7]);
        assert!(releases.give_up(world.workspace, 2).await.unwrap().is_empty());
        releases.starting(world.workspace, 3).await.unwrap();
        world.go_live(&world.call(false), 3, Some(4)).await.unwrap();
        world.platform.close().await;
    }
}

#[tokio::test]
async fn a_release_drains_for_who_has_replaced_it_last() {
    for place in testing::engines().await.unwrap() {
        let open = async |node: &str, seed| {
            let lease = Duration::from_secs(60);
            let seat = Seat { node: node.to_owned(), holder: node.to_owned(), lease };
            World::of(Db::open(place.options()).await.unwrap(), seed, Some(seat)).await
        };
        let (one, other) = (open("one", 31).await, open("other", 32).await);
        for _ in 0..2 {
            one.built(&[]).await;
        }
        let live = async |world: &World, number, before| {
            world.platform.releases().starting(one.workspace, number).await.unwrap();
            world.go_live(&world.call(false), number, before).await.unwrap();
        };
        let drained = async |world: &World| {
            world.platform.releases().drained(one.workspace, 1).await.unwrap();
            one.states().await[0].1
        };
        live(&one, 1, None).await;
        live(&one, 2, Some(1)).await;
        live(&other, 1, Some(2)).await;
        assert_eq!(drained(&one).await, State::Live, "it is live again");
        live(&other, 2, Some(1)).await;
        assert_eq!(drained(&one).await, State::Draining, "its last process is another server's");
        assert_eq!(drained(&other).await, State::Retired);
        one.platform.close().await;
        other.platform.close().await;
    }
}

#[test]
fn a_workspace_has_no_more_than_its_own_paths_and_so_many_of_them() {
    let workspace: ResourcePath = WORKSPACE.parse().unwrap();
    let check = |manifest: &Manifest| Mounts::check(&workspace, manifest);
    let refused = |manifest: &Manifest| {
        let error = check(manifest).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput, "{error:?}");
        error.fields.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect::<Vec<_>>()
    };
    assert_eq!(check(&manifest(&[("a.fn", "A"), ("deep/er/b.fn", "B")])), Ok(()));
    for path in
        ["../other/a.fn", "/other/shop/a.fn", "a/../../b.fn", "//a.fn", "", "a", "a.fn/b.fn", "A.fn", "a.exe"]
    {
        assert_eq!(refused(&manifest(&[(path, "X")])), ["/functions/0/path path"], "{path}");
    }
    assert_eq!(refused(&manifest(&[("a.fn", "A"), ("a.fn", "B")])), ["/functions/1/path twice"]);
    let directory = |path: &str| {
        let entry =
            DirectoryEntry { path: path.to_owned(), title: "D".to_owned(), description: String::new() };
        Manifest { directories: vec![entry], ..manifest(&[]) }
    };
    assert_eq!(check(&directory("hr/leave")), Ok(()));
    for path in ["a.fn", "../other", "/system"] {
        assert_eq!(refused(&directory(path)), ["/directories/0/path path"], "{path}");
    }
    // What fits below one workspace does not below another one with a longer path.
    let long = ["a".repeat(49), "b".repeat(49)].join("/");
    let deep = vec!["c".repeat(48); 8].join("/") + "/d.fn";
    assert_eq!(check(&manifest(&[(&deep, "D")])), Ok(()));
    let longer: ResourcePath = format!("/{long}").parse().unwrap();
    let deeper = vec!["c".repeat(48); 9].join("/") + "/d.fn";
    assert_eq!(check(&manifest(&[(&deeper, "D")])), Ok(()));
    assert!(Mounts::check(&longer, &manifest(&[(&deeper, "D")])).is_err());

    // The directories between count too.
    let many = |count: usize| {
        let paths: Vec<_> = (0..count).map(|at| format!("d{at}/f.fn")).collect();
        manifest(&paths.iter().map(|path| (path.as_str(), "F")).collect::<Vec<_>>())
    };
    assert_eq!(check(&many(MAX_DECLARED / 2)), Ok(()));
    assert_eq!(refused(&many(MAX_DECLARED / 2 + 1)), ["/functions too_many"]);
}

#[tokio::test]
async fn a_workspace_deleted_long_ago_is_given_up_and_one_that_came_back_is_not() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let releases = world.platform.releases();
        world.commit(None, "a", false).await.unwrap();
        let number = world.built(&[("a.fn", "A")]).await;
        releases.starting(world.workspace, number).await.unwrap();
        world.go_live(&world.call(false), number, None).await.unwrap();
        let later = world.env.now().plus(Duration::from_secs(3600));
        assert!(releases.give_up_deleted(later).await.unwrap().is_empty());

        let restore = json!({ "code": "shop" });
        world.act(WORKSPACE, "delete", json!({})).await.unwrap();
        assert!(releases.give_up_deleted(Timestamp::from_micros(0)).await.unwrap().is_empty());
        world.act("/demo", "restore", restore.clone()).await.unwrap();
        assert!(releases.give_up_deleted(later).await.unwrap().is_empty());
        assert!(!releases.is_given_up(world.workspace).await.unwrap());
        assert_eq!(world.paths(), ["/demo/shop/a.fn"]);

        world.act(WORKSPACE, "delete", json!({})).await.unwrap();
        assert!(!releases.is_given_up(world.workspace).await.unwrap());
        let secrets = Secrets::new(world.platform.db().clone(), world.env.clone(), SealKey::new(&[1; 32]));
        let (call, origin) = (world.call(false), "https://a.b".parse().unwrap());
        let set = secrets.set(&call, world.workspace, ("key", &origin), &Secret::new("a secret")).await;
        assert!(set.is_ok() && secrets.list(world.workspace).await.unwrap().len() == 1);
        assert_eq!(releases.give_up_deleted(later).await.unwrap(), [world.workspace]);
        assert!(secrets.list(world.workspace).await.unwrap().is_empty());
        assert!(releases.is_given_up(world.workspace).await.unwrap());
        assert!(releases.give_up_deleted(later).await.unwrap().is_empty());
        assert_eq!(releases.head(world.workspace).await.unwrap(), None);
        assert!(releases.all_live().await.unwrap().is_empty() && world.states().await.is_empty());
        let refused = world.act("/demo", "restore", restore).await;
        assert_eq!(refused.unwrap_err(), Code::InvalidInput);
        world.act("/demo", "create_directory", json!({ "code": "shop", "title": "Again" })).await.unwrap();
        world.platform.close().await;
    }
}

#[test]
fn what_a_release_does_to_functions_is_told() {
    let old = manifest(&[("a.fn", "A"), ("b.fn", "B"), ("c.fn", "C")]);
    let new = manifest(&[("b.fn", "B"), ("c.fn", "other"), ("d.fn", "D")]);
    let told = serde_json::to_value(function_changes(Some(&old), &new)).unwrap();
    let expected = json!([
        { "path": "c.fn", "change": "changed", "parts": [{ "part": "title", "change": "changed" }] },
        { "path": "d.fn", "change": "added" },
        { "path": "a.fn", "change": "removed" },
    ]);
    assert_eq!(told, expected);
    assert_eq!(function_changes(None, &new).len(), 3);

    // A table by its fields, whatever their order is; another function by what its actions take and give.
    let field = |kind: &str, order: u32| json!({ "type": kind, "x-kageos": { "order": order } });
    let table = |row: serde_json::Value, needed: &[&str]| {
        let mut manifest = manifest(&[("a.table", "A")]);
        let row = json!({ "properties": row, "required": needed });
        let schema = &mut manifest.functions[0].schema;
        schema.kind = Kind::Table;
        schema.table = Some(TableSchema { row, search: vec![], history: false, default_sort: vec![] });
        manifest
    };
    let old = table(
        json!({ "name": field("string", 0), "note": field("string", 1), "left": field("string", 2) }),
        &[],
    );
    let row = json!({ "name": field("string", 0), "more": field("integer", 1), "note": field("integer", 2),
        "left": field("string", 3) });
    let told = |old: &Manifest, new: &Manifest| {
        let changes = function_changes(Some(old), new);
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        change.parts.iter().map(|it| (it.part.clone(), it.change)).collect::<Vec<_>>()
    };
    let part = |part: &str, change| (part.to_owned(), change);
    let new = table(row, &["left"]);
    let expected = [
        part("row/left", ChangeKind::Changed),
        part("row/more", ChangeKind::Added),
        part("row/note", ChangeKind::Changed),
    ];
    assert_eq!(told(&old, &new), expected);
    let form = |input: serde_json::Value, external: bool| {
        let mut manifest = manifest(&[("a.fn", "A")]);
        let name = ActionName::new("run").unwrap();
        manifest.functions[0].schema.actions = vec![ActionSchema {
            right: Right::of_action(Kind::Fn, Effects { external, ..Effects::READS }),
            name,
            title: String::new(),
            effect: Effect::of(Effects { external, ..Effects::READS }),
            input: json!({ "properties": input }),
            output: json!({}),
        }];
        manifest
    };
    let (old, new) = (form(json!({ "a": {}, "b": {} }), false), form(json!({ "a": {}, "c": {} }), true));
    let expected = [
        part("action/run/input/b", ChangeKind::Removed),
        part("action/run/effect", ChangeKind::Changed),
        part("action/run/input/c", ChangeKind::Added),
    ];
    assert_eq!(told(&old, &new), expected);
    // An action comes with all that it has, and what is left out is counted.
    let mut none = old.clone();
    none.functions[0].schema.actions.clear();
    assert_eq!(told(&none, &old), [part("action/run", ChangeKind::Added)]);
    let many = |count: usize| {
        let fields = (0..count).map(|at| (format!("f{at:03}"), json!({})));
        form(fields.collect::<serde_json::Map<_, _>>().into(), false)
    };
    let changes = function_changes(Some(&many(1)), &many(51));
    assert_eq!((changes[0].parts.len(), changes[0].more), (30, Some(20)));
}

/// What reaches these origins, with a secret for the first.
fn reaching(origins: &[&str], user: &str) -> Egress {
    let origins: Vec<_> = origins.iter().map(|origin| origin.parse().unwrap()).collect();
    let place = SecretPlace::Basic { user: user.to_owned() };
    let origin = origins.first().cloned();
    let secret = |origin| SecretUse { name: "key".to_owned(), title: "Key".to_owned(), origin, place };
    Egress { secrets: origin.map(secret).into_iter().collect(), origins }
}

#[tokio::test]
async fn what_a_release_reaches_is_consented_to_before_it_goes_live() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let releases = world.platform.releases();
        let build = async |egress: Egress| world.built_of(Manifest { egress, ..manifest(&[]) }).await;
        let ask =
            async |call: &HostCall, number: u32, given: Option<&str>| -> Result<Option<Consent>, Error> {
                let release = releases.get(world.workspace, number).await.unwrap().unwrap();
                let manifest = releases.manifest(world.workspace, number).await.unwrap().unwrap();
                releases.consent(call, world.workspace, (&release, &manifest), given).await
            };
        let live = async |number: u32, before: Option<u32>, consent: Option<Consent>| {
            releases.starting(world.workspace, number).await.unwrap();
            world.consented(&world.call(false), (number, before), consent).await.unwrap();
            if let Some(before) = before {
                releases.drained(world.workspace, before).await.unwrap();
            }
        };
        let wide = reaching(&["https://a.b", "https://c.d"], "me");
        let (plain, first) = (build(Egress::default()).await, build(wide.clone()).await);
        let call = world.call(false);
        assert_eq!(ask(&call, plain, None).await.unwrap(), None);
        live(plain, None, None).await;
        let error = ask(&call, first, None).await.unwrap_err();
        let told: Vec<_> = error.fields.iter().map(|it| (&*it.code, it.message.as_str())).collect();
        let digest = egress_digest(&wide);
        let expected = [
            ("origin", "https://a.b"),
            ("origin", "https://c.d"),
            ("secret", "key for https://a.b"),
            ("digest", digest.as_str()),
        ];
        assert_eq!((error.code, told.as_slice()), (Code::ConsentRequired, expected.as_slice()));

        // Only of what it is, and only by who can.
        assert_eq!(ask(&call, first, Some(&"0".repeat(64))).await.unwrap_err().code, Code::Conflict);
        for kind in
            [SourceKind::App, SourceKind::Agent, SourceKind::Schedule, SourceKind::Mcp, SourceKind::Link]
        {
            let call = HostCall { source: Source::of(kind), ..world.call(false) };
            assert_eq!(ask(&call, first, Some(&digest)).await.unwrap_err().code, Code::Forbidden);
        }
        let actor = Actor { app: Some(WORKSPACE.parse().unwrap()), ..Actor::system() };
        let by_app = HostCall { actor, ..world.call(false) };
        assert_eq!(ask(&by_app, first, Some(&digest)).await.unwrap_err().code, Code::Forbidden);
        let consent = ask(&call, first, Some(&digest)).await.unwrap().unwrap();
        live(first, Some(plain), Some(consent.clone())).await;
        assert_eq!(releases.get(world.workspace, first).await.unwrap().unwrap().consent, Some(consent));

        // What reaches no more needs no other consent; what reaches more, or the same in another way, does.
        let narrow = build(reaching(&["https://a.b"], "me")).await;
        assert!(ask(&by_app, narrow, None).await.unwrap().is_some());
        let other_user = build(reaching(&["https://a.b"], "you")).await;
        assert_eq!(ask(&call, other_user, None).await.unwrap_err().code, Code::ConsentRequired);
        let consent = ask(&call, narrow, None).await.unwrap();
        live(narrow, Some(first), consent).await;
        // Back to what was consented to: one step.
        let again = ask(&by_app, first, None).await.unwrap().unwrap();
        assert_eq!(again.digest, digest);
        let more = build(reaching(&["https://a.b", "https://e.f"], "me")).await;
        let error = ask(&call, more, None).await.unwrap_err();
        assert_eq!(error.fields.len(), 2, "{error:?}");
        world.platform.close().await;
    }
}

#[test]
fn a_digest_is_of_what_is_reached_and_not_of_its_order() {
    let of = |origins: &[&str], user| egress_digest(&reaching(origins, user));
    let other_way = Egress {
        origins: vec!["https://c.d".parse().unwrap(), "https://a.b".parse().unwrap()],
        ..reaching(&["https://a.b"], "me")
    };
    assert_eq!(of(&["https://a.b", "https://c.d"], "me"), egress_digest(&other_way));
    assert_ne!(of(&["https://a.b"], "me"), of(&["https://a.b"], "you"));
    assert_ne!(of(&["https://a.b"], "me"), of(&["https://a.b", "https://c.d"], "me"));
    assert_ne!(egress_digest(&Egress::default()), of(&["https://a.b"], "me"));
}

#[tokio::test]
async fn an_app_is_attached_where_nothing_is_live_and_gives_way_to_a_release() {
    for place in testing::engines().await.unwrap() {
        let world = World::new(place.db()).await;
        let releases = world.platform.releases();
        let user = world.platform.identity().user_by_login(SYSTEM_LOGIN).await.unwrap().unwrap().id;
        let (workspace, since) = (world.workspace, world.env.now());
        let attached = |functions: &[(&str, &str)]| Attached {
            workspace,
            user,
            since,
            manifest: manifest(functions),
            egress_digest: None,
        };
        let attach = async |call: &HostCall, functions: &[(&str, &str)]| {
            releases.attach(call, attached(functions), json!({})).await.map(drop).map_err(code)
        };
        assert_eq!(attach(&world.call(true), &[("a.fn", "A")]).await, Ok(()));
        assert_eq!((releases.attached(workspace).await.unwrap(), world.paths().len()), (None, 0));
        let call = world.call(false);
        assert_eq!(attach(&call, &[("a.fn", "A")]).await, Ok(()));
        assert_eq!(world.paths(), ["/demo/shop/a.fn"]);
        let receipt = releases.receipt(call.id).await.unwrap().unwrap();
        assert_eq!(receipt.changes[0].row.as_deref(), Some("attached"));
        // The next one takes its place, and whoever gave a call up has that call's.
        assert_eq!(attach(&world.call(false), &[("b.fn", "B")]).await, Ok(()));
        assert_eq!(releases.all_attached().await.unwrap(), [workspace]);
        assert_eq!(releases.attached(workspace).await.unwrap(), Some(attached(&[("b.fn", "B")])));
        assert_eq!(world.paths(), ["/demo/shop/b.fn"]);
        let late = world.call(false);
        assert!(releases.fence(late.id).await.unwrap().is_none());
        assert_eq!(attach(&late, &[("c.fn", "C")]).await, Err(Code::Cancelled));
        assert_eq!(world.paths(), ["/demo/shop/b.fn"]);

        let number = world.built(&[("d.fn", "D")]).await;
        releases.starting(workspace, number).await.unwrap();
        assert_eq!(world.go_live(&world.call(false), number, None).await, Ok(()));
        assert!(releases.all_attached().await.unwrap().is_empty());
        assert_eq!(attach(&world.call(false), &[("e.fn", "E")]).await, Err(Code::Conflict));
        assert_eq!(world.paths(), ["/demo/shop/d.fn"]);
        world.platform.close().await;
    }
}

#[tokio::test]
async fn a_developer_consents_once_to_what_an_attached_app_reaches() {
    let places = testing::engines().await.unwrap();
    let world = World::new(places[0].db()).await;
    let releases = world.platform.releases();
    let system = world.platform.identity().user_by_login(SYSTEM_LOGIN).await.unwrap().unwrap();
    let (workspace, since) = (world.workspace, world.env.now());
    let egress = Egress { origins: vec!["https://a.example.com".parse().unwrap()], secrets: Vec::new() };
    let outside = Manifest { egress: egress.clone(), ..manifest(&[]) };
    let call = HostCall { actor: system.actor(), ..world.call(false) };
    let consent = async |call: &HostCall, given: Option<&str>| {
        releases.consent_attached(call, workspace, &outside, given).await.map_err(|error| error.code)
    };
    assert_eq!(releases.consent_attached(&call, workspace, &manifest(&[]), None).await.unwrap(), None);
    let digest = egress_digest(&egress);
    assert_eq!(consent(&call, None).await, Err(Code::ConsentRequired));
    assert_eq!(consent(&call, Some(&"0".repeat(64))).await, Err(Code::ConsentRequired), "it says to what");
    let by_app = Actor { app: Some("/demo/other".parse().unwrap()), ..system.actor() };
    let by_app = HostCall { actor: by_app, ..world.call(false) };
    assert_eq!(consent(&by_app, Some(&digest)).await, Err(Code::Forbidden));
    let egress_digest = consent(&call, Some(&digest)).await.unwrap();
    let attached = Attached { workspace, user: system.id, since, manifest: outside.clone(), egress_digest };
    releases.attach(&call, attached, json!({})).await.unwrap();
    assert_eq!(consent(&HostCall { id: CallId::new(&world.env), ..call }, None).await, Ok(Some(digest)));
    // That of one developer is not that of another.
    assert_eq!(consent(&world.call(false), None).await, Err(Code::ConsentRequired));
    world.platform.close().await;
}
