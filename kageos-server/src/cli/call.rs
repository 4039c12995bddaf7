//! `kagectl call`, and what is a call by another name: `kagectl grant`.

use hyper::Method;
use kageos_core::{Code, Error, Result, json};
use serde_json::{Value, json};

use super::{Session, args, remote::Remote, user};

pub(super) async fn run(session: &Session, args: args::Call) -> Result<()> {
    let request = json!({
        "action": args.action,
        "input": json::parse(args.input.as_bytes())?,
        "dry_run": args.dry_run,
        "idempotency_key": args.key,
    });
    let reply = send(&Remote::find(&session.state)?, &args.path, &request).await?;
    session.output.result(&reply, || pretty(&reply["output"]));
    Ok(())
}

pub(super) async fn grant(session: &Session, args: args::Grant) -> Result<()> {
    let remote = Remote::find(&session.state)?;
    let request = match &args.revoke {
        Some(grant) => json!({ "action": "revoke", "input": { "grant": grant } }),
        None => {
            let subject = subject(&remote, &args).await?;
            let input = json!({ "subject": subject, "role": args.role, "deny": args.deny });
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
    remote.ask(Method::POST, &format!("/api/v1/call{path}"), Some(request)).await
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
