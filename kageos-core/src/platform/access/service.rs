//! Access as a running server holds it.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::{AccessSnapshot, Explanation, Grant, Group, NewGrant, group, store};
use crate::platform::herald::Herald;
use crate::{
    Actor, Code, Env, Error, GrantId, GroupId, NodeId, ResourcePath, Result, Right, Rights, UserId,
    sql::{Db, Tx, UnitFuture},
};

/// Who may do what, ready to answer without a query: a handle that is cheap to clone.
///
/// A change is committed first and then published here, even when nobody waits for it any more, so the next
/// decision knows it. Another server learns of it through [`Access::reload`].
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    db: Db,
    env: Env,
    current: ArcSwap<AccessSnapshot>,
    publishing: Mutex<()>,
    herald: Herald,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Access {
    /// Loads all grants. The tables of identity and access are in place.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(db: Db, env: Env) -> Result<Self> {
        let current = ArcSwap::from_pointee(store::load(&db).await?);
        let (publishing, herald) = (Mutex::new(()), Herald::default());
        Ok(Self(Arc::new(Inner { db, env, current, publishing, herald })))
    }

    /// Who tells other processes of changes.
    pub(in crate::platform) fn herald(&self) -> &Herald {
        &self.0.herald
    }

    /// The state that decisions are made from now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<AccessSnapshot> {
        self.0.current.load_full()
    }

    /// Which state of the database that is.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.0.current.load().generation()
    }

    /// What `actor` may do on the node at the end of `chain` (namespace first), which has `path`.
    #[must_use]
    pub fn rights(&self, actor: &Actor, chain: &[NodeId], path: &ResourcePath) -> Rights {
        self.0.current.load().rights(actor, chain, path, self.0.env.now())
    }

    /// Refuses what `actor` may not do on the node at the end of `chain`.
    ///
    /// # Errors
    /// [`Code::NotFound`], as if nothing were there, without the right to read;
    /// [`Code::Forbidden`] with it, but without `right`.
    pub fn check(&self, actor: &Actor, right: Right, chain: &[NodeId], path: &ResourcePath) -> Result<()> {
        let rights = self.rights(actor, chain, path);
        match (rights.contains(Right::Read), rights.contains(right)) {
            (true, true) => Ok(()),
            (true, false) => Err(Error::of(Code::Forbidden)),
            (false, _) => Err(Error::of(Code::NotFound)),
        }
    }

    /// Why `actor` holds `right` on the node at the end of `chain`, or does not.
    #[must_use]
    pub fn explain(&self, actor: &Actor, right: Right, chain: &[NodeId], path: &ResourcePath) -> Explanation {
        self.0.current.load().explain(actor, right, chain, path, self.0.env.now())
    }

    /// The grants along `chain`, its first node's first, at most `limit`, from the one after `after` on.
    #[must_use]
    pub fn grants_on(&self, chain: &[NodeId], after: Option<GrantId>, limit: usize) -> Vec<Grant> {
        let snapshot = self.0.current.load();
        let mut grants = snapshot.grants(chain);
        if let Some(after) = after {
            grants.find(|grant| grant.id == after);
        }
        grants.take(limit).cloned().collect()
    }

    /// Reads the grants again when the database has a newer state; answers whether it had. Called when a bus
    /// event tells of a change elsewhere, and now and then in case one was lost: without a change it costs one
    /// query of one row.
    ///
    /// # Errors
    /// What the database answers; the state stays as it is.
    pub async fn reload(&self) -> Result<bool> {
        let _alone = self.0.publishing.lock().await;
        if store::generation(&self.0.db).await? == self.generation() {
            return Ok(false);
        }
        self.0.current.store(Arc::new(store::load(&self.0.db).await?));
        Ok(true)
    }

    /// Makes a grant. Whether the actor may is asked before, with [`right_to_grant`](super::right_to_grant).
    ///
    /// # Errors
    /// As [`store::grant`].
    pub async fn grant(&self, new: NewGrant) -> Result<Grant> {
        let (id, now) = (GrantId::new(&self.0.env), self.0.env.now());
        self.change(new, move |new, tx| Box::pin(store::grant(tx, id, new, now))).await
    }

    /// Revokes a grant and answers what it was.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none.
    pub async fn revoke(&self, id: GrantId) -> Result<Grant> {
        let revoked: Option<Grant> =
            self.change(id, |id, tx| Box::pin(async move { Ok(store::revoke(tx, *id).await?) })).await?;
        revoked.ok_or_else(|| Error::new(Code::NotFound, "There is no such grant."))
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] for a name that is none, [`Code::Conflict`] for one that is taken.
    pub async fn create_group(&self, name: &str, created_by: Option<UserId>) -> Result<Group> {
        let name = group::check_name(name)?.to_owned();
        let (id, created_at) = (GroupId::new(&self.0.env), self.0.env.now());
        let group = Group { id, name, created_at, created_by };
        self.change(group.clone(), |group, tx| Box::pin(store::create_group(tx, group))).await?;
        Ok(group)
    }

    /// Gives a group another name, and answers it as it is kept.
    ///
    /// # Errors
    /// As [`Access::create_group`]; [`Code::NotFound`] when there is no such group.
    pub async fn rename_group(&self, id: GroupId, name: &str) -> Result<String> {
        let name = group::check_name(name)?.to_owned();
        self.change(name.clone(), move |name, tx| Box::pin(store::rename_group(tx, id, name))).await?;
        Ok(name)
    }

    /// Removes a group with its memberships and the grants to it.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such group.
    pub async fn delete_group(&self, id: GroupId) -> Result<()> {
        self.change(id, |id, tx| Box::pin(store::delete_group(tx, *id))).await
    }

    /// Makes someone a member of a group.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such group or user.
    pub async fn add_member(&self, group: GroupId, user: UserId) -> Result<()> {
        let now = self.0.env.now();
        self.change((group, user), move |(group, user), tx| {
            Box::pin(store::add_member(tx, *group, *user, now))
        })
        .await
    }

    /// Ends a membership; answers whether there was one.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn remove_member(&self, group: GroupId, user: UserId) -> Result<bool> {
        self.change((group, user), |(group, user), tx| {
            Box::pin(async move { Ok(store::remove_member(tx, *group, *user).await?) })
        })
        .await
    }

    /// Groups by name, at most `limit`, from the one after the name `after` on.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn groups(&self, after: Option<&str>, limit: u32) -> Result<Vec<Group>> {
        Ok(store::groups(&self.0.db, after, limit).await?)
    }

    /// Groups by name whose name holds `part` in any case, at most `limit`.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn groups_named(&self, part: &str, limit: u32) -> Result<Vec<Group>> {
        Ok(store::groups_named(&self.0.db, part, limit).await?)
    }

    /// The members of a group in the order of their ids, at most `limit`, from the one after `after` on.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn members(&self, group: GroupId, after: Option<UserId>, limit: u32) -> Result<Vec<UserId>> {
        Ok(store::members(&self.0.db, group, after, limit).await?)
    }

    /// Runs a unit that changes access and publishes what it did, to the end even when the caller goes away.
    ///
    /// # Errors
    /// What the unit answers, or the database.
    pub async fn change<D, T>(
        &self,
        input: D,
        unit: impl for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, Error> + Send + Sync + 'static,
    ) -> Result<T>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        let access = self.clone();
        let work = async move {
            let done = access.0.db.write_with(input, unit).await?;
            access.0.herald.renew();
            access.reload().await?;
            Ok(done)
        };
        tokio::spawn(work).await.map_err(Error::internal)?
    }
}
