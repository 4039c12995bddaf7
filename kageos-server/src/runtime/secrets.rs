//! Secrets of a workspace, as its administrators set them.

use kageos_core::{
    Egress, Error, HostCall, HostError, HostReply, NodeId, Origin, Result, platform::identity::Secret,
};
use serde_json::{Value, json};

use super::{
    Runtime,
    host::reply,
    releases::{Names, person},
};

/// Sets a secret. Without an origin it is the one that the live release declares for it.
pub(super) async fn set(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    (name, value, origin): (String, String, Option<String>),
) -> Result<HostReply, HostError> {
    call.check_itself()?;
    let value = Secret::new(value);
    let origin: Origin = match origin {
        Some(text) => text.parse().map_err(|error| Error::field("/origin", "origin", format!("{error}.")))?,
        None => {
            let declared = declared(runtime, workspace, None).await?;
            let found = declared.secrets.into_iter().find(|secret| secret.name == name);
            let message = "The live release declares no such secret: say for which origin it is.";
            found.map(|secret| secret.origin).ok_or_else(|| Error::field("/origin", "required", message))?
        }
    };
    runtime.secrets().set(call, workspace, (&name, &origin), &value).await
}

/// Forgets a secret.
pub(super) async fn remove(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    name: &str,
) -> Result<HostReply, HostError> {
    call.check_itself()?;
    runtime.secrets().remove(call, workspace, name).await
}

/// The secrets that a release declares, or the live one, and those that are set; never what they are.
pub(super) async fn list(
    runtime: &Runtime,
    workspace: NodeId,
    release: Option<u32>,
) -> Result<HostReply, HostError> {
    let declared = declared(runtime, workspace, release).await?;
    let set = runtime.secrets().list(workspace).await?;
    let mut ids: Vec<_> = set.iter().filter_map(|secret| secret.changed_by).collect();
    ids.sort_unstable();
    ids.dedup();
    let names: Names = runtime.platform().identity().names(&ids).await?;
    let about = |name: &str| {
        let found = set.iter().find(|secret| secret.name == name);
        found.map(
            |it| json!({ "origin": it.origin, "by": person(it.changed_by, &names), "at": it.changed_at }),
        )
    };
    let used = declared.secrets.iter().map(|secret| {
        json!({
            "name": secret.name,
            "title": secret.title,
            "origin": secret.origin,
            "place": secret.place,
            "declared": true,
            "set": about(&secret.name),
        })
    });
    let unused = set.iter().filter(|secret| declared.secrets.iter().all(|it| it.name != secret.name));
    let unused = unused.map(|secret| {
        json!({
            "name": secret.name,
            "title": secret.name,
            "origin": secret.origin,
            "place": Value::Null,
            "declared": false,
            "set": about(&secret.name),
        })
    });
    Ok(reply(&json!({ "secrets": used.chain(unused).collect::<Vec<_>>() }))?)
}

/// What a release declares, or the live one; nothing when none is live.
async fn declared(runtime: &Runtime, workspace: NodeId, release: Option<u32>) -> Result<Egress> {
    let releases = runtime.platform().releases();
    let number = match release {
        Some(number) => {
            let missing = || Error::field("/release", "not_found", "There is no such release.");
            releases.get(workspace, number).await?.ok_or_else(missing)?;
            Some(number)
        }
        None => releases.live(workspace).await?,
    };
    let Some(number) = number else { return Ok(Egress::default()) };
    Ok(releases.manifest(workspace, number).await?.map(|manifest| manifest.egress).unwrap_or_default())
}
