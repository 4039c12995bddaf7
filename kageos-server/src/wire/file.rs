use kageos_core::{FileInfo, ResourcePath, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoredFile {
    /// Its id.
    #[schema(value_type = String)]
    pub id: kageos_core::FileId,
    /// The function or directory that it belongs to: who may read there may read it.
    #[schema(value_type = String)]
    pub path: ResourcePath,
    /// What people call it.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// When it came.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Who brought it.
    #[schema(required, value_type = Option<String>)]
    pub created_by: Option<UserId>,
    /// Whether something names it, or it lies in a directory; another one goes after a day.
    pub kept: bool,
}

/// Files.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileList {
    /// The files.
    pub items: Vec<StoredFile>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

impl From<FileInfo> for StoredFile {
    fn from(file: FileInfo) -> Self {
        Self {
            id: file.id,
            path: file.path,
            name: file.name,
            media_type: file.media_type,
            size: file.size,
            sha256: file.sha256,
            created_at: file.created_at,
            created_by: file.created_by,
            kept: file.kept,
        }
    }
}
