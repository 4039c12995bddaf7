//! `kagectl call`, and what is a call by another name: `kagectl undo` and `kagectl grant`.

use std::{pin::pin, time::Duration};

use hyper::{Method, StatusCode};
use kageos_core::{CallId, Code, Error, ResourcePath, Result, json};
use serde_json::{Value, json};

use super::{
    Session, args,
    output::Output,
    remote::{Remote, problem_as_error},
    user,
};
use crate::wire::Problem;

/// How often it is asked what became of a call that runs on.
const ASK_AGAIN: Duration = Duration::from_millis(500);

pub(super) async fn run(session: &Session, args: args::Call) -> Result<()> {
    let request = json!({
        "action": args.action,
        "input": json::parse(args.input.as_bytes())?,
        "dry_run": args.dry_run,
        "idempotency_key": args.key,
    });
    let remote = Remote::find(&session.state)?;
    let reply = begin(&remote, session.output, &args.path.parse()?, &request).await?;
    session.output.result(&reply, || pretty(&reply["output"]));
    Ok(())
}

/// Calls, and tells how far it is when it takes long; answers the reply.
pub(super) async fn begin(
    remote: &Remote,
    output: Output,
    path: &ResourcePath,
    request: &Value,
) -> Result<Value> {
    let (status, answer) = remote.begin(&format!("/api/v1/call{path}"), request).await?;
    if status == StatusCode::ACCEPTED { follow(remote, output, answer).await } else { Ok(answer) }
}

/// Tells on standard error how far a call has come, until it has ended. When it is interrupted, the call is cancelled.
async fn follow(remote: &Remote, output: Output, mut state: Value) -> Result<Value> {
    let address = format!("/api/v1/calls/{}", state["call"].as_str().unwrap_or_default());
    let mut told = Value::Null;
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let mut cancelled = false;
    while state["status"] == "pending" {
        if state["progress"] != told {
            told = state["progress"].clone();
            output.progress(&progress(&told));
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_AGAIN) => {}
            _ = &mut interrupted, if !cancelled => {
                cancelled = true;
                output.progress("cancelling");
                remote.ask::<Value>(Method::DELETE, &address, None).await?;
            }
        }
        state = remote.ask(Method::GET, &address, None).await?;
    }
    match serde_json::from_value::<Problem>(state["problem"].clone()) {
        Ok(problem) => Err(problem_as_error(problem)),
        Err(_) if state["reply"].is_null() => {
            Ok(json!({ "call": state["call"], "output": null, "changes": [] }))
        }
        Err(_) => Ok(state["reply"].take()),
    }
}

/// `12 of 40: reading`, as far as it is known.
fn progress(told: &Value) -> String {
    let message = told["message"].as_str().unwrap_or_default();
    match (told["total"].as_u64(), told["done"].as_u64()) {
        (Some(total), done) => format!("{} of {total} {message}", done.unwrap_or_default()),
        (None, Some(1..)) => format!("{} {message}", told["done"]),
        (None, _) => message.to_owned(),
    }
}

/// Takes back what a call changed.
pub(super) async fn undo(session: &Session, args: args::Undo) -> Result<()> {
    let call: CallId = args.call.parse().map_err(|_| Error::of(Code::NotFound))?;
    let address = format!("/api/v1/calls/{call}/undo?dry_run={}", args.dry_run);
    let reply: Value = Remote::find(&session.state)?.ask(Method::POST, &address, None).await?;
    session.output.result(&reply, || pretty(&reply["changes"]));
    Ok(())
}

pub(super) async fn grant(session: &Session, args: args::Grant) -> Result<()> {
    let remote = Remote::find(&session.state)?;
    let request = match &args.revoke {
        Some(grant) => json!({ "action": "revoke", "input": { "grant": grant } }),
        None => {
            let subject = subject(&remote, &args).await?;
            let expires_at = args.days.map(|days| session.in_days(days));
            let input =
                json!({ "subject": subject, "role": args.role, "deny": args.deny, "expires_at": expires_at });
            json!({ "action": "grant", "input": input })
        }
    };
    let reply = send(&remote, &args.path, &request).await?;
    session.output.result(&reply["output"], || pretty(&reply["output"]));
    Ok(())
}

async fn subject(remote: &Remote, args: &args::Grant) -> Result<Value> {
    match (&args.user, &args.group) {
        (Some(login), _) => Ok(json!({ "kind": "user", "id": user::id(remote, login).await? })),
        (None, Some(group)) => Ok(json!({ "kind": "group", "id": group })),
        (None, None) => Err(Error::new(Code::InvalidInput, "Say for whom: --user or --group.")),
    }
}

async fn send(remote: &Remote, path: &str, request: &Value) -> Result<Value> {
    remote.ask(Method::POST, &address(path)?, Some(request)).await
}

/// Where the function or directory at a path is called.
fn address(path: &str) -> Result<String> {
    let path: ResourcePath = path.parse()?;
    Ok(format!("/api/v1/call{path}"))
}

pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
