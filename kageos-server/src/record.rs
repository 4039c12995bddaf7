//! What concerns accounts has no function and so does not come through the dispatcher; it stands in the operation
//! log all the same, at the path `/system`, where administrators read it.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kageos_core::{
    ActionName, Actor, Call, CallId, Code, Error, Result, Source, SourceKind, Trace,
    platform::{
        identity::fold,
        oplog::{Draft, Status},
    },
};
use serde_json::{Value, json};

use crate::{caller::Caller, shared::Shared};

/// Where it stands.
const PATH: &str = "/system";
/// Refused logins of this time are one record for each account.
const WINDOW: Duration = Duration::from_secs(10);
/// Different logins, and addresses of each, that are told apart in that time; further ones count together.
const MAX_LOGINS: usize = 1_024;
const MAX_ADDRESSES: usize = 8;

/// Who did something, and how it came.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) actor: Actor,
    pub(crate) source: Source,
    pub(crate) trace: Trace,
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        Self { actor: caller.actor.clone(), source: caller.source.clone(), trace: caller.trace }
    }
}

/// Does `work` to its end, also when nobody waits for it any more, and records that `caller` did `action`, or why
/// not. `input` holds no secret, nor does what `work` has to add to it.
///
/// # Errors
/// As `work`.
pub(crate) async fn recorded<T: Send + 'static>(
    shared: &Shared,
    caller: &Caller,
    action: &'static str,
    input: Value,
    work: impl Future<Output = Result<(T, Value)>> + Send + 'static,
) -> Result<T> {
    let (shared, who) = (shared.clone(), Who::from(caller));
    let unit = async move {
        let done = work.await;
        let mut input = input;
        if let (Some(said), Ok((_, Value::Object(more)))) = (input.as_object_mut(), &done) {
            said.extend(more.clone());
        }
        let code = done.as_ref().err().map(|error| error.code);
        write(&shared, who, action, &input, code, 0).await;
        done.map(|(done, _)| done)
    };
    tokio::spawn(unit).await.map_err(Error::internal)?
}

/// Writes a record of something that ended, well or with `code`.
pub(crate) async fn write(
    shared: &Shared,
    who: Who,
    action: &str,
    input: &Value,
    code: Option<Code>,
    repeated: u32,
) {
    let Some(call) = call(shared, who, action) else { return };
    let node = shared.platform().tree().snapshot().get(&call.path).map(|node| node.id);
    let status = if code.is_some() { Status::Failed } else { Status::Ok };
    let draft = Draft::settled(&call, node, shared.env().now(), status).code(code);
    shared.platform().log().settled(draft.payload(input).repeated(repeated)).await;
}

/// Records that `caller` tried `action` and is no administrator.
pub(crate) async fn tried(shared: &Shared, caller: &Caller, action: &str, error: &Error) {
    if let Some(call) = call(shared, Who::from(caller), action) {
        shared.platform().dispatcher().refused(call, error).await;
    }
}

/// What was done as the log has it.
fn call(shared: &Shared, who: Who, action: &str) -> Option<Call> {
    Some(Call {
        id: CallId::new(shared.env()),
        path: PATH.parse().ok()?,
        action: ActionName::new(action)?,
        input: json!({}),
        actor: who.actor,
        source: who.source,
        trace: who.trace,
        deadline: None,
        idempotency_key: None,
        dry_run: false,
    })
}

/// Logins that were refused and are not recorded yet, by folded login.
#[derive(Debug, Default)]
pub(crate) struct RefusedLogins(Mutex<HashMap<String, Refusals>>);

#[derive(Debug, Default)]
struct Refusals {
    count: u32,
    addresses: BTreeSet<IpAddr>,
}

impl Refusals {
    fn add(&mut self, count: u32, addresses: impl IntoIterator<Item = IpAddr>) {
        self.count = self.count.saturating_add(count);
        for address in addresses {
            if self.addresses.len() < MAX_ADDRESSES {
                self.addresses.insert(address);
            }
        }
    }
}

/// Notes a refused login; it is recorded with all others of the next seconds.
pub(crate) fn refused_login(shared: &Shared, login: &str, address: Option<IpAddr>) {
    let mut waiting = shared.0.refused_logins.0.lock().unwrap_or_else(PoisonError::into_inner);
    let first = waiting.is_empty();
    let key: String = fold(login).chars().take(kageos_core::platform::identity::MAX_LOGIN + 1).collect();
    let key = if waiting.len() < MAX_LOGINS || waiting.contains_key(&key) { key } else { String::new() };
    waiting.entry(key).or_default().add(1, address);
    if first {
        let shared = shared.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(WINDOW) => {}
                () = shared.0.stopping.cancelled() => {}
            }
            summarise(&shared).await;
        });
    }
}

/// One record for each account, and one for all logins that no account has: somebody may have typed a password there.
async fn summarise(shared: &Shared) {
    let waiting = &shared.0.refused_logins.0;
    let waiting = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
    let mut others = Refusals::default();
    for (login, refusals) in waiting {
        match shared.platform().identity().user_by_login(&login).await {
            Ok(Some(user)) => refused(shared, Some(&user.login), &refusals).await,
            _ => others.add(refusals.count, refusals.addresses),
        }
    }
    if others.count > 0 {
        refused(shared, None, &others).await;
    }
}

async fn refused(shared: &Shared, login: Option<&str>, refusals: &Refusals) {
    let (actor, source) = (Actor::anonymous(), Source::of(SourceKind::Web));
    let who = Who { actor, source, trace: shared.env().trace() };
    let input = json!({ "login": login, "addresses": refusals.addresses });
    let repeated = refusals.count.saturating_sub(1);
    write(shared, who, "login", &input, Some(Code::LoginFailed), repeated).await;
}
