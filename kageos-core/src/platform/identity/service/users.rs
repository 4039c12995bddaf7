use std::collections::HashMap;

use super::Identity;
use crate::{
    Code, Error, Result, UserId,
    platform::{
        access,
        identity::{
            NewUser, Prepared, Secret, User, UserKind, UserPatch, check_password, store,
            user::{self, is_login},
        },
    },
    sql::Tx,
};

/// Login of the first account.
pub const SYSTEM_LOGIN: &str = "system";
/// Most accounts that one question about names may name: as many as a page has rows.
pub const MAX_NAMES: usize = 500;

impl Identity {
    /// The account `system`, an administrator, made with this password when there is none yet.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] as [`check_password`].
    pub async fn ensure_system(&self, password: &Secret) -> Result<User> {
        if let Some(user) = self.user_by_login(SYSTEM_LOGIN).await? {
            return Ok(user);
        }
        let new = NewUser {
            login: SYSTEM_LOGIN.to_owned(),
            name: "System".to_owned(),
            email: None,
            kind: UserKind::Person,
            namespace: Some(SYSTEM_LOGIN.to_owned()),
            admin: true,
            password: Some(password.clone()),
        };
        match self.create_user(new).await {
            Err(error) if error.code == Code::Conflict => {
                self.user_by_login(SYSTEM_LOGIN).await?.ok_or(error)
            }
            made => made,
        }
    }

    /// Checks an account to be made and hashes its password, so that [`store::create_user`] can write it in a
    /// unit together with its namespace.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] for what is wrong.
    pub async fn prepare_user(&self, new: NewUser) -> Result<Prepared> {
        let user = User {
            id: UserId::new(&self.0.env),
            login: new.login.trim().to_owned(),
            name: new.name.trim().to_owned(),
            email: new.email,
            kind: new.kind,
            namespace: new.namespace,
            admin: new.admin,
            disabled: false,
            locale: None,
            theme: None,
            time_zone: None,
            created_at: self.0.env.now(),
        };
        user::check(&user)?;
        let password_hash = match (new.password, new.kind) {
            (None, _) => None,
            (Some(_), UserKind::Service) => {
                let message = "a service account has tokens, no password";
                return Err(Error::field("/password", "service", message));
            }
            (Some(password), UserKind::Person) => {
                check_password(&password, &user.login)?;
                Some(self.0.passwords.hash(&self.0.env, &password).await?)
            }
        };
        Ok(Prepared { user, password_hash })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] for what is wrong, [`Code::Conflict`] when the login or the namespace is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<User> {
        let prepared = self.prepare_user(new).await?;
        let user = prepared.user.clone();
        self.change(prepared, |prepared, tx| Box::pin(store::create_user(tx, prepared))).await?;
        Ok(user)
    }

    /// Changes an account. To disable it ends its sessions, and its tokens let nobody in.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none, [`Code::InvalidInput`] for what is wrong, [`Code::Conflict`] when
    /// the namespace is taken or no administrator would be left.
    pub async fn update_user(&self, id: UserId, patch: UserPatch) -> Result<User> {
        self.change((id, patch), |(id, patch), tx| Box::pin(update(tx, *id, patch))).await
    }

    /// Changes an account and, with `password`, gives it another one and ends all its sessions: both or nothing.
    ///
    /// # Errors
    /// As [`Identity::update_user`] and [`Identity::set_password`].
    pub async fn change_user(&self, id: UserId, patch: UserPatch, password: Option<&Secret>) -> Result<User> {
        let Some(password) = password else { return self.update_user(id, patch).await };
        let hash = self.new_hash(&self.existing(id).await?, password).await?;
        let now = self.0.env.now();
        self.change((id, patch, hash), move |(id, patch, hash), tx| {
            Box::pin(async move {
                let user = update(tx, *id, patch).await?;
                store::set_password(tx, *id, hash, now).await?;
                store::end_sessions(tx, *id, None).await?;
                Ok(user)
            })
        })
        .await
    }

    /// The account with this id.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        Ok(store::user_by_id(&self.0.db, id).await?)
    }

    /// The account with this login, in any case.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn user_by_login(&self, login: &str) -> Result<Option<User>> {
        if !is_login(login.trim()) {
            return Ok(None);
        }
        Ok(store::user_by_login(&self.0.db, login).await?)
    }

    /// Accounts by login, at most `limit`, from the one after the login `after` on.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn users(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>> {
        Ok(store::users(&self.0.db, after, limit).await?)
    }

    /// Accounts that are not disabled and whose login or name holds `part`, in any case, by login, at most `limit`.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn users_named(&self, part: &str, limit: u32) -> Result<Vec<User>> {
        Ok(store::users_named(&self.0.db, part, limit).await?)
    }

    /// Login and name of each of these accounts that exists, in one query for each [`MAX_NAMES`] of them.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn names(&self, ids: &[UserId]) -> Result<HashMap<UserId, (String, String)>> {
        let mut names = HashMap::with_capacity(ids.len());
        for part in ids.chunks(MAX_NAMES) {
            names.extend(store::names(&self.0.db, part).await?);
        }
        Ok(names)
    }

    pub(super) async fn existing(&self, id: UserId) -> Result<User> {
        self.user(id).await?.ok_or_else(|| Error::new(Code::NotFound, "There is no such user."))
    }
}

async fn update(tx: &mut Tx, id: UserId, patch: &UserPatch) -> Result<User> {
    let standing_changes = patch.admin.is_some() || patch.disabled.is_some();
    if standing_changes {
        access::store::touch(tx).await?;
    }
    let before = store::user_to_change(tx, id).await?;
    let was_admin = before.admin && !before.disabled;
    let after = patch.clone().apply(before);
    user::check(&after)?;
    store::update_user(tx, &after).await?;
    if after.disabled {
        store::end_sessions(tx, id, None).await?;
    }
    if was_admin && (!after.admin || after.disabled) {
        store::keep_one_admin(tx).await?;
    }
    Ok(after)
}
