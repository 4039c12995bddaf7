use kageos_core::{Timestamp, UserId, platform::identity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is signed in, and until when.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionInfo {
    /// The account.
    pub user: User,
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// An account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    /// Its id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// What is typed to sign in.
    pub login: String,
    /// What people call them.
    pub name: String,
    /// Where mail reaches them.
    #[schema(required)]
    pub email: Option<String>,
    /// The code of their own namespace.
    #[schema(required)]
    pub namespace: Option<String>,
    /// May do everything everywhere.
    pub admin: bool,
    /// May do nothing and not sign in.
    pub disabled: bool,
    /// Language of the screens.
    #[schema(required)]
    pub locale: Option<String>,
    /// Light or dark screens.
    #[schema(required)]
    pub theme: Option<String>,
    /// Time zone of the screens.
    #[schema(required)]
    pub time_zone: Option<String>,
    /// When the account was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&identity::User> for User {
    fn from(user: &identity::User) -> Self {
        Self {
            id: user.id,
            login: user.login.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
            namespace: user.namespace.clone(),
            admin: user.admin,
            disabled: user.disabled,
            locale: user.locale.clone(),
            theme: user.theme.clone(),
            time_zone: user.time_zone.clone(),
            created_at: user.created_at,
        }
    }
}

/// Accounts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserList {
    /// The accounts, by login.
    pub items: Vec<User>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// A login.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct LoginInput {
    /// The login name.
    pub login: String,
    /// The password.
    pub password: String,
}

/// What to change in one's own account; what is absent stays, what is null is emptied.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct SessionPatch {
    /// What people call them.
    pub name: Option<String>,
    /// Language of the screens.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub locale: Option<Option<String>>,
    /// Light or dark screens.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub theme: Option<Option<String>>,
    /// Time zone of the screens.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Option<String>>,
    /// A new password; all other sessions end.
    pub password: Option<PasswordChange>,
}

/// A change of one's own password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds passwords")]
pub struct PasswordChange {
    /// The password now.
    pub old: String,
    /// The password to be.
    pub new: String,
}

/// An account to be made.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct UserInput {
    /// What is typed to sign in.
    pub login: String,
    /// What people call them.
    pub name: String,
    /// Where mail reaches them.
    #[serde(default)]
    pub email: Option<String>,
    /// The first password; without one the account is a program's, which has tokens only.
    #[serde(default)]
    pub password: Option<String>,
    /// May do everything everywhere.
    #[serde(default)]
    pub admin: bool,
    /// The code of a namespace of their own, made with the account.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// What to change in an account; what is absent stays, what is null is emptied.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct UserPatch {
    /// What people call them.
    pub name: Option<String>,
    /// Where mail reaches them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// May do everything everywhere.
    pub admin: Option<bool>,
    /// May do nothing and not sign in.
    pub disabled: Option<bool>,
    /// A new password; all sessions end.
    pub password: Option<String>,
}

/// A field that was given, also when it was given as null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
