//! Who asks: by session cookie, by API token, or on this machine with the token of the state folder.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRef, FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};
use kageos_core::{
    Actor, Code, Error, Result, SessionId, Source, SourceKind, Timestamp, Trace,
    platform::identity::{Authenticated, Credential, SYSTEM_LOGIN, Secret, User},
};

use subtle::ConstantTimeEq;

use crate::{
    problem::{Answer, Refused},
    query, record,
    shared::Shared,
};

/// The cookie that holds the token of a session.
pub(crate) const COOKIE: &str = "kageos_session";

/// Where a connection comes from; the listener knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where a request comes from: as our listener says, or that of the service that we are mounted in.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ours = extensions.get().map(|Peer(address)| *address);
    let theirs = || extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| peer.ip().to_canonical());
    ours.or_else(theirs)
}

/// What was shown with a request.
#[derive(Clone)]
pub(crate) enum Shown {
    /// The token of a session, in the cookie.
    Session(Secret),
    /// An API token.
    Token(Secret),
    /// The token of the state folder, on this machine.
    Local,
}

/// Who asks, known for this request.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) user: Arc<User>,
    pub(crate) actor: Actor,
    pub(crate) source: Source,
    pub(crate) trace: Trace,
    pub(crate) shown: Shown,
    /// The session, when one was shown.
    pub(crate) session: Option<(SessionId, Timestamp)>,
}

/// Lets known callers through.
pub(crate) async fn known(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Answer<Response> {
    let shown = Shown::read(&shared, &request).ok_or_else(|| Error::of(Code::Unauthenticated))?;
    let trace = trace(&shared, request.extensions().get().copied());
    let caller = Caller::find(&shared, shown, trace).await?;
    request.extensions_mut().insert(caller.ok_or_else(|| Error::of(Code::Unauthenticated))?);
    Ok(next.run(request).await)
}

fn trace(shared: &Shared, begun: Option<Trace>) -> Trace {
    begun.unwrap_or_else(|| shared.env().trace())
}

impl Shown {
    fn read(shared: &Shared, request: &Request) -> Option<Self> {
        let headers = request.headers();
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok()?.strip_prefix("Bearer ")?;
            let here = peer(request.extensions()).is_some_and(|address| address.is_loopback());
            let local = here && shared.0.local_token.as_ref().is_some_and(|known| same(known, token));
            return Some(if local { Self::Local } else { Self::Token(Secret::new(token)) });
        }
        cookie(headers).map(Self::Session)
    }
}

/// Whether `given` is the secret, in a time that tells nothing.
fn same(known: &Secret, given: &str) -> bool {
    known.expose().as_bytes().ct_eq(given.as_bytes()).into()
}

/// The token in the session cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| Secret::new(value))
}

impl Caller {
    /// Who is let in by what was shown; `None` for nobody.
    pub(crate) async fn find(shared: &Shared, shown: Shown, trace: Trace) -> Result<Option<Self>> {
        let identity = shared.platform().identity();
        let found = match &shown {
            Shown::Session(token) => identity.session(token).await?,
            Shown::Token(token) => identity.token(token).await?,
            Shown::Local => {
                let system = identity.user_by_login(SYSTEM_LOGIN).await?;
                return Ok(system.map(|user| Self::local(user, trace)));
            }
        };
        Ok(found.map(|who| Self::new(who, shown, trace)))
    }

    fn new(who: Authenticated, shown: Shown, trace: Trace) -> Self {
        let (source, session) = match who.credential {
            Credential::Session(id) => (Source::of(SourceKind::Web), Some((id, who.expires_at))),
            Credential::Token(id) => {
                (Source { reference: Some(id.to_string()), ..Source::of(SourceKind::Api) }, None)
            }
        };
        Self { user: who.user, actor: who.actor, source, trace, shown, session }
    }

    fn local(user: User, trace: Trace) -> Self {
        let (actor, source) = (user.actor(), Source::of(SourceKind::Cli));
        Self { user: Arc::new(user), actor, source, trace, shown: Shown::Local, session: None }
    }

    /// Refuses programs: what concerns accounts is done by the person, so no token can outgrow its scope.
    pub(crate) fn in_person(&self) -> Result<()> {
        match self.shown {
            Shown::Session(_) | Shown::Local => Ok(()),
            Shown::Token(_) => {
                Err(Error::new(Code::Forbidden, "This needs a login; an API token is not enough."))
            }
        }
    }

    /// Refuses all but whoever sits at the server's own machine.
    pub(crate) fn on_this_machine(&self) -> Result<()> {
        match self.shown {
            Shown::Local => Ok(()),
            _ => Err(Error::new(Code::Forbidden, "This is for `kagectl` on the server's own machine.")),
        }
    }

    /// Refuses all but administrators.
    pub(crate) fn admin(&self) -> Result<()> {
        self.in_person()?;
        if self.user.admin { Ok(()) } else { Err(Error::of(Code::Forbidden)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        parts.extensions.get().cloned().ok_or_else(|| Refused(Error::of(Code::Unauthenticated)))
    }
}

/// An administrator, in person: asked for before a body is read.
pub(crate) struct Admin(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Admin
where
    Shared: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if let Err(error) = caller.admin() {
            record::tried(&Shared::from_ref(state), &caller, query::operation(parts), &error).await;
            return Err(error.into());
        }
        Ok(Self(caller))
    }
}
