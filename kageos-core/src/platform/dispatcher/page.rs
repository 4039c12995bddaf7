//! What a page of rows shows beside its rows, as its reader may see it: the names of files and of people, and no
//! label of a table that the reader may not read.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::fields::Holder;
use super::{Admitted, Dispatcher};
use crate::host::HostReply;
use crate::platform::files::MAX_FOUND;
use crate::{ActionName, Error, FileId, FileInfo, Result, UserId};

/// Most people that one page names: two fields of the largest page.
const MAX_NAMED: usize = 1_000;

impl Dispatcher {
    /// What was read, as its reader may see it.
    pub(super) async fn dressed(&self, admitted: &Admitted, reply: HostReply) -> Result<HostReply> {
        let function = &admitted.function;
        let hidden = self.hidden_labels(admitted);
        let has_names = !function.file_fields().is_empty() || !function.user_fields().is_empty();
        if admitted.call.action != ActionName::SEARCH || (hidden.is_empty() && !has_names) {
            return Ok(reply);
        }
        let mut page: Value = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
        if let Some(labels) = page.get_mut("labels").and_then(Value::as_object_mut) {
            hidden.into_iter().for_each(|field| drop(labels.remove(field)));
        }
        self.name_files(admitted, &mut page).await?;
        self.name_users(admitted, &mut page).await?;
        let output = serde_json::value::to_raw_value(&page).map_err(Error::internal)?.into();
        Ok(HostReply { output, ..reply })
    }

    /// The relations whose target the caller may not read.
    fn hidden_labels<'a>(&self, admitted: &'a Admitted) -> Vec<&'a String> {
        let call = &admitted.call;
        let Some(workspace) = call.path.workspace().filter(|_| call.action == ActionName::SEARCH) else {
            return Vec::new();
        };
        let tree = self.inner.tree.snapshot();
        let relations = admitted.function.relations().iter();
        let hidden = relations.filter(|(_, relation)| {
            let target = relation.resolve(&workspace);
            !target.is_ok_and(|path| self.may_read(&tree, &call.actor, &path))
        });
        hidden.map(|(field, _)| field).collect()
    }

    /// Adds what is known of the files in the rows, as far as the caller may read them.
    async fn name_files(&self, admitted: &Admitted, page: &mut Value) -> Result<()> {
        let fields = admitted.function.file_fields();
        if fields.is_empty() {
            return Ok(());
        }
        let shown = ids_by_field::<FileId>(page, fields);
        let files = self.inner.files.visible(&admitted.call.actor, &distinct(&shown, MAX_FOUND)).await?;
        let by_id: HashMap<FileId, &FileInfo> = files.iter().map(|file| (file.id, file)).collect();
        label(page, &shown, |id| Some(by_id.get(id)?.name.as_str()));
        let files: Map<String, Value> = files.iter().map(|file| (file.id.to_string(), json!(file))).collect();
        if let Some(page) = page.as_object_mut() {
            page.insert("files".to_owned(), Value::Object(files));
        }
        Ok(())
    }

    /// Adds the names of the accounts in the rows.
    async fn name_users(&self, admitted: &Admitted, page: &mut Value) -> Result<()> {
        let fields = admitted.function.user_fields();
        if fields.is_empty() {
            return Ok(());
        }
        let shown = ids_by_field::<UserId>(page, fields);
        let names = self.inner.identity.names(&distinct(&shown, MAX_NAMED)).await?;
        label(page, &shown, |id| Some(names.get(id)?.1.as_str()));
        Ok(())
    }
}

/// What each field of a page's rows names.
type Shown<'f, Id> = Vec<(&'f str, Vec<Id>)>;

fn ids_by_field<'f, Id: FromStr>(page: &Value, fields: &'f [Holder]) -> Shown<'f, Id> {
    let rows = page.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |field: &'f Holder| {
        let values = rows.iter().filter_map(|row| row.get("values")?.get(&field.name));
        (field.name.as_str(), values.flat_map(|value| field.ids(value)).collect())
    };
    fields.iter().map(of).collect()
}

fn distinct<Id: Copy + Eq + std::hash::Hash>(shown: &Shown<'_, Id>, most: usize) -> Vec<Id> {
    let mut seen = HashSet::new();
    shown.iter().flat_map(|(_, ids)| ids).copied().filter(|id| seen.insert(*id)).take(most).collect()
}

fn label<'n, Id: ToString>(page: &mut Value, shown: &Shown<'_, Id>, name: impl Fn(&Id) -> Option<&'n str>) {
    let Some(labels) = page.get_mut("labels").and_then(Value::as_object_mut) else { return };
    for (field, ids) in shown {
        let names = ids.iter().filter_map(|id| Some((id.to_string(), json!(name(id)?))));
        // A list may name both files and people.
        let known = labels.entry(*field).or_insert_with(|| Value::Object(Map::new()));
        known.as_object_mut().into_iter().for_each(|known| known.extend(names.clone()));
    }
}
