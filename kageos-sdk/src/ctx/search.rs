//! Looks for rows of a table.

use std::marker::PhantomData;

use kageos_core::{Result, Sort};

use super::{Ctx, table::typed};
use crate::{
    FieldType, Filter, Table,
    table::{MAX_LIMIT, SearchQuery},
};

/// A search in the making. It sees the committed state.
#[derive(Debug)]
pub struct Search<'a, T> {
    ctx: &'a Ctx,
    filters: Vec<Filter>,
    query: SearchQuery,
    of: PhantomData<fn() -> T>,
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<String>,
    /// How many rows there are in all, when it was asked for.
    pub count: Option<u32>,
}

impl<'a, T: Table> Search<'a, T> {
    pub(super) fn new(ctx: &'a Ctx) -> Self {
        Self { ctx, filters: Vec::new(), query: SearchQuery::default(), of: PhantomData }
    }

    /// Only rows that meet this as well.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Only rows whose field has this value.
    #[must_use]
    pub fn eq(self, field: &str, value: &impl FieldType) -> Self {
        self.filter(Filter::Eq(field.to_owned(), value.to_json()))
    }

    /// Only rows whose field lies between these, which count.
    #[must_use]
    pub fn range<V: FieldType>(self, field: &str, from: Option<&V>, to: Option<&V>) -> Self {
        let json = |end: Option<&V>| end.map_or(crate::Value::Null, FieldType::to_json);
        self.filter(Filter::Range(field.to_owned(), json(from), json(to)))
    }

    /// Only rows that hold these words.
    #[must_use]
    pub fn q(mut self, text: impl Into<String>) -> Self {
        self.query.q = Some(text.into());
        self
    }

    /// In this order: `"name"`, or `"-name"` for largest first. Called again, it adds a step.
    #[must_use]
    pub fn sort(mut self, step: &str) -> Self {
        let (field, desc) = step.strip_prefix('-').map_or((step, false), |field| (field, true));
        self.query.sort.push(Sort { field: field.to_owned(), desc });
        self
    }

    /// At most so many rows on the page.
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.query.limit = Some(rows);
        self
    }

    /// The page that starts here: the `next` of the page before.
    #[must_use]
    pub fn next(mut self, next: Option<String>) -> Self {
        self.query.next = next;
        self
    }

    /// Counts the rows as well, up to a cap.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.query.count = true;
        self
    }

    /// The page.
    ///
    /// # Errors
    /// An unknown field, a value that does not fit, or what the database answers.
    pub async fn page(mut self) -> Result<Page<T>> {
        self.query.filter = match self.filters.len() {
            0 | 1 => self.filters.pop(),
            _ => Some(Filter::And(self.filters)),
        };
        let page = self.ctx.store().search(T::PATH, self.query).await?;
        let rows = page.rows.into_iter().map(typed).collect::<Result<Vec<T>>>()?;
        Ok(Page { rows, next: page.next, count: page.count })
    }

    /// The first row.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub async fn first(self) -> Result<Option<T>> {
        Ok(self.limit(1).page().await?.rows.pop())
    }

    /// Every row, at most `most`, page by page.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub async fn all(self, most: usize) -> Result<Vec<T>> {
        let (ctx, filter) = (self.ctx, Filter::And(self.filters));
        let (mut query, mut rows) = (self.query, Vec::new());
        loop {
            let left = u32::try_from(most.saturating_sub(rows.len())).unwrap_or(MAX_LIMIT);
            query.limit = Some(left.min(MAX_LIMIT));
            if left == 0 {
                return Ok(rows);
            }
            let page: Page<T> =
                Self { ctx, filters: vec![filter.clone()], query: query.clone(), of: PhantomData }
                    .page()
                    .await?;
            rows.extend(page.rows);
            query.next = page.next;
            if query.next.is_none() {
                return Ok(rows);
            }
        }
    }
}
