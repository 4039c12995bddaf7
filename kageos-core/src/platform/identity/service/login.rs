use std::{net::IpAddr, time::Duration};

use super::Identity;
use crate::{
    Code, Error, Result, SessionId, UserId,
    platform::identity::{
        Authenticated, Credential, Login, Opened, Secret, Session, User, UserKind, check_password,
        credential::SESSION_LONGEST,
        fold,
        secret::{Digest, session_token},
        store,
        user::is_login,
    },
};

/// Longest text of a browser about itself that is kept, in characters.
const MAX_CLIENT: usize = 200;

impl Identity {
    /// Opens a session for someone who knows the password of an account. The session has a new token, and the
    /// one that came with the request ends.
    ///
    /// # Errors
    /// [`Code::LoginFailed`], the same after the same time whether the login, the password or the account is
    /// wrong; [`Code::TooManyRequests`] when failed attempts came too fast, before anything is compared.
    pub async fn login(&self, login: Login<'_>) -> Result<Opened> {
        let account = Digest::of(&fold(login.login));
        self.admit(account, login.address)?;
        let found = match is_login(login.login.trim()) {
            true => store::login_by_folded(&self.0.db, &fold(login.login)).await?,
            false => None,
        };
        let (user, hash) = found.unzip();
        let right = self.0.passwords.verify(login.password, hash.flatten().as_deref()).await?;
        let user = user.filter(|user| right && !user.disabled && user.kind == UserKind::Person);
        let user = user.ok_or_else(|| Error::of(Code::LoginFailed))?;
        self.0.throttle.succeeded(account, login.address);
        self.open_session(user, login.client, login.previous).await
    }

    fn admit(&self, account: Digest, address: Option<IpAddr>) -> Result<()> {
        let now = self.0.env.clock.monotonic();
        self.0.throttle.admit(account, address, now).map_err(|wait| {
            let wait = wait.max(Duration::from_secs(1)).as_secs_f64().ceil();
            Error::new(Code::TooManyRequests, format!("Too many attempts; wait {wait} seconds."))
        })
    }

    async fn open_session(
        &self,
        user: User,
        client: Option<&str>,
        previous: Option<&Secret>,
    ) -> Result<Opened> {
        let (env, now) = (&self.0.env, self.0.env.now());
        let client = client.map(|text| text.chars().filter(|c| !c.is_control()).take(MAX_CLIENT).collect());
        let session = Session {
            id: SessionId::new(env),
            client,
            created_at: now,
            seen_at: now,
            expires_at: now.plus(SESSION_LONGEST),
        };
        let token = session_token(env);
        let who = Authenticated {
            actor: user.actor(),
            credential: Credential::Session(session.id),
            expires_at: session.expires_at,
            user: user.into(),
        };
        let (digest, previous) = (token.digest().to_hex(), previous.map(|it| it.digest().to_hex()));
        self.change((who.user.id, session, digest, previous), |(user, session, digest, previous), tx| {
            Box::pin(async move {
                if let Some(previous) = previous {
                    store::end_session(tx, previous).await?;
                }
                Ok(store::insert_session(tx, *user, session, digest).await?)
            })
        })
        .await?;
        Ok(Opened { token, who })
    }

    /// Gives an account another password, proven by the old one, and ends its sessions but for `keep`.
    ///
    /// # Errors
    /// [`Code::LoginFailed`] when the old one is wrong, [`Code::TooManyRequests`] when it was guessed too often,
    /// [`Code::InvalidInput`] as [`check_password`].
    pub async fn change_password(
        &self,
        user: UserId,
        old: &Secret,
        new: &Secret,
        keep: Option<SessionId>,
    ) -> Result<()> {
        let user = self.existing(user).await?;
        let account = Digest::of(&fold(&user.login));
        self.admit(account, None)?;
        let hash = store::password_hash(&self.0.db, user.id).await?;
        if !self.0.passwords.verify(old, hash.as_deref()).await? {
            return Err(Error::of(Code::LoginFailed));
        }
        self.0.throttle.succeeded(account, None);
        self.write_password(&user, new, keep).await
    }

    /// Gives an account another password, as an administrator does, and ends all its sessions.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such account, [`Code::InvalidInput`] as [`check_password`] or for a
    /// service account.
    pub async fn set_password(&self, user: UserId, new: &Secret) -> Result<()> {
        let user = self.existing(user).await?;
        self.write_password(&user, new, None).await
    }

    /// The hash of a password that an account may have.
    pub(super) async fn new_hash(&self, user: &User, new: &Secret) -> Result<String> {
        if user.kind == UserKind::Service {
            return Err(Error::field("/password", "service", "a service account has tokens, no password"));
        }
        check_password(new, &user.login)?;
        self.0.passwords.hash(&self.0.env, new).await
    }

    async fn write_password(&self, user: &User, new: &Secret, keep: Option<SessionId>) -> Result<()> {
        let hash = self.new_hash(user, new).await?;
        let now = self.0.env.now();
        self.change((user.id, hash), move |(user, hash), tx| {
            Box::pin(async move {
                store::set_password(tx, *user, hash, now).await?;
                store::end_sessions(tx, *user, keep).await?;
                Ok(())
            })
        })
        .await
    }
}
