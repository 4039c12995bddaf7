//! People and service accounts.

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::{Actor, ActorKind, Error, FieldError, Result, Timestamp, UserId, path};

/// Longest login name, in characters: what a mail address commonly needs.
pub const MAX_LOGIN: usize = 64;
/// Longest name of a person, in characters: fits a line of a list.
pub const MAX_NAME: usize = 100;
/// Longest mail address, in characters (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const MAX_EMAIL: usize = 254;
/// Longest locale, theme or time zone, in characters: the longest zone name has half of it.
pub const MAX_PREFERENCE: usize = 64;
/// How screens may look; the first goes by the reader's own device.
const THEMES: [&str; 3] = ["system", "light", "dark"];

/// Who is behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person, who signs in with a password.
    Person,
    /// A program, which has tokens only.
    Service,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// What is typed to sign in; no two differ only in case.
    pub login: String,
    /// What people call them.
    pub name: String,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Who is behind it.
    pub kind: UserKind,
    /// The code of their own namespace.
    pub namespace: Option<String>,
    /// May do everything everywhere.
    pub admin: bool,
    /// May do nothing and not sign in.
    pub disabled: bool,
    /// Language of the screens.
    pub locale: Option<String>,
    /// Light or dark screens.
    pub theme: Option<String>,
    /// Time zone of the screens.
    pub time_zone: Option<String>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl User {
    /// The account as the actor of a call.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let kind = match self.kind {
            UserKind::Person => ActorKind::User,
            UserKind::Service => ActorKind::Service,
        };
        Actor::principal(kind, self.id, self.login.clone())
    }
}

/// An account to be made.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct NewUser {
    /// What is typed to sign in.
    pub login: String,
    /// What people call them.
    pub name: String,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Who is behind it.
    pub kind: UserKind,
    /// The code of their own namespace.
    pub namespace: Option<String>,
    /// May do everything everywhere.
    pub admin: bool,
    /// The first password of a person; without one nobody can sign in yet.
    pub password: Option<Secret>,
}

/// What to change in an account; `None` leaves a field, `Some(None)` empties it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// What people call them.
    pub name: Option<String>,
    /// Where mail reaches them.
    pub email: Option<Option<String>>,
    /// The code of their own namespace.
    pub namespace: Option<Option<String>>,
    /// May do everything everywhere.
    pub admin: Option<bool>,
    /// May do nothing and not sign in.
    pub disabled: Option<bool>,
    /// Language of the screens.
    pub locale: Option<Option<String>>,
    /// Light or dark screens.
    pub theme: Option<Option<String>>,
    /// Time zone of the screens.
    pub time_zone: Option<Option<String>>,
}

impl UserPatch {
    /// The account with the changes.
    #[must_use]
    pub fn apply(self, user: User) -> User {
        User {
            name: self.name.unwrap_or(user.name),
            email: self.email.unwrap_or(user.email),
            namespace: self.namespace.unwrap_or(user.namespace),
            admin: self.admin.unwrap_or(user.admin),
            disabled: self.disabled.unwrap_or(user.disabled),
            locale: self.locale.unwrap_or(user.locale),
            theme: self.theme.unwrap_or(user.theme),
            time_zone: self.time_zone.unwrap_or(user.time_zone),
            ..user
        }
    }
}

/// All that is wrong with the texts of an account.
pub(super) fn check(user: &User) -> Result<()> {
    let mut fields = Vec::new();
    let mut rule = |holds: bool, pointer: &str, message: String| {
        if !holds {
            fields.push(FieldError { pointer: pointer.to_owned(), code: "format".into(), message });
        }
    };
    let message =
        format!("a login has at most {MAX_LOGIN} letters, digits and . _ - @ +, and one letter or digit");
    rule(is_login(&user.login), "/login", message);
    rule(is_line(&user.name, MAX_NAME), "/name", format!("a name has 1 to {MAX_NAME} characters"));
    rule(user.email.as_deref().is_none_or(is_email), "/email", "not a mail address".to_owned());
    let namespace = |code: &str| path::is_code(code) && !path::RESERVED_NAMESPACES.contains(&code);
    rule(user.namespace.as_deref().is_none_or(namespace), "/namespace", "not a code, or reserved".to_owned());
    rule(
        user.locale.as_deref().is_none_or(is_locale),
        "/locale",
        "a language tag, as en or zh-CN".to_owned(),
    );
    let is_theme = |text: &str| THEMES.contains(&text);
    rule(user.theme.as_deref().is_none_or(is_theme), "/theme", format!("one of {}", THEMES.join(", ")));
    let message = "the name of a time zone, as Europe/Berlin".to_owned();
    rule(user.time_zone.as_deref().is_none_or(is_time_zone), "/time_zone", message);
    if fields.is_empty() { Ok(()) } else { Err(Error::invalid(fields)) }
}

/// A language tag by its form: `zh-Hans-CN`.
fn is_locale(text: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    text.len() <= MAX_PREFERENCE && text.split('-').all(part)
}

/// The name of a time zone by its form; which there are, only the reader's own data tell.
fn is_time_zone(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(letter);
    text.len() <= MAX_PREFERENCE && text.split('/').all(part)
}

/// Letters of any script, but none that only changes the one before it, so that equal looks mean equal text.
pub(super) fn is_login(text: &str) -> bool {
    (1..=MAX_LOGIN).contains(&text.chars().count())
        && text.chars().all(|c| c.is_alphanumeric() || "._-@+".contains(c))
        && text.chars().any(char::is_alphanumeric)
}

pub(super) fn is_line(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

/// A part before and a part after one `@`, no blanks: whether it exists only a mail can tell.
fn is_email(text: &str) -> bool {
    let parts = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    parts.is_some_and(|(_, domain)| !domain.contains('@'))
        && text.chars().count() <= MAX_EMAIL
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
