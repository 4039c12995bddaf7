//! Identity as a running server holds it.

mod handover;
mod login;
mod sessions;
mod tokens;
mod users;

pub use users::{MAX_NAMES, SYSTEM_LOGIN};

use std::{fmt, sync::Arc};

use super::{known::Known, password::Passwords, throttle::Throttle};
use crate::{
    Env, Error, Result,
    platform::access::Access,
    sql::{Db, Tx, UnitFuture},
};

/// Who someone is: accounts, logins, sessions and API tokens. A handle that is cheap to clone.
///
/// Who may make or change an account or a token is asked before, at the door.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    db: Db,
    env: Env,
    access: Access,
    passwords: Passwords,
    throttle: Throttle,
    known: Known,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Identity over a database whose tables are in place. A change of who is an administrator or disabled is
    /// published through `access`.
    ///
    /// # Errors
    /// When passwords cannot be hashed here.
    pub async fn open(db: Db, env: Env, access: Access) -> Result<Self> {
        let passwords = Passwords::new(&env).await?;
        let (throttle, known) = (Throttle::default(), Known::default());
        Ok(Self(Arc::new(Inner { db, env, access, passwords, throttle, known })))
    }

    /// Forgets who was let in a moment ago, because another server ended a session, a token or an account.
    pub fn forget(&self) {
        self.0.known.forget();
    }

    /// How many passwords were compared with a hash since the start.
    #[must_use]
    pub fn password_checks(&self) -> u64 {
        self.0.passwords.checks()
    }

    /// Runs a unit and lets nobody in any more whom it shuts out, to the end even when the caller goes away.
    async fn change<D, T>(
        &self,
        input: D,
        unit: impl for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, Error> + Send + Sync + 'static,
    ) -> Result<T>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        let this = self.clone();
        let work = async move {
            let done = this.0.db.write_with(input, unit).await;
            this.0.known.forget();
            let done = done?;
            this.0.access.herald().renew();
            this.0.access.reload().await?;
            Ok(done)
        };
        tokio::spawn(work).await.map_err(Error::internal)?
    }
}
