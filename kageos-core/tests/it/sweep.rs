//! What has run out is forgotten, in bounded steps, and what is in doubt is kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kageos_core::clock::ManualClock;
use kageos_core::host::{HostCall, HostError, HostReply, Receipt};
use kageos_core::manifest::SCHEMA_VERSION;
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::{Login, NewToken, Secret};
use kageos_core::platform::oplog::{Draft, Key, Status};
use kageos_core::platform::{Platform, PlatformOptions, RECEIPT_LIFE, Swept};
use kageos_core::sql::{Value, testing};
use kageos_core::{CallId, Clock, Dispatch, Env, Error, Host, Manifest, NodeId, Rights, Scope, Timestamp};
use serde_json::json;

use crate::support::{HeadsFile, call, env, log_key, start};

const PASSWORD: &str = "a lamp beside the harbour";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps in mind what it was told to forget.
#[derive(Debug, Default)]
struct Receipts(Mutex<Vec<Timestamp>>);

#[async_trait]
impl Host for Receipts {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::new(Manifest {
            schema_version: SCHEMA_VERSION,
            app: "receipts".to_owned(),
            title: "Receipts".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: Vec::new(),
            egress: kageos_core::Egress::default(),
        })
    }

    async fn call(&self, _: HostCall) -> Result<HostReply, HostError> {
        panic!("nobody calls it")
    }

    async fn receipt(&self, _: CallId) -> Result<Option<Receipt>, Error> {
        Ok(None)
    }

    async fn forget_receipts(&self, before: Timestamp) -> Result<u64, Error> {
        self.0.lock().unwrap().push(before);
        Ok(0)
    }
}

#[tokio::test]
async fn what_has_run_out_is_forgotten_and_what_is_in_doubt_is_kept() {
    for db in testing::engines().await.unwrap() {
        let clock = Arc::new(ManualClock::at(start()));
        let env = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..env(20) };
        let heads = HeadsFile::new(&env);
        let options = PlatformOptions::new(log_key(), heads.0.clone(), FileOptions::at(Objects::memory()));
        let platform = Platform::open(db.db(), env.clone(), options).await.unwrap();
        let system = platform.identity().ensure_system(&Secret::new(PASSWORD)).await.unwrap();
        let host = Arc::new(Receipts::default());
        platform
            .mount(&"/demo/app".parse().unwrap(), system.id, Arc::clone(&host) as Arc<dyn Host>)
            .await
            .unwrap();
        let directory = json!({ "code": "sales", "title": "Sales" });
        platform.dispatcher().dispatch(call(&env, "/demo/app", "create_directory", directory)).await.unwrap();
        platform.log().flush().await.unwrap();
        let password = Secret::new(PASSWORD);
        let login =
            Login { login: "system", password: &password, address: None, client: None, previous: None };
        assert!(platform.identity().login(login).await.is_ok());
        let scope = Scope { path: None, rights: Rights::EVERY };
        let token =
            NewToken { user: system.id, name: "t".to_owned(), scope, expires_at: env.now().plus(DAY) };
        assert!(platform.identity().create_token(token).await.is_ok());
        let open = call(&env, "/demo/app/x.form", "submit", json!({}));
        let intent = Draft::intent(&open, NodeId::NIL, env.now(), &json!({}));
        let key = Key { scope: "scope".to_owned(), input_hash: "input".to_owned() };
        platform.log().intent(intent, Some(key)).await.unwrap().unwrap();
        assert_eq!(platform.sweep().await.unwrap(), Swept::default(), "nothing has run out yet");

        clock.advance(DAY + DAY / 24);
        assert_eq!(platform.sweep().await.unwrap(), Swept { sessions: 1, keys: 1, ..Swept::default() });
        clock.advance(RECEIPT_LIFE + DAY);
        // An intent is open from the time of the receipts, so they may be needed.
        assert_eq!(platform.sweep().await.unwrap(), Swept { tokens: 1, ..Swept::default() });
        assert!(host.0.lock().unwrap().iter().all(|before| *before < start()));
        let outcome = Draft::outcome(&open, NodeId::NIL, env.now(), Status::NotApplied);
        platform.log().outcome(outcome, None).await;
        platform.log().flush().await.unwrap();
        assert_eq!(platform.sweep().await.unwrap(), Swept { receipts: 1, ..Swept::default() });
        assert_eq!(*host.0.lock().unwrap().last().unwrap(), start().plus(DAY + DAY / 24 + DAY));
        assert_eq!(platform.sweep().await.unwrap(), Swept::default());
        platform.close().await;
    }
}

/// More than one step removes; younger ones stay.
#[tokio::test]
async fn a_round_removes_all_of_it_step_by_step() {
    for db in testing::engines().await.unwrap() {
        let clock = Arc::new(ManualClock::at(start()));
        let env = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..env(21) };
        let heads = HeadsFile::new(&env);
        let options = PlatformOptions::new(log_key(), heads.0.clone(), FileOptions::at(Objects::memory()));
        let platform = Platform::open(db.db(), env.clone(), options).await.unwrap();
        let receipts = |count: usize| {
            let row = || -> Vec<Value<'static>> {
                let id = CallId::new(&env).to_string();
                vec![
                    id.into(),
                    env.now().as_micros().into(),
                    "".to_owned().into(),
                    "null".to_owned().into(),
                    "[]".to_owned().into(),
                ]
            };
            (0..count).map(|_| row()).collect::<Vec<_>>()
        };
        let insert = async |rows: Vec<Vec<Value<'static>>>| {
            let sql = "INSERT INTO tree_receipt (call_id, applied_at, request_hash, output, changes) VALUES (?, ?, ?, ?, ?)";
            let done: Result<u64, kageos_core::sql::SqlError> =
                db.write_with(rows, move |rows, tx| Box::pin(tx.execute_many(sql, rows))).await;
            done.unwrap();
        };
        insert(receipts(2_500)).await;
        clock.advance(RECEIPT_LIFE + DAY);
        insert(receipts(10)).await;
        assert_eq!(platform.tree().forget_receipts(env.now().minus(RECEIPT_LIFE)).await.unwrap(), 1_000);
        assert_eq!(platform.sweep().await.unwrap().receipts, 1_500);
        let left = db.fetch_one("SELECT COUNT(*) AS n FROM tree_receipt", &[]).await.unwrap();
        assert_eq!(left.int("n").unwrap(), 10);
        platform.close().await;
    }
}
