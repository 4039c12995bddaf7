//! `kagectl user`, `kagectl namespace`, `kagectl token` and `kagectl transfer`

use hyper::Method;
use kageos_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::{
    Session,
    args::{Namespace, Token, Transfer, User},
    remote::Remote,
};
use crate::state;

pub(super) async fn run(session: &Session, command: User) -> Result<()> {
    let remote = Remote::find(&session.state)?;
    match command {
        User::List => list(session, &remote).await,
        User::Add { login, name, email, admin, service } => {
            let password = (!service).then(|| state::password(&*session.env.entropy));
            let name = name.unwrap_or_else(|| login.clone());
            let body =
                json!({ "login": login, "name": name, "email": email, "admin": admin, "password": password });
            let user: Value = remote.ask(Method::POST, "/api/v1/users", Some(&body)).await?;
            tell(session, &user, password.as_deref());
            Ok(())
        }
        User::Disable { login } => change(session, &remote, &login, &json!({ "disabled": true }), None).await,
        User::Enable { login } => change(session, &remote, &login, &json!({ "disabled": false }), None).await,
        User::Password { login } => {
            let password = state::password(&*session.env.entropy);
            change(session, &remote, &login, &json!({ "password": password }), Some(&password)).await
        }
    }
}

/// The id of the account with a login.
pub(super) async fn id(remote: &Remote, login: &str) -> Result<Value> {
    let plain = login.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
    let none = || Error::new(Code::NotFound, format!("There is no user {login:?}."));
    if !plain {
        return Err(none());
    }
    let found: Value = remote.ask(Method::GET, &format!("/api/v1/users?login={login}"), None).await?;
    found["items"].get(0).map(|user| user["id"].clone()).ok_or_else(none)
}

async fn list(session: &Session, remote: &Remote) -> Result<()> {
    let mut users = Vec::new();
    let mut next = String::new();
    loop {
        let page: Value = remote.ask(Method::GET, &format!("/api/v1/users?limit=500{next}"), None).await?;
        users.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["next"].as_str() {
            Some(after) => next = format!("&next={}", escaped(after)),
            None => break,
        }
    }
    session.output.result(&users, || users.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// The text as part of a query.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn line(user: &Value) -> String {
    let text = |key: &str| user[key].as_str().unwrap_or_default().to_owned();
    let mark = |key: &str| if user[key] == true { format!(" ({key})") } else { String::new() };
    format!("{} {:<20} {}{}{}", text("id"), text("login"), text("name"), mark("admin"), mark("disabled"))
}

async fn change(
    session: &Session,
    remote: &Remote,
    login: &str,
    patch: &Value,
    password: Option<&str>,
) -> Result<()> {
    let id = id(remote, login).await?;
    let path = format!("/api/v1/users/{}", id.as_str().unwrap_or_default());
    let user: Value = remote.ask(Method::PATCH, &path, Some(patch)).await?;
    tell(session, &user, password);
    Ok(())
}

fn tell(session: &Session, user: &Value, password: Option<&str>) {
    let told = json!({ "user": user, "password": password });
    session.output.result(&told, || {
        line(user) + &password.map(|password| format!("\npassword  {password}")).unwrap_or_default()
    });
}

pub(super) async fn namespace(session: &Session, args: Namespace) -> Result<()> {
    let remote = Remote::find(&session.state)?;
    let owner = match &args.owner {
        Some(login) => id(&remote, login).await?,
        None => Value::Null,
    };
    let title = args.title.unwrap_or_else(|| args.code.clone());
    let body = json!({ "code": args.code, "title": title, "owner": owner });
    let node: Value = remote.ask(Method::POST, "/api/v1/namespaces", Some(&body)).await?;
    session.output.result(&node, || node["path"].as_str().unwrap_or_default().to_owned());
    Ok(())
}

pub(super) async fn token(session: &Session, command: Token) -> Result<()> {
    let remote = Remote::find(&session.state)?;
    match command {
        Token::List { user } => {
            let path = format!("/api/v1/tokens{}", whose(&remote, user.as_deref()).await?);
            let tokens: Value = remote.ask(Method::GET, &path, None).await?;
            let line =
                |token: &Value| format!("{} {} until {}", token["id"], token["name"], token["expires_at"]);
            let lines =
                || tokens["items"].as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n");
            session.output.result(&tokens["items"], lines);
        }
        Token::Create { name, path, rights, days, user } => {
            let user = match &user {
                Some(login) => id(&remote, login).await?,
                None => Value::Null,
            };
            let expires_at = days.map(|days| session.in_days(days));
            let scope = json!({ "path": path, "rights": rights });
            let body = json!({ "name": name, "scope": scope, "expires_at": expires_at, "user": user });
            let token: Value = remote.ask(Method::POST, "/api/v1/tokens", Some(&body)).await?;
            session.output.result(&token, || token["token"].as_str().unwrap_or_default().to_owned());
        }
        Token::Revoke { id, user } => {
            let path = format!("/api/v1/tokens/{}{}", escaped(&id), whose(&remote, user.as_deref()).await?);
            let _: Value = remote.ask(Method::DELETE, &path, None).await?;
            session.output.result(&json!({ "revoked": id }), || "revoked".to_owned());
        }
    }
    Ok(())
}

/// The query that names another account.
async fn whose(remote: &Remote, login: Option<&str>) -> Result<String> {
    let Some(login) = login else { return Ok(String::new()) };
    Ok(format!("?user={}", id(remote, login).await?.as_str().unwrap_or_default()))
}

pub(super) async fn transfer(session: &Session, args: Transfer) -> Result<()> {
    let remote = Remote::find(&session.state)?;
    let (from, to) = (id(&remote, &args.from).await?, id(&remote, &args.to).await?);
    let body = json!({ "from": from, "to": to, "end_tokens": args.end_tokens, "preview": args.preview });
    let done: Value = remote.ask(Method::POST, "/api/v1/transfers", Some(&body)).await?;
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or("-").to_owned();
    let line = |item: &Value| {
        format!(
            "{:<7} {:<10} {:<20} {}",
            text(item, "fate"),
            text(item, "kind"),
            text(item, "name"),
            text(item, "path")
        )
    };
    let head = if args.preview { "nothing was changed" } else { "done" };
    session.output.result(&done, || {
        let items = done["items"].as_array().into_iter().flatten().map(line);
        items.chain([head.to_owned()]).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
