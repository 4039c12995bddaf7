use kageos_core::{
    CallId, ResourcePath, UserId,
    platform::handover::{Fate, Item},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who hands over everything to whom.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferInput {
    /// The account whose things they are.
    #[schema(value_type = String)]
    pub from: UserId,
    /// The account whose they become.
    #[schema(value_type = String)]
    pub to: UserId,
    /// Ends the API tokens of the first one.
    #[serde(default)]
    pub end_tokens: bool,
    /// Shows what would become of what, and changes nothing.
    #[serde(default)]
    pub preview: bool,
}

/// What became of what somebody held, or would.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Transfer {
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// Whether nothing was changed because that was asked.
    pub preview: bool,
    /// Everything that the first account holds, grants first.
    pub items: Vec<TransferItem>,
}

/// One thing that somebody holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TransferItem {
    /// What it is: `grant`, `denial`, `namespace`, `token` and so on.
    pub kind: String,
    /// Where it is; null for what lies in no place, or in the recycle bin.
    #[schema(required, value_type = Option<String>)]
    pub path: Option<ResourcePath>,
    /// Its name: the role of a grant, the name of a token.
    pub name: String,
    /// What becomes of it.
    pub fate: TransferFate,
}

/// What becomes of something.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferFate {
    /// It goes over.
    Handed,
    /// It ends.
    Ended,
    /// It stays where it is.
    Kept,
}

impl From<Item> for TransferItem {
    fn from(item: Item) -> Self {
        let fate = match item.fate {
            Fate::Handed => TransferFate::Handed,
            Fate::Ended => TransferFate::Ended,
            Fate::Kept => TransferFate::Kept,
        };
        Self { kind: item.kind, path: item.path, name: item.name, fate }
    }
}
