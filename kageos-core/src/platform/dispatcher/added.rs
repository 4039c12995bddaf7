//! Actions that whoever composes the platform adds to workspaces: their source, their releases.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::function::Function;
use super::mounts::{Target, own_schema};
use crate::platform::tree::Node;
use crate::{ActionName, ActionSchema, Code, Error, Host, ResourcePath, Result};

/// How deep a workspace lies.
const WORKSPACE_DEPTH: usize = 2;

fn is_workspace(path: &ResourcePath) -> bool {
    path.kind().is_none() && path.depth() == WORKSPACE_DEPTH
}

/// What was added, and what runs it.
#[derive(Debug, Default)]
pub(super) struct Added {
    all: ArcSwap<Vec<Target>>,
}

impl Added {
    /// Adds actions.
    pub(super) fn add(&self, title: &str, actions: &[ActionSchema], host: Arc<dyn Host>) -> Result<()> {
        let all = self.all.load();
        let taken =
            |action: &&ActionSchema| all.iter().any(|one| one.function.action(&action.name).is_some());
        if let Some(action) = actions.iter().find(taken) {
            let message = format!("Workspaces have an action {} already.", action.name);
            return Err(Error::new(Code::Conflict, message));
        }
        let function = Arc::new(Function::compile(own_schema(title, actions))?);
        self.all.rcu(|all| {
            let mut all = Vec::clone(all);
            all.push(Target { function: Arc::clone(&function), host: Arc::clone(&host) });
            all
        });
        Ok(())
    }

    /// What runs an action of a node; `None` when it was not added.
    pub(super) fn target(&self, node: &Node, action: &ActionName) -> Option<Target> {
        let all = self.all.load();
        all.iter().find(|one| is_workspace(&node.path) && one.function.action(action).is_some()).cloned()
    }

    /// Whether an action was added to what lies at a path.
    pub(super) fn has(&self, path: &ResourcePath, action: &ActionName) -> bool {
        is_workspace(path) && self.all.load().iter().any(|one| one.function.action(action).is_some())
    }

    /// The schemas of what was added.
    pub(super) fn actions(&self) -> Vec<ActionSchema> {
        self.all.load().iter().flat_map(|one| one.function.schema().actions.clone()).collect()
    }
}
