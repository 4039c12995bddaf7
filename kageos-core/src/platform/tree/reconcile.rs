//! What the code declares appears, changes and disappears; what people added stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::directory::MAX_SUBTREE;
use super::node::{Node, Origin};
use super::plan::{Plan, Step};
use super::snapshot::Snapshot;
use super::store::{Deleted, NewNode};
use crate::{ChangeOp, Code, Env, Error, FieldError, Manifest, NodeId, ResourcePath, Result};

/// Most nodes that an app declares, with the directories between: people can add as many again, and one call still moves or
/// deletes all of it.
pub const MAX_DECLARED: usize = MAX_SUBTREE / 2;
/// Mistakes that are told.
const TOLD: usize = 20;
/// Mistakes that the message has too.
const SAID: usize = 3;

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

/// Whether the nodes that a manifest declares can be those of a workspace: each lies in it, a function is one, and they are
/// not too many.
///
/// # Errors
/// [`Code::InvalidInput`] with what is wrong, each with its place in the manifest.
pub fn check(workspace: &ResourcePath, manifest: &Manifest) -> Result<()> {
    declared(workspace, manifest).map(drop)
}

/// The paths that are declared as such, or all that is wrong with them.
struct Paths<'a> {
    workspace: &'a ResourcePath,
    wrong: Vec<FieldError>,
}

impl Paths<'_> {
    /// The path of an entry, which has a kind when it is a function's.
    fn at(&mut self, list: &str, index: usize, path: &str) -> Option<ResourcePath> {
        let why = match format!("{}/{path}", self.workspace).parse::<ResourcePath>() {
            Ok(found) if found.kind().is_some() == (list == "functions") => return Some(found),
            Ok(_) if list == "functions" => "a function has a kind".to_owned(),
            Ok(_) => "a directory has no kind".to_owned(),
            Err(error) => error.to_string(),
        };
        self.refuse(list, index, "path", format!("{path:?} is no path in a workspace: {why}"));
        None
    }

    fn refuse(&mut self, list: &str, index: usize, code: &'static str, message: String) {
        if self.wrong.len() < TOLD {
            let pointer = format!("/{list}/{index}/path");
            self.wrong.push(FieldError { pointer, code: code.into(), message });
        }
    }

    fn end(self) -> Result<()> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        let said: Vec<_> = self.wrong.iter().take(SAID).map(|it| it.message.as_str()).collect();
        let message = format!("The app declares what its workspace cannot have: {}.", said.join("; "));
        let mut error = Error::new(Code::InvalidInput, message);
        error.fields = self.wrong;
        Err(error)
    }
}

/// Everything that is declared, with the directories between, parents before children.
fn declared(workspace: &ResourcePath, manifest: &Manifest) -> Result<BTreeMap<ResourcePath, Declared>> {
    let mut paths = Paths { workspace, wrong: Vec::new() };
    let root = Declared {
        title: manifest.title.clone(),
        description: manifest.description.clone(),
        tags: Vec::new(),
    };
    let mut all = BTreeMap::from([(workspace.clone(), root)]);
    for (index, entry) in manifest.directories.iter().enumerate() {
        let Some(path) = paths.at("directories", index, &entry.path) else { continue };
        let (title, description) = (entry.title.clone(), entry.description.clone());
        all.insert(path, Declared { title, description, tags: Vec::new() });
    }
    for (index, entry) in manifest.functions.iter().enumerate() {
        let Some(path) = paths.at("functions", index, &entry.path) else { continue };
        let schema = &entry.schema;
        let (title, description) = (schema.title.clone(), schema.description.clone());
        if all.insert(path, Declared { title, description, tags: schema.tags.clone() }).is_some() {
            paths.refuse("functions", index, "twice", format!("{:?} is declared twice", entry.path));
        }
    }
    paths.end()?;
    let between: Vec<ResourcePath> = all.keys().flat_map(ResourcePath::ancestors).collect();
    for path in between.into_iter().filter(|path| path.is_within(workspace)) {
        let title = path.code().replace('_', " ");
        all.entry(path).or_insert_with(|| Declared { title, ..Declared::default() });
    }
    // The workspace itself is there.
    let count = all.len() - 1;
    if count > MAX_DECLARED {
        let message = format!(
            "The app declares {count} functions and directories, with those between; {MAX_DECLARED} is the most."
        );
        return Err(too_many(message));
    }
    Ok(all)
}

fn too_many(message: String) -> Error {
    let mut error = Error::new(Code::InvalidInput, message.clone());
    error.fields = vec![FieldError { pointer: "/functions".to_owned(), code: "too_many".into(), message }];
    error
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
