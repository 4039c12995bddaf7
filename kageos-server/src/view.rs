//! The tree as one caller sees it.

use std::sync::Arc;

use kageos_core::{
    Actor, Code, Error, ResourcePath, Result, Right, Rights,
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

    /// Whether the actor may see what happens at a path, also when the node there has just gone.
    pub(crate) fn sees_path(&self, path: &ResourcePath) -> bool {
        let nearest = path.ancestors().filter_map(|above| self.tree.get(&above).cloned()).last();
        nearest.is_some_and(|node| self.sees(&node))
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
