//! People who write customers into the example, and what has to be true of that afterwards.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    platform::workspace::{ACCOUNT_PREFIX, DATABASE_PREFIX},
    sql::{
        Db, DbOptions, Engine,
        testing::{MYSQL_URL, POSTGRES_URL, TestDb},
    },
};
use serde_json::{Value, json};

use super::client::{Answer, Door};
use crate::process::variable;

/// What became of calls is known in this time.
const SETTLED: Duration = Duration::from_secs(60);

/// Calls of the table that took effect.
const MADE: &str = "SELECT COUNT(*) AS n FROM op_call WHERE status = 'ok' AND outcome_seq IS NOT NULL \
                    AND path = '/demo/crm/customer.table'";

/// What somebody wrote until they were told to stop.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Names of customers whose making was acknowledged.
    pub(super) made: Vec<String>,
    /// How many calls were refused.
    pub(super) refused: usize,
    /// The server was gone.
    pub(super) lost: bool,
}

/// Makes customers one after the other.
pub(super) async fn make_customers(door: Door, label: String, stop: Arc<AtomicBool>) -> Written {
    let (mut client, mut written) = (door.client(), Written::default());
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{label}n{number}");
        let values = json!({ "first_name": "Fault", "last_name": name, "email": "fault@example.org" });
        match client.call("customer.table", "create", &json!({ "values": values }), None).await {
            Answer::Ok(_) => written.made.push(name),
            // Nobody hurries a server that says that something is away.
            Answer::Refused { .. } => {
                written.refused += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Answer::Lost => {
                written.lost = true;
                break;
            }
        }
    }
    written
}

/// The names of all customers that people made.
async fn customers(door: &Door) -> Vec<String> {
    let (mut client, mut next, mut names) = (door.client(), Value::Null, Vec::new());
    loop {
        let mut input = json!({ "filter": { "eq": ["first_name", "Fault"] }, "limit": 200 });
        if !next.is_null() {
            input["next"] = next;
        }
        let page = client.call("customer.table", "search", &input, None).await.ok()["output"].take();
        let rows = page["rows"].as_array().unwrap().clone();
        names.extend(rows.iter().map(|row| row["values"]["last_name"].as_str().unwrap().to_owned()));
        next = page["next"].clone();
        if next.is_null() {
            return names;
        }
    }
}

/// How many calls made a customer.
pub(super) async fn made(db: &Db) -> i64 {
    db.fetch_one(MADE, &[]).await.unwrap().int("n").unwrap()
}

/// What was acknowledged is there once, and every call has one outcome, which agrees with what took effect. `before` are
/// the calls from before people wrote.
pub(super) async fn check(db: &Db, door: &Door, acknowledged: &BTreeSet<String>, before: i64) {
    let pending = "SELECT COUNT(*) AS n FROM op_call WHERE status = 'pending'";
    let settled = async {
        while db.fetch_one(pending, &[]).await.unwrap().int("n").unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SETTLED, settled).await.expect("every call has its outcome in time");
    let there = customers(door).await;
    let names: BTreeSet<_> = there.iter().cloned().collect();
    assert_eq!(names.len(), there.len(), "nothing was made twice");
    let lost: Vec<_> = acknowledged.difference(&names).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    assert_eq!(made(db).await - before, i64::try_from(there.len()).unwrap(), "one record for each effect");
}

/// Who may make databases on the server of this one; `None` for a file.
pub(crate) fn admin_of(db: &TestDb) -> Option<String> {
    let name = match db.engine() {
        Engine::Sqlite => return None,
        Engine::Postgres => POSTGRES_URL,
        _ => MYSQL_URL,
    };
    Some(variable(name).unwrap().into_string().unwrap())
}

/// Makes the state folder of another server of the same platform: what is sealed on one is opened on the other.
pub(crate) fn copy_state(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["config.toml", "env", "secrets"] {
        let copied =
            std::process::Command::new("cp").arg("-a").args([from.join(name), to.join(name)]).status();
        assert!(copied.unwrap().success());
    }
}

/// Drops the database of a workspace on this server, and its account.
pub(crate) async fn drop_rows(admin: &str, workspace: &str) {
    let options = DbOptions::new(admin);
    let is_postgres = options.engine().unwrap() == Engine::Postgres;
    let (force, kind) = if is_postgres { (" WITH (FORCE)", "ROLE") } else { ("", "USER") };
    let db = Db::open(&options).await.unwrap();
    let (database, account) =
        (format!("{DATABASE_PREFIX}{workspace}{force}"), format!("{ACCOUNT_PREFIX}{workspace}"));
    for drop in [format!("DATABASE {database}"), format!("{kind} {account}")] {
        db.fetch_all(format!("DROP {drop}"), &[]).await.unwrap();
    }
}
