//! Other functions, in this workspace or another, through the one door.

use std::sync::Weak;

use kageos_core::{ActionName, Call, CallId, Code, Error, ResourcePath, Result, Source, SourceKind};

use super::Ctx;
use crate::{Wire, field::Reader};

impl Ctx {
    /// Calls another function for the same actor: `ctx.call("/sales/crm/close_deal.form", "submit", &input)`. A
    /// path without a leading slash lies in this workspace. The call has its own rights, record and unit.
    ///
    /// # Errors
    /// Whatever refuses the call; [`Code::Unavailable`] where the app runs without a dispatcher.
    pub async fn call<R: Wire>(&self, path: &str, action: &str, input: &impl Wire) -> Result<R> {
        let dispatch = self.ports.dispatch.as_ref().and_then(Weak::upgrade);
        let dispatch =
            dispatch.ok_or_else(|| Error::new(Code::Unavailable, "no other function can be called here"))?;
        let call = Call {
            id: CallId::new(&self.env),
            path: self.resolve(path)?,
            action: ActionName::new(action).ok_or_else(|| Error::of(Code::UnknownAction))?,
            input: input.to_json(),
            actor: kageos_core::Actor { app: Some(self.workspace.clone()), ..self.call.actor.clone() },
            source: Source {
                kind: SourceKind::App,
                reference: Some(self.call.id.to_string()),
                path: Some(self.call.path.clone()),
                title: None,
            },
            trace: self.call.trace.child(&*self.env.entropy),
            deadline: Some(self.call.deadline),
            idempotency_key: None,
            dry_run: self.call.dry_run,
        };
        let reply = dispatch.dispatch(call).await?;
        let output = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
        Reader::whole(output).map_err(|error| {
            Error::new(Code::Internal, format!("{path} gave back something else than expected"))
                .caused_by(error)
        })
    }

    fn resolve(&self, path: &str) -> Result<ResourcePath> {
        let whole =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.workspace) };
        whole
            .parse()
            .map_err(|error: kageos_core::PathError| Error::new(Code::InvalidPath, error.to_string()))
    }
}
