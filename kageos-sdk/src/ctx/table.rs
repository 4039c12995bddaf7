//! The rows of one table, typed.

use std::marker::PhantomData;

use kageos_core::{Code, Error, Result, RowId};

use super::{Ctx, Search};
use crate::{
    Map, Object, Table, TableHooks,
    field::Reader,
    table::{AggregateQuery, Mark, Row, Unit},
};

/// The rows of a table as its type.
#[derive(Debug)]
pub struct Rows<'a, T> {
    ctx: &'a Ctx,
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Table + TableHooks> Rows<'a, T> {
    pub(super) fn new(ctx: &'a Ctx) -> Self {
        Self { ctx, of: PhantomData }
    }

    /// Looks for rows.
    #[must_use]
    pub fn search(&self) -> Search<'a, T> {
        Search::new(self.ctx)
    }

    /// Counts, sums and averages of groups of rows, in the database. Sees the committed state.
    ///
    /// # Errors
    /// An unknown field, a field that cannot be summed, or what the database answers.
    pub async fn aggregate(&self, query: &AggregateQuery) -> Result<Vec<Mark>> {
        self.ctx.store().aggregate(T::PATH, query).await
    }

    /// The row with this id, as this call leaves it; `None` when there is none.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn get(&self, id: RowId) -> Result<Option<T>> {
        let row = self.ctx.unit().lock().await.get(T::PATH, id).await?;
        row.map(typed).transpose()
    }

    /// The row with this id, which has to be there.
    ///
    /// # Errors
    /// [`Code::NotFound`] when it is not.
    pub async fn require(&self, id: RowId) -> Result<T> {
        self.get(id).await?.ok_or_else(|| missing::<T>(id))
    }

    /// Makes a row. Its id comes from [`Ctx::row_id`].
    ///
    /// # Errors
    /// Everything that is wrong with it, and what a hook says.
    pub async fn create(&self, mut row: T) -> Result<T> {
        self.ctx.allow(|it| it.creates, "creates")?;
        if T::HOOKED {
            Box::pin(T::before_create(&mut row, self.ctx)).await?;
        }
        let id = row.id();
        let made = self.ctx.unit().lock().await.create_with_id(T::PATH, id, &values(&row))?;
        let row = typed(made)?;
        if T::HOOKED {
            Box::pin(T::after_create(&row, self.ctx)).await?;
        }
        Ok(row)
    }

    /// Changes a row: `update(id, |deal| deal.stage = Stage::Won)`. Refused when somebody else changes it at the
    /// same time.
    ///
    /// # Errors
    /// [`Code::NotFound`], everything that is wrong with the change, and what a hook says.
    pub async fn update(&self, id: RowId, change: impl FnOnce(&mut T) + Send) -> Result<T> {
        let row = self.ctx.unit().lock().await.get(T::PATH, id).await?.ok_or_else(|| missing::<T>(id))?;
        let version = row.version;
        let mut new: T = typed(row.clone())?;
        change(&mut new);
        self.replace(row, version, new).await.and_then(typed)
    }

    /// Moves a row to the recycle bin.
    ///
    /// # Errors
    /// [`Code::NotFound`], and what a hook says.
    pub async fn delete(&self, id: RowId) -> Result<()> {
        self.delete_version(id, None).await.map(drop)
    }

    /// Takes a row out of the recycle bin.
    ///
    /// # Errors
    /// [`Code::NotFound`] when it is not there.
    pub async fn restore(&self, id: RowId) -> Result<T> {
        self.ctx.allow(|it| it.deletes || it.updates, "updates")?;
        self.ctx.unit().lock().await.restore(T::PATH, id).await.and_then(typed)
    }

    /// Writes what differs between a row and its next state.
    async fn replace(&self, row: Row, version: i64, mut new: T) -> Result<Row> {
        self.ctx.allow(|it| it.updates, "updates")?;
        let id = row.id;
        let before = row.values.clone();
        let hooked = if T::HOOKED { Some(typed::<T>(row)?) } else { None };
        if let Some(old) = &hooked {
            Box::pin(T::before_update(old, &mut new, self.ctx)).await?;
        }
        let patch: Map =
            values(&new).into_iter().filter(|(name, value)| before.get(name) != Some(value)).collect();
        let changed = self.ctx.unit().lock().await.update(T::PATH, id, Some(version), &patch).await?;
        if let Some(old) = &hooked {
            let new = typed::<T>(changed.clone())?;
            Box::pin(T::after_update(old, &new, self.ctx)).await?;
        }
        Ok(changed)
    }

    /// A new row from values of the wire.
    pub(crate) async fn create_values(&self, values: Map) -> Result<Row> {
        if !T::HOOKED {
            return self.ctx.unit().lock().await.create(T::PATH, &values);
        }
        let id = self.ctx.row_id();
        let row: T = read(id, values, "/values")?;
        self.create(row).await?;
        self.ctx.unit().lock().await.get(T::PATH, id).await?.ok_or_else(|| missing::<T>(id))
    }

    /// A change from values of the wire.
    pub(crate) async fn update_values(&self, id: RowId, version: Option<i64>, patch: Map) -> Result<Row> {
        let frozen = self
            .ctx
            .store()
            .def(T::PATH)
            .is_some_and(|def| def.fields.iter().any(|field| field.annotation.readonly_if.is_some()));
        if !T::HOOKED && !frozen {
            return self.ctx.unit().lock().await.update(T::PATH, id, version, &patch).await;
        }
        let mut unit = self.ctx.unit().lock().await;
        let row = unit.get(T::PATH, id).await?.ok_or_else(|| missing::<T>(id))?;
        self.check_frozen(&unit, &row, &patch)?;
        if !T::HOOKED {
            return unit.update(T::PATH, id, version, &patch).await;
        }
        drop(unit);
        let mut whole = row.values.clone();
        whole.extend(patch);
        let new: T = read(id, whole, "/patch")?;
        let version = version.unwrap_or(row.version);
        self.replace(row, version, new).await
    }

    fn check_frozen(&self, unit: &Unit, row: &Row, patch: &Map) -> Result<()> {
        let Some(def) = unit.store().def(T::PATH) else { return Ok(()) };
        let mut reader = Reader::at("/patch");
        crate::field::rules::frozen(&def.fields, &row.values, patch, &mut reader);
        reader.finish(Some(()))
    }

    /// Moves a row of this version to the recycle bin; answers its new version.
    pub(crate) async fn delete_version(&self, id: RowId, version: Option<i64>) -> Result<i64> {
        self.ctx.allow(|it| it.deletes, "deletes")?;
        if !T::HOOKED {
            return self.ctx.unit().lock().await.delete(T::PATH, id, version).await;
        }
        let row = self.require(id).await?;
        Box::pin(T::before_delete(&row, self.ctx)).await?;
        let version = self.ctx.unit().lock().await.delete(T::PATH, id, version).await?;
        Box::pin(T::after_delete(&row, self.ctx)).await?;
        Ok(version)
    }
}

fn missing<T: Table>(id: RowId) -> Error {
    Error::new(Code::NotFound, format!("{} has no row {id}", T::PATH))
}

/// The row's values without its id.
fn values<T: Table>(row: &T) -> Map {
    let mut values = row.to_map();
    values.shift_remove("id");
    values
}

fn read<T: Table>(id: RowId, mut values: Map, at: &str) -> Result<T> {
    values.insert("id".to_owned(), id.to_string().into());
    let mut reader = Reader::at(at);
    let row = <T as Object>::read(&mut values, &mut reader);
    reader.finish(row)
}

/// A row of the database as its type. What does not fit was written under another declaration.
pub(super) fn typed<T: Table>(row: Row) -> Result<T> {
    let id = row.id;
    read(id, row.values, "").map_err(|error| {
        Error::new(Code::Internal, format!("the row {id} of {} does not fit its type", T::PATH))
            .caused_by(error)
    })
}
