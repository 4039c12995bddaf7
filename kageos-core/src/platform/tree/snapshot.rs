//! The tree in memory: what every call is resolved in, without a query.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::Node;
use crate::{NodeId, ResourcePath};

/// The tree at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    generation: i64,
    by_path: HashMap<ResourcePath, Arc<Node>>,
    by_id: HashMap<NodeId, Arc<Node>>,
    /// Children in the order of their paths; `None` holds the namespaces.
    children: HashMap<Option<NodeId>, Vec<Arc<Node>>>,
}

impl Snapshot {
    /// Links the nodes. One whose parent is missing is left out.
    #[must_use]
    pub fn link(mut nodes: Vec<Node>) -> Self {
        nodes.sort_by(|one, other| one.path.cmp(&other.path));
        let mut tree = Self::default();
        // A parent's path is shorter and sorts before those of its children.
        for mut node in nodes {
            let above = node.parent.map(|id| tree.by_id.get(&id));
            let mut chain = match above {
                None => Vec::new(),
                Some(Some(parent)) => parent.chain.to_vec(),
                Some(None) => continue,
            };
            chain.push(node.id);
            node.chain = chain.into();
            let node = Arc::new(node);
            tree.by_path.insert(node.path.clone(), Arc::clone(&node));
            tree.by_id.insert(node.id, Arc::clone(&node));
            tree.children.entry(node.parent).or_default().push(node);
        }
        tree
    }

    /// As the state of the database with this number.
    #[must_use]
    pub(super) fn of(self, generation: i64) -> Self {
        Self { generation, ..self }
    }

    /// Which state of the database this is; every change of nodes counts one up.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// The node at a path.
    #[must_use]
    pub fn get(&self, path: &ResourcePath) -> Option<&Arc<Node>> {
        self.by_path.get(path)
    }

    /// The node with an id.
    #[must_use]
    pub fn by_id(&self, id: NodeId) -> Option<&Arc<Node>> {
        self.by_id.get(&id)
    }

    /// The children of a node in the order of their paths; the namespaces for `None`.
    #[must_use]
    pub fn children(&self, parent: Option<NodeId>) -> &[Arc<Node>] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// A node and everything below it, parents first.
    #[must_use]
    pub fn subtree(&self, root: &Arc<Node>) -> Vec<Arc<Node>> {
        let mut found = vec![Arc::clone(root)];
        let mut at = 0;
        while at < found.len() {
            found.extend_from_slice(self.children(Some(found[at].id)));
            at += 1;
        }
        found
    }

    /// Every node, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.by_id.values()
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
