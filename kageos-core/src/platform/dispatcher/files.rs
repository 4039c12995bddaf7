//! Files at the door: those that an input names, and the names of those that a page of rows shows.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{Admitted, Dispatcher};
use crate::file::accepts;
use crate::host::HostReply;
use crate::platform::files::MAX_FOUND;
use crate::platform::files::fields::{self, Named};
use crate::{ActionName, Error, FieldError, FileId, FileInfo, Result};

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

    /// Adds to a page of rows what is known of the files in them, as far as the caller may read them.
    pub(super) async fn with_file_names(&self, admitted: &Admitted, reply: HostReply) -> Result<HostReply> {
        let fields = admitted.function.file_fields();
        if fields.is_empty() || admitted.call.action != ActionName::SEARCH {
            return Ok(reply);
        }
        let mut page: Value = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
        let shown = ids_by_field(&page, fields);
        let all: HashSet<FileId> = shown.iter().flat_map(|(_, ids)| ids).copied().take(MAX_FOUND).collect();
        let ids: Vec<FileId> = all.into_iter().collect();
        let files = self.inner.files.visible(&admitted.call.actor, &ids).await?;
        let by_id: HashMap<FileId, &FileInfo> = files.iter().map(|file| (file.id, file)).collect();
        let labels = shown.into_iter().map(|(field, ids)| {
            let names = ids.iter().filter_map(|id| Some((id.to_string(), json!(by_id.get(id)?.name))));
            (field.clone(), Value::Object(names.collect()))
        });
        let labels: Vec<(String, Value)> = labels.collect();
        if let Some(known) = page.get_mut("labels").and_then(Value::as_object_mut) {
            known.extend(labels);
        }
        let files: Map<String, Value> = files.iter().map(|file| (file.id.to_string(), json!(file))).collect();
        page["files"] = Value::Object(files);
        let output = serde_json::value::to_raw_value(&page).map_err(Error::internal)?.into();
        Ok(HostReply { output, ..reply })
    }
}

/// What is wrong with a file in a field, if anything.
fn mistake(named: &Named<'_>, file: Option<&FileInfo>) -> Option<FieldError> {
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

/// The files in each field of a page's rows.
fn ids_by_field<'f>(page: &Value, fields: &'f [String]) -> Vec<(&'f String, Vec<FileId>)> {
    let rows = page.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |field: &'f String| {
        let values = rows.iter().filter_map(|row| row.get("values")?.get(field));
        (field, values.flat_map(fields::ids).collect())
    };
    fields.iter().map(of).collect()
}
