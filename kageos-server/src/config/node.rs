//! What a machine is among those of a platform.

use std::{str::FromStr, time::Duration};

use serde::Deserialize;

use crate::runtime::is_name;

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// `role`: `server`, or `runtime` for a machine that only runs apps for servers.
    pub role: Role,
    /// `name`: what a runtime node is called.
    pub name: Option<Name>,
    /// `labels`: what servers may ask of a runtime node.
    pub labels: Vec<Name>,
    /// `capacity`: most apps that a runtime node runs at a time.
    pub capacity: u32,
    /// `lease_ms`: after so long without a sign this server is taken for dead by others on its database.
    pub lease: Duration,
}

/// `[node].role`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It has a platform and answers over HTTP.
    Server,
    /// It runs apps for servers, and has nothing else.
    Runtime,
}

/// `[runtime].place`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceConfig {
    /// On this machine.
    Here,
    /// On runtime nodes; rows lie on a database server then.
    Nodes,
}

/// The name of a runtime node or a label: lower-case letters, digits, `-` and `_`, at most 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match is_name(text) {
            true => Ok(Self(text.to_owned())),
            false => Err("must be lower-case letters, digits, - and _, at most 64"),
        }
    }
}
