//! The platform's own host: it runs the actions of directories, with a receipt like every other host.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::actions::{DirectoryAction, directory_actions};
use super::node::{Node, Origin};
use super::plan::{self, Plan, Step};
use super::snapshot::Snapshot;
use super::store::{self, NewNode};
use super::transfer::TRANSFER;
use super::{ATTEMPTS, Tree, came_between, too_late};
use crate::host::{Host, HostCall, HostError, HostReply, Receipt};
use crate::manifest::SCHEMA_VERSION;
use crate::platform::access::{Grant, NewGrant, right_to_grant};
use crate::platform::receipts::{Receipts, Stop, Work};
use crate::{
    ActionName, CallId, ChangeOp, Code, Error, GrantId, Manifest, NodeId, ResourcePath, Result, Right, Role,
    Timestamp,
};

/// Most nodes that one call moves or deletes.
pub(super) const MAX_SUBTREE: usize = 5_000;

/// Runs the actions of directories.
#[derive(Debug, Clone)]
pub struct DirectoryHost {
    pub(super) tree: Tree,
    receipts: Receipts,
    manifest: Arc<Manifest>,
}

impl DirectoryHost {
    /// Acts on `tree`.
    #[must_use]
    pub fn new(tree: Tree) -> Self {
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            app: "system".to_owned(),
            title: "Service Tree".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: Vec::new(),
            egress: crate::Egress::default(),
        };
        let receipts = Receipts::new(tree.db.clone(), tree.env.clone());
        Self { tree, receipts, manifest: Arc::new(manifest) }
    }

    async fn plan(&self, call: &HostCall, tree: &Snapshot) -> Result<Plan> {
        let input = crate::json::parse(&call.input)?;
        if call.action == ActionName::UNDO {
            let (path, action) = self.inverse(tree, &input).await?;
            return self.plan_of(call, tree, &path, action).await;
        }
        let action = DirectoryAction::read(&call.action, input)
            .map_err(|error| Error::field("", "schema", error.to_string()))?;
        self.plan_of(call, tree, &call.path, action).await
    }

    async fn plan_of(
        &self,
        call: &HostCall,
        tree: &Snapshot,
        path: &ResourcePath,
        action: DirectoryAction,
    ) -> Result<Plan> {
        let node = tree.get(path).ok_or_else(|| Error::of(Code::NotFound))?;
        // The node was looked up again, so is the right: somebody may have been faster.
        let name = action.name();
        if let Some(schema) = directory_actions().iter().find(|schema| schema.name.as_str() == name) {
            self.tree.access.check(&call.actor, schema.right, &node.chain, &node.path)?;
        }
        match action {
            DirectoryAction::CreateDirectory { code, title } => self.create(tree, node, &code, title),
            DirectoryAction::Describe { title, description, tags } => {
                describe(node, title, description, tags)
            }
            DirectoryAction::Rename { code } => {
                let parent = node.path.parent().ok_or_else(namespace_stays)?;
                relocate(tree, node, node.parent, &parent.directory(&code)?)
            }
            DirectoryAction::Move { to } => self.move_below(call, tree, node, &to),
            DirectoryAction::Delete {} => delete(tree, node),
            DirectoryAction::Restore { code } => self.restore(tree, node, &code).await,
            DirectoryAction::Grant { subject, role, deny, expires_at } => {
                let right = right_to_grant(role, deny);
                self.tree.access.check(&call.actor, right, &node.chain, &node.path)?;
                let new =
                    NewGrant { node: node.id, subject, role, deny, expires_at, created_by: call.actor.id };
                Ok(grant_plan(node, GrantId::new(&self.tree.env), new))
            }
            DirectoryAction::Revoke { grant } => self.revoke(call, node, grant),
        }
    }

    fn create(&self, tree: &Snapshot, node: &Node, code: &str, title: String) -> Result<Plan> {
        let path = node.path.directory(code)?;
        if tree.get(&path).is_some() {
            return Err(taken(&path));
        }
        let mut plan = Plan { output: json!({ "path": path }), ..Plan::default() };
        plan.insert(NewNode::titled(NodeId::new(&self.tree.env), Some(node.id), path, title, Origin::People));
        Ok(plan)
    }

    /// Moving takes a right on both sides: the owner's here, the admin's there.
    fn move_below(&self, call: &HostCall, tree: &Snapshot, node: &Node, to: &ResourcePath) -> Result<Plan> {
        let missing = || Error::field("/to", "not_found", "There is no such directory that you may see.");
        let parent = tree.get(to).filter(|parent| parent.path.kind().is_none()).ok_or_else(missing)?;
        self.tree.access.check(&call.actor, Right::Admin, &parent.chain, &parent.path)?;
        if to.is_within(&node.path) {
            return Err(Error::field("/to", "within", "A directory cannot be moved into itself."));
        }
        relocate(tree, node, Some(parent.id), &to.directory(node.path.code())?)
    }

    async fn restore(&self, tree: &Snapshot, node: &Node, code: &str) -> Result<Plan> {
        let path: ResourcePath = format!("{}/{code}", node.path).parse()?;
        if tree.get(&path).is_some() {
            return Err(taken(&path));
        }
        let deleted = store::deleted_below(&self.tree.db, node.id, &path).await?;
        if deleted.is_empty() {
            return Err(Error::field("/code", "not_found", "Nothing was deleted under this code."));
        }
        let mut plan = Plan { output: json!({ "path": path, "nodes": deleted.len() }), ..Plan::default() };
        let ids: Vec<_> = deleted.iter().map(|one| (one.path.clone(), one.id)).collect();
        for one in deleted {
            let above = one.path.parent();
            let parent =
                ids.iter().find(|(path, _)| Some(path) == above.as_ref()).map_or(node.id, |(_, id)| *id);
            plan.change(&one.path, ChangeOp::Restore, None, None);
            plan.steps.push(Step::Restore { node: one, parent });
        }
        Ok(plan)
    }

    fn revoke(&self, call: &HostCall, node: &Node, id: GrantId) -> Result<Plan> {
        let missing = || Error::field("/grant", "not_found", "There is no such grant on this path.");
        let grant = self.tree.access.snapshot().grant(&[node.id], id).cloned().ok_or_else(missing)?;
        let right = right_to_grant(grant.role, grant.deny);
        self.tree.access.check(&call.actor, right, &node.chain, &node.path)?;
        let owns = |other: &Grant| other.role == Role::Owner && !other.deny;
        let snapshot = self.tree.access.snapshot();
        if owns(&grant) && !snapshot.grants(&node.chain).any(|other| owns(other) && other.id != id) {
            return Err(Error::new(Code::Conflict, "Somebody has to own this; name another owner first."));
        }
        let mut plan = Plan { output: json!({ "grant": id }), ..Plan::default() };
        plan.steps.push(Step::Revoke { grant: id });
        plan.change(&node.path, ChangeOp::Delete, Some(json!({ "grant": grant })), None);
        Ok(plan)
    }

    /// Applies a plan that was made from `tree`; `None` when that is not its state any more.
    async fn apply(
        &self,
        call: &HostCall,
        tree: &Snapshot,
        plan: Plan,
    ) -> Result<Option<HostReply>, HostError> {
        let Plan { steps, changes, output } = plan;
        let generation = tree.generation();
        let work = Work { input: steps, output, changes };
        let reply = self.receipts.apply(call, work, came_between, move |steps, tx, at| {
            Box::pin(async move {
                if !plan::touch(tx, steps, generation).await? {
                    return Err(Stop::TooLate);
                }
                Ok(plan::apply(tx, steps, at).await?)
            })
        });
        let reply = reply.await?;
        if reply.as_ref().is_some_and(|reply| reply.receipt) {
            self.tree.refresh_soon().await;
        }
        Ok(reply)
    }
}

