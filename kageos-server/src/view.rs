//! The tree as one caller sees it.

use std::sync::Arc;

use kageos_core::{
    Actor, Code, Error, NodeId, ResourcePath, Result, Right, Rights,
    platform::tree::{Node, Snapshot},
};

use crate::shared::Shared;

/// The tree at one moment, with what the actor may not see left out.
pub(crate) struct View<'a> {
    shared: &'a Shared,
    actor: &'a Actor,
    tree: Arc<Snapshot>,
}

impl<'a> View<'a> {
    pub(crate) fn of(shared: &'a Shared, actor: &'a Actor) -> Self {
        Self { shared, actor, tree: shared.platform().tree().snapshot() }
    }

    pub(crate) fn tree(&self) -> &Snapshot {
        &self.tree
    }

    /// What the actor may do at a node.
    pub(crate) fn rights(&self, node: &Node) -> Rights {
        self.shared.platform().access().rights(self.actor, &node.chain, &node.path)
    }

    pub(crate) fn sees(&self, node: &Node) -> bool {
        self.rights(node).contains(Right::Read)
    }

    /// The node at a path.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none, or none that the actor may see.
    pub(crate) fn node(&self, path: &ResourcePath) -> Result<&Arc<Node>> {
        self.tree.get(path).filter(|node| self.sees(node)).ok_or_else(|| Error::of(Code::NotFound))
    }

    /// The node at a path, for somebody who needs a right on it.
    ///
    /// # Errors
    /// As [`View::node`]; [`Code::Forbidden`] without the right.
    pub(crate) fn node_with(&self, path: &ResourcePath, right: Right) -> Result<&Arc<Node>> {
        let node = self.node(path)?;
        if self.rights(node).contains(right) { Ok(node) } else { Err(Error::of(Code::Forbidden)) }
    }

    /// Whether the actor may know what happens at a path. Of what is gone only those may know who administer what
    /// was above it: nobody can say any more who might have read it.
    pub(crate) fn sees_path(&self, path: &ResourcePath) -> bool {
        self.tree.get(path).map_or_else(|| self.governs(path), |node| self.sees(node))
    }

    /// Whether the actor may read a record of what happened at `path` to `node`, wherever that is now.
    pub(crate) fn sees_record(&self, path: &ResourcePath, node: Option<NodeId>) -> bool {
        let node = node.and_then(|id| self.tree.by_id(id));
        node.map_or_else(|| self.governs(path), |node| self.sees(node))
    }

    /// Whether the actor administers the nearest node above a path.
    fn governs(&self, path: &ResourcePath) -> bool {
        let above = self.above(path);
        let chain = above.as_ref().map_or(&[][..], |node| &node.chain);
        self.shared.platform().access().rights(self.actor, chain, path).contains(Right::Admin)
    }

    /// The nearest node above a path.
    pub(crate) fn above(&self, path: &ResourcePath) -> Option<Arc<Node>> {
        let parent = path.parent()?;
        parent.ancestors().filter_map(|above| self.tree.get(&above).cloned()).last()
    }

    /// The nodes below a node, in the order of their paths.
    pub(crate) fn children(&self, node: &Node) -> impl Iterator<Item = &Arc<Node>> {
        self.tree.children(Some(node.id)).iter().filter(|child| self.sees(child))
    }

    /// Where the actor's part of the tree begins: namespaces, and what it may see in places that it may not.
    pub(crate) fn roots(&self) -> Vec<&Arc<Node>> {
        let hidden = |node: &Node| {
            node.parent.and_then(|id| self.tree.by_id(id)).is_none_or(|above| !self.sees(above))
        };
        let mut roots: Vec<_> = self.tree.nodes().filter(|node| self.sees(node) && hidden(node)).collect();
        roots.sort_by(|one, other| one.path.cmp(&other.path));
        roots
    }

    /// The node as the API shows it.
    pub(crate) fn show(&self, node: &Node) -> crate::wire::Node {
        crate::wire::Node::new(node, self.children(node).count())
    }
}
