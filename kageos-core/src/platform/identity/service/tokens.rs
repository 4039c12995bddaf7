use super::{
    Identity,
    sessions::{NOTE_USE_EVERY, note},
};
use crate::{
    Actor, Code, Error, FieldError, Result, Right, Timestamp, TokenId, UserId,
    platform::identity::{
        ApiToken, Authenticated, Credential, Issued, MAX_NAME, NewToken, Secret, credential::TOKEN_LONGEST,
        is_api_token, secret::api_token, store, user::is_line,
    },
};

impl Identity {
    /// Who an API token lets in, within its scope; `None` when it has ended or never was.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn token(&self, token: &Secret) -> Result<Option<Authenticated>> {
        if !is_api_token(token.expose()) {
            return Ok(None);
        }
        let (digest, now, known) = (token.digest(), self.0.env.now(), &self.0.known);
        if let Some(who) = known.get(digest, now) {
            return Ok(Some(who));
        }
        let epoch = known.epoch();
        let found = store::token_by_digest(&self.0.db, &digest.to_hex()).await?;
        let Some((token, user, stored)) = found else { return Ok(None) };
        if !digest.matches(&stored) || user.disabled || token.expires_at <= now {
            return Ok(None);
        }
        if token.used_at.is_none_or(|used| now.since(used) >= NOTE_USE_EVERY) {
            note("token", store::used_token(&self.0.db, token.id, now).await);
        }
        let who = Authenticated {
            actor: Actor { scope: Some(token.scope), ..user.actor() },
            user: user.into(),
            credential: Credential::Token(token.id),
            expires_at: token.expires_at,
        };
        known.put(epoch, digest, who.clone(), now, who.expires_at);
        Ok(Some(who))
    }

    /// Forgets some of the API tokens that ran out before a moment, and answers how many: zero when there is none left.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn forget_tokens(&self, before: Timestamp) -> Result<u64> {
        Ok(store::forget_tokens(&self.0.db, before).await?)
    }

    /// Makes an API token. It is shown in the answer and never again.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] for a name, scope or end that is none, [`Code::NotFound`] when there is no such
    /// account, [`Code::Conflict`] when it has too many tokens.
    pub async fn create_token(&self, new: NewToken) -> Result<Issued> {
        let now = self.0.env.now();
        check(&new, now)?;
        let token = ApiToken {
            id: TokenId::new(&self.0.env),
            user: new.user,
            name: new.name,
            scope: new.scope,
            created_at: now,
            expires_at: new.expires_at,
            used_at: None,
        };
        let secret = api_token(&self.0.env);
        let input = (token.clone(), secret.digest().to_hex());
        self.change(input, |(token, digest), tx| Box::pin(store::insert_token(tx, token, digest))).await?;
        Ok(Issued { secret, token })
    }

    /// The API tokens of an account, in the order they were made.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn tokens(&self, user: UserId) -> Result<Vec<ApiToken>> {
        Ok(store::tokens(&self.0.db, user).await?)
    }

    /// Ends an API token of an account.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the account has no such token.
    pub async fn end_token(&self, user: UserId, id: TokenId) -> Result<()> {
        let ended = self
            .change((user, id), |(user, id), tx| {
                Box::pin(async move { Ok(store::end_token(tx, *user, *id).await?) })
            })
            .await?;
        if ended == 1 { Ok(()) } else { Err(Error::new(Code::NotFound, "There is no such token.")) }
    }
}

fn check(new: &NewToken, now: Timestamp) -> Result<()> {
    let ends_in_time = new.expires_at > now && new.expires_at <= now.plus(TOKEN_LONGEST);
    let rules = [
        (is_line(&new.name, MAX_NAME), "/name", "a name has 1 to 100 characters"),
        (new.scope.rights.contains(Right::Read), "/scope/rights", "a token needs the right to read"),
        (ends_in_time, "/expires_at", "a token ends within a year from now"),
    ];
    let broken = rules.into_iter().filter(|(holds, ..)| !holds);
    let fields: Vec<FieldError> = broken
        .map(|(_, pointer, message)| FieldError {
            pointer: pointer.to_owned(),
            code: "range".into(),
            message: message.to_owned(),
        })
        .collect();
    if fields.is_empty() { Ok(()) } else { Err(Error::invalid(fields)) }
}
