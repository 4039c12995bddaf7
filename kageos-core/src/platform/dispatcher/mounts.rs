//! Which host runs which workspace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::function::{Function, Functions};
use crate::platform::tree::{Node, check_declared};
use crate::{ActionSchema, FunctionSchema, Host, Kind, Manifest, NodeId, ResourcePath, Result};

/// The hosts of this process by the node of their workspace; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Mounts {
    by_workspace: Arc<ArcSwap<HashMap<NodeId, Arc<Mount>>>>,
}

#[derive(Debug)]
struct Mount {
    host: Arc<dyn Host>,
    functions: Mutex<Kept>,
}

/// The functions of a mount, while somebody uses them: what an app declares may take a hundred times the room of a
/// workspace that rests.
#[derive(Debug, Default)]
struct Kept {
    functions: Option<Arc<Functions>>,
    /// Since it was last asked whether they are.
    used: bool,
}

impl Mount {
    fn new(host: Arc<dyn Host>, functions: Option<Functions>) -> Arc<Self> {
        Arc::new(Self {
            host,
            functions: Mutex::new(Kept { functions: functions.map(Arc::new), used: true }),
        })
    }

    fn functions(&self) -> Option<Arc<Functions>> {
        let mut kept = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        kept.used = true;
        if kept.functions.is_none() {
            let read = functions(&self.host.manifest(), Function::of);
            let read = read.inspect_err(|error| tracing::error!(%error, "an app declares what is no schema"));
            kept.functions = read.ok().map(Arc::new);
        }
        kept.functions.clone()
    }

    /// Lets go of what nobody has used since it was asked last.
    fn rest(&self) {
        let mut kept = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut kept.used) {
            kept.functions = None;
        }
    }
}

fn functions(manifest: &Manifest, make: fn(FunctionSchema) -> Result<Function>) -> Result<Functions> {
    let made = manifest.functions.iter().map(|entry| {
        let function = make(entry.schema.clone())?;
        Ok((entry.path.clone(), Arc::new(function)))
    });
    made.collect()
}

/// What a call of a function goes to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub function: Arc<Function>,
    pub host: Arc<dyn Host>,
}

impl Mounts {
    /// Whether a manifest can be mounted at a workspace.
    ///
    /// # Errors
    /// When a schema of it does not compile, and those of [`check_declared`].
    pub fn check(workspace: &ResourcePath, manifest: &Manifest) -> Result<()> {
        check_declared(workspace, manifest)?;
        manifest.functions.iter().try_for_each(|entry| Function::compile(entry.schema.clone()).map(drop))
    }

    /// Lets `host` run the functions of a workspace, in place of the one before.
    ///
    /// # Errors
    /// When a schema of its manifest does not compile.
    pub fn mount(&self, workspace: NodeId, host: Arc<dyn Host>) -> Result<()> {
        let functions = functions(&host.manifest(), Function::compile)?;
        self.set(workspace, Mount::new(host, Some(functions)));
        Ok(())
    }

    /// The same for a host whose manifest was found to compile before ([`Mounts::check`]): it is read when somebody asks for
    /// a function.
    pub fn mount_resting(&self, workspace: NodeId, host: Arc<dyn Host>) {
        self.set(workspace, Mount::new(host, None));
    }

    /// Lets go of what a workspace declares, when nobody has asked for it since this was said last. It is read again
    /// when somebody asks.
    pub fn rest(&self, workspace: NodeId) {
        let mount = self.by_workspace.load().get(&workspace).cloned();
        if let Some(mount) = mount {
            mount.rest();
        }
    }

    fn set(&self, workspace: NodeId, mount: Arc<Mount>) {
        self.by_workspace.rcu(|mounts| {
            let mut mounts = HashMap::clone(mounts);
            mounts.insert(workspace, Arc::clone(&mount));
            mounts
        });
    }

    /// Takes the host of a workspace away.
    pub fn unmount(&self, workspace: NodeId) {
        self.by_workspace.rcu(|mounts| {
            let mut mounts = HashMap::clone(mounts);
            mounts.remove(&workspace);
            mounts
        });
    }

    /// Every workspace that has a host here, with it.
    #[must_use]
    pub fn all(&self) -> Vec<(NodeId, Arc<dyn Host>)> {
        let mounts = self.by_workspace.load();
        let mut all: Vec<_> = mounts.iter().map(|(id, mount)| (*id, Arc::clone(&mount.host))).collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// The function at a node, when its workspace has a host here.
    #[must_use]
    pub fn function(&self, node: &Node) -> Option<Arc<Function>> {
        self.target(node).map(|target| target.function)
    }

    /// Whether the workspace that a node lies in has a host here.
    #[must_use]
    pub fn hosts(&self, node: &Node) -> bool {
        self.host(&node.chain).is_some()
    }

    /// The host of the workspace that a node lies in.
    #[must_use]
    pub(super) fn host(&self, chain: &[NodeId]) -> Option<Arc<dyn Host>> {
        self.by_workspace.load().get(chain.get(1)?).map(|mount| Arc::clone(&mount.host))
    }

    pub(super) fn target(&self, node: &Node) -> Option<Target> {
        let mounts = self.by_workspace.load();
        let mount = mounts.get(node.chain.get(1)?)?;
        let functions = mount.functions()?;
        let function = functions.get(node.path.in_workspace())?;
        Some(Target { function: Arc::clone(function), host: Arc::clone(&mount.host) })
    }
}

/// What the platform itself answers has no kind and no schema of its own; for the door it is one function.
pub(super) fn own_schema(title: &str, actions: &[ActionSchema]) -> FunctionSchema {
    FunctionSchema {
        kind: Kind::Fn,
        title: title.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        actions: actions.to_vec(),
        table: None,
    }
}
