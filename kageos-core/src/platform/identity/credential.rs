//! What someone shows to be let in.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde::Serialize;

use super::{Secret, User};
use crate::{Actor, Scope, SessionId, Timestamp, TokenId, UserId};

/// How long a session lasts without being used: a working day.
pub const SESSION_IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a session lasts at most, however busy: thirty days.
pub const SESSION_LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an API token lasts at most: a year.
pub const TOKEN_LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Most sessions of one account; the one used longest ago ends when there would be more.
pub const MAX_SESSIONS: u32 = 100;
/// Most API tokens of one account: more programs than that want accounts of their own.
pub const MAX_TOKENS: u32 = 100;

/// What was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The token of a session.
    Session(SessionId),
    /// An API token.
    Token(TokenId),
}

/// Someone who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// The account.
    pub user: Arc<User>,
    /// The account as the actor of calls, within the scope of its token.
    pub actor: Actor,
    /// What was shown.
    pub credential: Credential,
    /// When that ends at the latest.
    pub expires_at: Timestamp,
}

/// A login to be tried.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct Login<'a> {
    /// The login name as typed.
    pub login: &'a str,
    /// The password as typed.
    pub password: &'a Secret,
    /// Where the request comes from; `None` on the machine itself.
    pub address: Option<IpAddr>,
    /// What the browser calls itself, for the list of sessions.
    pub client: Option<&'a str>,
    /// The session token that came with the request; it ends when the login succeeds.
    pub previous: Option<&'a Secret>,
}

/// A session that was opened.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a token")]
pub struct Opened {
    /// The token, for the cookie. It is stored nowhere.
    pub token: Secret,
    /// Who was let in.
    pub who: Authenticated,
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What the browser called itself.
    pub client: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// An API token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Who it acts for.
    pub user: UserId,
    /// What people call it.
    pub name: String,
    /// The most it may do. Without the right to read it could do nothing.
    pub scope: Scope,
    /// When it ends, at most [`TOKEN_LONGEST`] from now.
    pub expires_at: Timestamp,
}

/// An API token in a list. The token itself was shown once and is stored nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// Who it acts for.
    pub user: UserId,
    /// What people call it.
    pub name: String,
    /// The most it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub used_at: Option<Timestamp>,
}

/// An API token that was made.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a token")]
pub struct Issued {
    /// The token, to be shown once. It is stored nowhere.
    pub secret: Secret,
    /// What is kept of it.
    pub token: ApiToken,
}
