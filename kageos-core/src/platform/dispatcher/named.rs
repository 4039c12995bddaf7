//! What an input names that the platform knows: files and people.

use std::collections::{HashMap, HashSet};

use super::fields::Named;
use super::{Admitted, Dispatcher};
use crate::file::accepts;
use crate::platform::identity::MAX_NAMES;
use crate::{Code, Error, FieldError, FileId, FileInfo, Result, UserId};

impl Dispatcher {
    /// Checks the files that the input names: each is there for the actor, and is what its field takes.
    pub(super) async fn with_files(&self, mut admitted: Admitted) -> Result<Admitted> {
        let call = &admitted.call;
        let named = admitted.action().map(|action| action.named_files(&call.input)).unwrap_or_default();
        let Some(workspace) = call.path.workspace().filter(|_| !named.is_empty()) else {
            return Ok(admitted);
        };
        let ids: Vec<FileId> = named.iter().map(|it| it.id).collect::<HashSet<_>>().into_iter().collect();
        let usable = self.inner.files.usable(&call.actor, call.id, &workspace, &ids).await?;
        let by_id: HashMap<FileId, &FileInfo> = usable.iter().map(|file| (file.id, file)).collect();
        let errors: Vec<_> = named.iter().filter_map(|it| mistake(it, by_id.get(&it.id).copied())).collect();
        if !errors.is_empty() {
            return Err(Error::invalid(errors));
        }
        let claims = usable.iter().filter(|file| !file.kept).map(|file| file.id).collect();
        admitted.claims = claims;
        Ok(admitted)
    }

    /// Checks the accounts that the input names: each exists.
    pub(super) async fn with_users(&self, admitted: Admitted) -> Result<Admitted> {
        let call = &admitted.call;
        let named = admitted.action().map(|action| action.named_users(&call.input)).unwrap_or_default();
        if named.is_empty() {
            return Ok(admitted);
        }
        let ids: HashSet<UserId> = named.iter().map(|it| it.id).collect();
        if ids.len() > MAX_NAMES {
            let message = format!("One call names at most {MAX_NAMES} people.");
            return Err(Error::new(Code::InvalidInput, message));
        }
        let known = self.inner.identity.names(&ids.into_iter().collect::<Vec<_>>()).await?;
        let unknown = named.into_iter().filter(|it| !known.contains_key(&it.id));
        let errors: Vec<_> = unknown
            .map(|it| FieldError {
                pointer: it.pointer,
                code: "not_found".into(),
                message: "There is no such person.".into(),
            })
            .collect();
        if errors.is_empty() { Ok(admitted) } else { Err(Error::invalid(errors)) }
    }
}

/// What is wrong with a file in a field, if anything.
fn mistake(named: &Named<'_, FileId>, file: Option<&FileInfo>) -> Option<FieldError> {
    let told = |code: &'static str, message: String| {
        Some(FieldError { pointer: named.pointer.clone(), code: code.into(), message })
    };
    let Some(file) = file else {
        return told("not_found", "There is no such file here that you may use.".to_owned());
    };
    if let Some(accept) = named.accept.filter(|accept| !accepts(accept, &file.media_type, &file.name)) {
        return told("accept", format!("{} is {}; this takes {accept}.", file.name, file.media_type));
    }
    let most = named.max_bytes.filter(|most| file.size > *most)?;
    told("max_bytes", format!("{} has {} bytes; this takes at most {most}.", file.name, file.size))
}
