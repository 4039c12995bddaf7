use kageos_core::{ResourcePath, Rights, Timestamp, TokenId, UserId, platform::identity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most that a token may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenScope {
    /// Only here and below; absent for everywhere.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub path: Option<ResourcePath>,
    /// Only these rights.
    #[schema(value_type = Vec<super::Right>)]
    pub rights: Rights,
}

/// An API token to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// What people call it.
    pub name: String,
    /// The most it may do.
    pub scope: TokenScope,
    /// When it ends; absent for as late as a token may.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Who it acts for; absent for oneself. Administrators make tokens for others.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
}

/// An API token; the token itself was shown once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Token {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// The most it may do.
    pub scope: TokenScope,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// API tokens.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TokenList {
    /// The tokens.
    pub items: Vec<Token>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// An API token, shown this once.
#[derive(Clone, Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it holds the token")]
pub struct NewToken {
    /// What the program shows.
    pub token: String,
    /// What the list shows.
    #[serde(flatten)]
    pub listed: Token,
}

impl From<identity::ApiToken> for Token {
    fn from(token: identity::ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scope: TokenScope { path: token.scope.path, rights: token.scope.rights },
            expires_at: token.expires_at,
            created_at: token.created_at,
            last_used_at: token.used_at,
        }
    }
}
