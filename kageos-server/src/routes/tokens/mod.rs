//! API tokens of the caller.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;

use kageos_core::{Result, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{caller::Caller, extract::id};

/// Whose tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Whose {
    /// The account; absent for the caller. Administrators name others.
    user: Option<String>,
}

impl Whose {
    /// The account that is meant, when the caller may work on its tokens.
    fn user(&self, caller: &Caller) -> Result<UserId> {
        caller.in_person()?;
        let user = self.user.as_deref().map_or(Ok(caller.user.id), id)?;
        if user != caller.user.id {
            caller.admin()?;
        }
        Ok(user)
    }
}
