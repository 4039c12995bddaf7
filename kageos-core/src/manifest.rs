//! What an app declares.

use serde::{Deserialize, Serialize};

use crate::{Egress, FunctionSchema};

/// The version of the schema document that this crate writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that an app brings to its workspace. Paths are inside the workspace, without a leading slash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The app's code.
    pub app: String,
    /// The app's name for people.
    pub title: String,
    /// What it is for, Markdown.
    #[serde(default)]
    pub description: String,
    /// Directories with a text of their own.
    pub directories: Vec<DirectoryEntry>,
    /// Functions.
    pub functions: Vec<FunctionEntry>,
    /// What it reaches outside.
    #[serde(default, skip_serializing_if = "Egress::is_empty")]
    pub egress: Egress,
}

/// A directory that an app declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectoryEntry {
    /// Where, for example `hr` or `hr/leave`.
    pub path: String,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown.
    #[serde(default)]
    pub description: String,
}

/// A function that an app declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionEntry {
    /// Where, for example `customer.table` or `hr/leave.form`.
    pub path: String,
    /// What it is.
    pub schema: FunctionSchema,
}
