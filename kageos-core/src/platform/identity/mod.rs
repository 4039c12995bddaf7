//! Who someone is: accounts, passwords, sessions and API tokens.
//!
//! [`Identity`] lets people in with a password and programs with a token. A login opens a [`Session`] with a
//! random token that the browser keeps; a person makes [`ApiToken`]s with a narrower scope for programs. The
//! database holds argon2id hashes of passwords and digests of tokens, never the secrets. Attempts are slowed
//! down before a password is hashed, and what is revoked holds at the next request.
//!
//! ```
//! use kageos_core::platform::identity::{Secret, check_password};
//!
//! assert!(check_password(&Secret::new("correct horse battery"), "ada").is_ok());
//! assert!(check_password(&Secret::new("password1234"), "ada").is_err());
//! assert!(check_password(&Secret::new("ada.lovelace!"), "Ada").is_err());
//! ```

mod credential;
mod known;
mod password;
mod secret;
mod service;
pub mod store;
mod throttle;
mod user;

pub use credential::{
    ApiToken, Authenticated, Credential, Issued, Login, MAX_SESSIONS, MAX_TOKENS, NewToken, Opened,
    SESSION_IDLE, SESSION_LONGEST, Session, TOKEN_LONGEST,
};
pub use password::{MAX_PASSWORD, MIN_PASSWORD, check_password};
pub use secret::{Secret, TOKEN_PREFIX, is_api_token};
pub use service::{Identity, MAX_NAMES, SYSTEM_LOGIN};
pub use store::Prepared;
pub use user::{MAX_EMAIL, MAX_LOGIN, MAX_NAME, MAX_PREFERENCE, NewUser, User, UserKind, UserPatch};

/// Text folded for comparison: what differs only in case, or in blanks around it, is the same.
#[must_use]
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The pattern of `LIKE … ESCAPE '!'` for text that holds `part`, in lower case.
pub(in crate::platform) fn containing(part: &str) -> String {
    let part = fold(part).replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{part}%")
}
