//! Which files a call may name, and what becomes of them with the call.

use std::sync::PoisonError;

use super::store::{self, State, Stored};
use super::{FileStore, MAX_FOUND};
use crate::sql::SqlError;
use crate::{Actor, CallId, Code, Error, FileId, FileInfo, ResourcePath, Result};

impl FileStore {
    /// Those of the files that a call in `workspace` may name: they belong to a function of it that the actor may
    /// read, and something names them already, the actor brought them, or the call itself made them.
    ///
    /// # Errors
    /// [`Code::PayloadTooLarge`] when they are too many, or what the database answers.
    pub(in crate::platform) async fn usable(
        &self,
        actor: &Actor,
        call: CallId,
        workspace: &ResourcePath,
        ids: &[FileId],
    ) -> Result<Vec<FileInfo>> {
        if ids.len() > MAX_FOUND {
            let message = format!("One call names at most {MAX_FOUND} files.");
            return Err(Error::new(Code::PayloadTooLarge, message));
        }
        let found = store::find(&self.inner.db, ids).await?;
        let own = if found.iter().any(|file| file.state == State::Made) {
            store::claims(&self.inner.db, call).await?
        } else {
            Vec::new()
        };
        let may = |file: &Stored| match file.state {
            State::Kept => true,
            State::Fresh => file.created_by == actor.id,
            State::Made => own.contains(&file.id),
            State::Uploading | State::Staged | State::Gone => false,
        };
        let tree = self.inner.tree.snapshot();
        let usable = found.iter().filter(|file| may(file)).filter_map(|file| {
            let node = self.readable(&tree, actor, file.node)?;
            let here = node.path.kind().is_some() && node.path.workspace().as_ref() == Some(workspace);
            here.then(|| file.info(&node.path))
        });
        Ok(usable.collect())
    }

    /// Notes that a call names these files, before anything that names them is written.
    ///
    /// # Errors
    /// [`Code::Conflict`] when one went away meanwhile, or what the database answers.
    pub(in crate::platform) async fn claim(&self, call: CallId, ids: Vec<FileId>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.note_claim(call);
        let at = self.inner.env.now();
        let done = self.inner.db.write_with(ids, move |ids, tx| {
            Box::pin(async move {
                for id in ids {
                    store::claim(tx, *id, call, at).await?;
                }
                Ok::<_, SqlError>(())
            })
        });
        done.await.map_err(|error| match error {
            SqlError::RowsAffected { .. } => {
                Error::new(Code::Conflict, "A file that this names is gone by now.").caused_by(error)
            }
            error => error.into(),
        })
    }

    pub(super) fn note_claim(&self, call: CallId) {
        self.inner.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
    }

    fn has_claimed(&self, call: CallId) -> bool {
        self.inner.claimed.lock().unwrap_or_else(PoisonError::into_inner).remove(&call)
    }

    /// A call of this process ended: what it claimed stays when it took effect.
    pub(in crate::platform) async fn settle(&self, call: CallId, took_effect: bool) {
        if self.has_claimed(call) {
            self.settle_any(call, took_effect).await;
        }
    }

    /// As [`FileStore::settle`] for a call of any process. A claim that cannot be settled now holds its file, and is
    /// settled by the sweep.
    pub(in crate::platform) async fn settle_any(&self, call: CallId, took_effect: bool) {
        let at = self.inner.env.now();
        let done = self.inner.db.write(move |tx| {
            Box::pin(async move {
                if took_effect { store::keep(tx, call, at).await } else { store::release(tx, call, at).await }
            })
        });
        if let Err(error) = done.await {
            let error: SqlError = error;
            tracing::warn!(%error, %call, "the files of a call are not settled yet");
        }
    }
}
