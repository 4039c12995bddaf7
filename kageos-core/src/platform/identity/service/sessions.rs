use std::time::Duration;

use super::Identity;
use crate::{
    Code, Error, Result, SessionId, Timestamp, UserId,
    platform::identity::{
        Authenticated, Credential, Secret, Session, credential::SESSION_IDLE, secret::BODY_LEN, store,
    },
    sql::SqlError,
};

/// How often the use of a session or a token is written down at most.
pub(super) const NOTE_USE_EVERY: Duration = Duration::from_secs(60);

impl Identity {
    /// Who the token of a session lets in; `None` when it has ended or never was.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn session(&self, token: &Secret) -> Result<Option<Authenticated>> {
        if token.expose().len() != BODY_LEN {
            return Ok(None);
        }
        let (digest, now, known) = (token.digest(), self.0.env.now(), &self.0.known);
        if let Some(who) = known.get(digest, now) {
            return Ok(Some(who));
        }
        let epoch = known.epoch();
        let found = store::session_by_digest(&self.0.db, &digest.to_hex()).await?;
        let Some((session, user, stored)) = found else { return Ok(None) };
        let ends_at = session.expires_at.min(session.seen_at.plus(SESSION_IDLE));
        if !digest.matches(&stored) || user.disabled || ends_at <= now {
            return Ok(None);
        }
        if now.since(session.seen_at) >= NOTE_USE_EVERY {
            note("session", store::saw_session(&self.0.db, session.id, now).await);
        }
        let who = Authenticated {
            actor: user.actor(),
            user: user.into(),
            credential: Credential::Session(session.id),
            expires_at: session.expires_at,
        };
        known.put(epoch, digest, who.clone(), now, ends_at);
        Ok(Some(who))
    }

    /// Ends the session of a token; nothing happens when there is none.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn logout(&self, token: &Secret) -> Result<()> {
        self.change(token.digest().to_hex(), |digest, tx| {
            Box::pin(async move { Ok(store::end_session(tx, digest).await.map(drop)?) })
        })
        .await
    }

    /// The open sessions of an account, the last used first.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        Ok(store::sessions(&self.0.db, user, self.0.env.now()).await?)
    }

    /// Ends a session of an account.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the account has no such session.
    pub async fn end_session(&self, user: UserId, id: SessionId) -> Result<()> {
        let ended = self
            .change((user, id), |(user, id), tx| {
                Box::pin(async move { Ok(store::end_session_of(tx, *user, *id).await?) })
            })
            .await?;
        if ended == 1 { Ok(()) } else { Err(Error::new(Code::NotFound, "There is no such session.")) }
    }

    /// Forgets some of the sessions that have ended, and answers how many: zero when there is none left.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn forget_sessions(&self, now: Timestamp) -> Result<u64> {
        Ok(store::forget_sessions(&self.0.db, now).await?)
    }

    /// Ends every session of an account but for `keep`, and answers how many there were.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn end_sessions(&self, user: UserId, keep: Option<SessionId>) -> Result<u64> {
        self.change((user, keep), |(user, keep), tx| {
            Box::pin(async move { Ok(store::end_sessions(tx, *user, *keep).await?) })
        })
        .await
    }
}

/// A use that could not be written down is no reason to refuse it: the database may be read-only for a while.
pub(super) fn note(what: &str, written: std::result::Result<(), SqlError>) {
    if let Err(error) = written {
        tracing::warn!(error = %error, "could not note the use of a {what}");
    }
}