#[async_trait]
impl Host for DirectoryHost {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let _changing = self.tree.changing.lock().await;
        if call.action.as_str() == TRANSFER {
            return self.transfer(&call).await;
        }
        for _ in 0..ATTEMPTS {
            let tree = self.tree.snapshot();
            let plan = self.plan(&call, &tree).await?;
            if let Some(reply) = self.apply(&call, &tree, plan).await? {
                return Ok(reply);
            }
            self.tree.refresh().await?;
        }
        Err(too_late().into())
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>, Error> {
        self.receipts.receipt(call).await
    }

    async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        self.tree.forget_receipts(before).await
    }

    async fn fence(&self, call: CallId) -> Result<Option<Receipt>, Error> {
        self.receipts.fence(call).await
    }
}

fn taken(path: &ResourcePath) -> Error {
    Error::new(Code::Conflict, format!("{path} is taken."))
}

fn describe(
    node: &Node,
    title: Option<String>,
    description: Option<String>,
    tags: Option<Vec<String>>,
) -> Result<Plan> {
    if node.origin == Origin::Manifest {
        return Err(declared(&node.path));
    }
    let old = json!({ "title": node.title, "description": node.description, "tags": node.tags });
    let title = title.unwrap_or_else(|| node.title.clone());
    let description = description.unwrap_or_else(|| node.description.clone());
    let tags = tags.unwrap_or_else(|| node.tags.clone());
    let new = json!({ "title": title, "description": description, "tags": tags });
    let mut plan = Plan { output: new.clone(), ..Plan::default() };
    plan.change(&node.path, ChangeOp::Update, Some(old), Some(new));
    plan.steps.push(Step::Describe { id: node.id, title, description, tags });
    Ok(plan)
}

