//! Being signed in.

pub(super) mod change;
mod cookie;
pub(super) mod current;
pub(super) mod login;
pub(super) mod logout;

use crate::{
    caller::Caller,
    wire::{SessionInfo, User},
};
use kageos_core::{Code, Error, Result};

/// The session of a caller.
///
/// # Errors
/// [`Code::Unauthenticated`] for a caller that showed something else.
fn info(caller: &Caller) -> Result<SessionInfo> {
    let (_, expires_at) =
        caller.session.ok_or_else(|| Error::new(Code::Unauthenticated, "There is no session."))?;
    Ok(SessionInfo { user: User::from(&*caller.user), expires_at })
}
