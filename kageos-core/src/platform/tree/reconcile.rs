//! What the code declares appears, changes and disappears; what people added stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::node::{Node, Origin};
use super::plan::{Plan, Step};
use super::snapshot::Snapshot;
use super::store::{Deleted, NewNode};
use crate::{ChangeOp, Env, Manifest, NodeId, ResourcePath, Result};

/// A declared node.
#[derive(Debug, Clone, Default)]
struct Declared {
    title: String,
    description: String,
    tags: Vec<String>,
}

/// Works out how the nodes of a workspace have to change to match a manifest. `bin` holds what was deleted there
/// before: a node that is declared again comes back with its id, its grants and its history.
pub(super) fn plan(
    tree: &Snapshot,
    workspace: &Node,
    manifest: &Manifest,
    bin: &[Deleted],
    env: &Env,
) -> Result<Plan> {
    let declared = declared(&workspace.path, manifest)?;
    let mut plan = Plan::default();
    let mut ids: BTreeMap<ResourcePath, NodeId> = BTreeMap::from([(workspace.path.clone(), workspace.id)]);
    for (path, entry) in &declared {
        let id = match tree.get(path) {
            Some(node) => {
                update(&mut plan, node, entry);
                node.id
            }
            None => appear(&mut plan, path, entry, &ids, bin, env),
        };
        ids.insert(path.clone(), id);
    }
    disappear(&mut plan, tree, workspace, &declared.into_keys().collect());
    Ok(plan)
}

/// Everything that is declared, with the directories between, parents before children.
fn declared(workspace: &ResourcePath, manifest: &Manifest) -> Result<BTreeMap<ResourcePath, Declared>> {
    let at =
        |path: &str| -> Result<ResourcePath> { Ok(format!("{workspace}/{path}").parse::<ResourcePath>()?) };
    let root = Declared {
        title: manifest.title.clone(),
        description: manifest.description.clone(),
        tags: Vec::new(),
    };
    let mut all = BTreeMap::from([(workspace.clone(), root)]);
    for entry in &manifest.directories {
        let (title, description) = (entry.title.clone(), entry.description.clone());
        all.insert(at(&entry.path)?, Declared { title, description, tags: Vec::new() });
    }
    for entry in &manifest.functions {
        let schema = &entry.schema;
        let (title, description) = (schema.title.clone(), schema.description.clone());
        all.insert(at(&entry.path)?, Declared { title, description, tags: schema.tags.clone() });
    }
    let between: Vec<ResourcePath> = all.keys().flat_map(ResourcePath::ancestors).collect();
    for path in between.into_iter().filter(|path| path.is_within(workspace)) {
        let title = path.code().replace('_', " ");
        all.entry(path).or_insert_with(|| Declared { title, ..Declared::default() });
    }
    Ok(all)
}

fn update(plan: &mut Plan, node: &Node, entry: &Declared) {
    let same = node.title == entry.title && node.description == entry.description && node.tags == entry.tags;
    // What people made keeps the text that people gave it, the workspace too.
    if same || node.origin == Origin::People {
        return;
    }
    plan.steps.push(Step::Describe {
        id: node.id,
        title: entry.title.clone(),
        description: entry.description.clone(),
        tags: entry.tags.clone(),
    });
    let (old, new) = (json!({ "title": node.title }), json!({ "title": entry.title }));
    plan.change(&node.path, ChangeOp::Update, Some(old), Some(new));
}

fn appear(
    plan: &mut Plan,
    path: &ResourcePath,
    entry: &Declared,
    ids: &BTreeMap<ResourcePath, NodeId>,
    bin: &[Deleted],
    env: &Env,
) -> NodeId {
    let parent = path.parent().and_then(|parent| ids.get(&parent).copied());
    if let (Some(node), Some(parent)) = (bin.iter().find(|node| node.path == *path), parent) {
        plan.steps.push(Step::Restore { node: node.clone(), parent });
        plan.change(path, ChangeOp::Restore, None, None);
        return node.id;
    }
    let node = NewNode {
        description: entry.description.clone(),
        tags: entry.tags.clone(),
        ..NewNode::titled(NodeId::new(env), parent, path.clone(), entry.title.clone(), Origin::Manifest)
    };
    let id = node.id;
    plan.insert(node);
    id
}

/// Declared nodes that are not declared any more go, unless something that people added lies below.
fn disappear(plan: &mut Plan, tree: &Snapshot, workspace: &Node, declared: &BTreeSet<ResourcePath>) {
    let Some(root) = tree.get(&workspace.path) else { return };
    let nodes = tree.subtree(root);
    let stays = |node: &Node| declared.contains(&node.path) || node.origin == Origin::People;
    let kept: Vec<&ResourcePath> = nodes.iter().filter(|node| stays(node)).map(|node| &node.path).collect();
    let gone = nodes.iter().filter(|node| !kept.iter().any(|path| path.is_within(&node.path)));
    for node in gone {
        plan.steps.push(Step::Delete { id: node.id, path: node.path.clone(), root: node.id });
        plan.change(&node.path, ChangeOp::Delete, Some(json!({ "title": node.title })), None);
    }
}
