//! What an app asks of its platform, as the ports that it knows.

use std::ops::Range;

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::{
    Session,
    message::{Dispatched, ToPlatform},
};
use crate::{
    Call, Code, Dispatch, Error, FileId, FileInfo, Files, HostCall, Http, HttpRequest, HttpResponse, Python,
    PythonDone, PythonScript, Reply, Result, SourceKind, StepSink, TableSteps, file::NewFile,
    python::DoneHead,
};

/// Other functions, through the platform at the other end.
#[derive(Debug, Clone)]
pub struct LinkDispatch(pub(super) Session);

#[async_trait]
impl Dispatch for LinkDispatch {
    /// Only the path, the action, the input and whether it is a dry run go over: who calls, why and until when is what
    /// the platform knows of the call that the app runs.
    async fn dispatch(&self, call: Call) -> Result<Reply> {
        let reference = Some(&call.source).filter(|source| source.kind == SourceKind::App);
        let during = reference.and_then(|source| source.reference.as_ref()?.parse().ok());
        let during = during.ok_or_else(|| Error::new(Code::Forbidden, "An app calls only during a call."))?;
        let input = serde_json::to_vec(&call.input).map_err(Error::internal)?;
        let Call { path, action, dry_run, .. } = call;
        let ask = ToPlatform::Dispatch { during, path, action, dry_run };
        let (done, output): (Dispatched, _) =
            self.0.ask(&ask, &input).await.map_err(crate::HostError::into_error)?;
        let output: Box<RawValue> = serde_json::from_slice(&output).map_err(Error::internal)?;
        let Dispatched { call, changes, dry_run, undoable, diff_hash } = done;
        Ok(Reply { call, output: output.into(), changes, dry_run, undoable, diff_hash })
    }
}

/// The files of the workspace, through the platform at the other end.
#[derive(Debug, Clone)]
pub struct LinkFiles(pub(super) Session);

impl LinkFiles {
    async fn ask<R: serde::de::DeserializeOwned>(
        &self,
        ask: ToPlatform,
        body: &[u8],
    ) -> Result<(R, Vec<u8>)> {
        self.0.ask(&ask, body).await.map_err(crate::HostError::into_error)
    }
}

#[async_trait]
impl Files for LinkFiles {
    async fn find(&self, call: &HostCall, ids: &[FileId]) -> Result<Vec<FileInfo>> {
        let ask = ToPlatform::FindFiles { during: call.id, ids: ids.to_vec() };
        Ok(self.ask(ask, &[]).await?.0)
    }

    async fn claim(&self, call: &HostCall, ids: &[FileId]) -> Result<()> {
        let ask = ToPlatform::ClaimFiles { during: call.id, ids: ids.to_vec() };
        self.ask::<()>(ask, &[]).await.map(drop)
    }

    async fn read(&self, call: &HostCall, id: FileId, range: Range<u64>) -> Result<Vec<u8>> {
        let ask = ToPlatform::ReadFile { during: call.id, id, range };
        Ok(self.ask::<()>(ask, &[]).await?.1)
    }

    async fn write(&self, call: &HostCall, new: NewFile) -> Result<FileInfo> {
        let NewFile { name, media_type, bytes } = new;
        let ask = ToPlatform::WriteFile { during: call.id, name, media_type };
        Ok(self.ask(ask, &bytes).await?.0)
    }
}

/// What lies outside, through the platform at the other end.
#[derive(Debug, Clone)]
pub struct LinkHttp(pub(super) Session);

#[async_trait]
impl Http for LinkHttp {
    async fn send(&self, call: &HostCall, mut request: HttpRequest) -> Result<HttpResponse> {
        let body = std::mem::take(&mut request.body);
        let ask = ToPlatform::Http { during: call.id, request: Box::new(request) };
        let (response, body): (HttpResponse, _) =
            self.0.ask(&ask, &body).await.map_err(crate::HostError::into_error)?;
        Ok(HttpResponse { body, ..response })
    }
}

/// Scripts, run by the platform at the other end.
#[derive(Debug, Clone)]
pub struct LinkPython(pub(super) Session);

#[async_trait]
impl Python for LinkPython {
    async fn run(&self, call: &HostCall, script: PythonScript) -> Result<PythonDone> {
        let (script, body) = script.apart();
        let ask = ToPlatform::Python { during: call.id, script: Box::new(script) };
        let (done, body): (DoneHead, _) =
            self.0.ask(&ask, &body).await.map_err(crate::HostError::into_error)?;
        PythonDone::joined(done, &body)
    }
}

/// Who keeps what the app did to its tables: the platform at the other end.
#[derive(Debug, Clone)]
pub struct LinkSteps(pub(super) Session);

#[async_trait]
impl StepSink for LinkSteps {
    /// At most once, before the host is there. An older platform refuses it.
    async fn take(&self, steps: TableSteps) -> Result<()> {
        let ask = ToPlatform::TableSteps(steps.bounded());
        self.0.ask::<()>(&ask, &[]).await.map(drop).map_err(crate::HostError::into_error)
    }
}