fn relocate(tree: &Snapshot, node: &Node, parent: Option<NodeId>, to: &ResourcePath) -> Result<Plan> {
    if tree.get(to).is_some() {
        return Err(taken(to));
    }
    if to.depth() != node.path.depth() && (to.depth().min(node.path.depth()) <= 2) {
        let message = "A namespace, a workspace and a directory in one stay what they are.";
        return Err(Error::new(Code::Conflict, message));
    }
    let mut plan = Plan { output: json!({ "path": to }), ..Plan::default() };
    for one in bounded(tree, node)? {
        let below = &one.path.as_str()[node.path.as_str().len()..];
        let new: ResourcePath = format!("{to}{below}").parse()?;
        // With a workspace goes all that its app declares; out of a workspace nothing of that goes.
        if one.origin == Origin::Manifest && node.path.depth() > 2 {
            return Err(declared(&one.path));
        }
        let parent = if one.id == node.id { parent } else { one.parent };
        plan.change(
            &one.path,
            ChangeOp::Update,
            Some(json!({ "path": one.path })),
            Some(json!({ "path": new })),
        );
        plan.steps.push(Step::Relocate { id: one.id, parent, from: one.path.clone(), to: new });
    }
    Ok(plan)
}

fn delete(tree: &Snapshot, node: &Node) -> Result<Plan> {
    if node.parent.is_none() {
        return Err(namespace_stays());
    }
    if node.origin == Origin::Manifest {
        return Err(declared(&node.path));
    }
    let mut plan = Plan { output: Value::Object(serde_json::Map::new()), ..Plan::default() };
    for one in bounded(tree, node)? {
        plan.change(&one.path, ChangeOp::Delete, Some(json!({ "title": one.title })), None);
        plan.steps.push(Step::Delete { id: one.id, path: one.path.clone(), root: node.id });
    }
    Ok(plan)
}

fn namespace_stays() -> Error {
    Error::new(Code::Conflict, "A namespace keeps its code and its place.")
}

fn declared(path: &ResourcePath) -> Error {
    Error::new(Code::Conflict, format!("{path} is declared by the app and changes with its code."))
}

/// The node and everything below it, when that is not too much for one call.
fn bounded(tree: &Snapshot, node: &Node) -> Result<Vec<Arc<Node>>> {
    let nodes = tree.get(&node.path).map(|root| tree.subtree(root)).unwrap_or_default();
    if nodes.len() > MAX_SUBTREE {
        let message = format!("{} nodes at once are too many; {MAX_SUBTREE} is the most.", nodes.len());
        return Err(Error::new(Code::PayloadTooLarge, message));
    }
    Ok(nodes)
}

fn grant_plan(node: &Node, id: GrantId, new: NewGrant) -> Plan {
    let mut plan = Plan { output: json!({ "grant": id }), ..Plan::default() };
    let NewGrant { subject, role, deny, expires_at, .. } = &new;
    let shown = json!({ "id": id, "subject": subject, "role": role, "deny": deny, "expires_at": expires_at });
    plan.change(&node.path, ChangeOp::Create, None, Some(json!({ "grant": shown })));
    plan.steps.push(Step::Grant { id, new });
    plan
}
