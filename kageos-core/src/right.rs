//! Rights and the roles that bundle them.

use serde::{Deserialize, Serialize};

use crate::{Effects, Kind};

/// What an actor may do on a path; every action needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Right {
    /// See the path, its rows, charts and documents.
    Read,
    /// Create rows.
    Write,
    /// Change rows.
    Update,
    /// Delete, restore and purge rows.
    Delete,
    /// Submit forms and run functions.
    Run,
    /// Change the tree, and who may do what.
    Admin,
    /// Hand over or remove the path itself.
    Owner,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Write, Self::Update, Self::Delete, Self::Run, Self::Admin, Self::Owner];

    /// The right that an action of a function needs: to run it, or the strongest of what it does to rows.
    #[must_use]
    pub fn of_action(kind: Kind, effects: Effects) -> Self {
        match kind {
            Kind::Form | Kind::Fn => Self::Run,
            _ if effects.external => Self::Run,
            _ if effects.deletes => Self::Delete,
            _ if effects.updates => Self::Update,
            _ if effects.creates => Self::Write,
            _ => Self::Read,
        }
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Right>", into = "Vec<Right>")]
pub struct Rights(u8);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// Every right.
    pub const EVERY: Self = Self(0b111_1111);

    /// Whether `right` is in the set.
    #[must_use]
    pub const fn contains(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }

    /// The set with `right`.
    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | (1 << right as u8))
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rights, weakest first.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::NONE, Self::with)
    }
}

impl From<Vec<Right>> for Rights {
    fn from(rights: Vec<Right>) -> Self {
        rights.into_iter().collect()
    }
}

impl From<Rights> for Vec<Right> {
    fn from(rights: Rights) -> Self {
        rights.iter().collect()
    }
}

/// A named set of rights; each holds all of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works with rows and runs functions.
    Member,
    /// Changes the tree and grants.
    Admin,
    /// Everything.
    Owner,
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Member, Self::Admin, Self::Owner];

    /// The rights of the role.
    #[must_use]
    pub const fn rights(self) -> Rights {
        let viewer = Rights::NONE.with(Right::Read);
        let member = viewer.with(Right::Write).with(Right::Update).with(Right::Delete).with(Right::Run);
        match self {
            Self::Viewer => viewer,
            Self::Member => member,
            Self::Admin => member.with(Right::Admin),
            Self::Owner => Rights::EVERY,
        }
    }

    /// The role as text, as in tables and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
