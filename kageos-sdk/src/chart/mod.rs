//! Charts: figures made from rows, with typed marks and the filter that each of them stands for.

mod bucket;
mod figures;

pub use bucket::{Bucket, Window};
pub use figures::{Axis, Figure, Figures, Point, Series};

use kageos_core::Result;
use serde::Serialize;

use crate::Ctx;

/// A chart. Made by `#[derive(Chart)]`; what it shows is said by [`Query`].
pub trait Chart: Send + Sync + 'static {
    /// The path inside the workspace.
    const PATH: &'static str;
    /// How it is drawn and named.
    fn def() -> ChartDef;
}

/// What a chart shows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it shows",
    note = "write `impl Query for {Self} {{ async fn query(window: Window, ctx: &Ctx) -> Result<Figures> {{ … }} }}`"
)]
pub trait Query: Chart {
    /// The figures in this window.
    ///
    /// # Errors
    /// Whatever keeps them from being made.
    fn query(window: Window, ctx: &Ctx) -> impl Future<Output = Result<Figures>> + Send;
}

/// A chart's declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartDef {
    /// The path inside the workspace, for example `pipeline.chart`.
    pub path: String,
    /// Its name for people.
    pub title: String,
    /// What it shows, Markdown.
    pub description: String,
    /// How it is drawn.
    pub mark: Mark,
    /// What stands on the horizontal axis, for people.
    pub x: String,
    /// What stands on the vertical axis, for people.
    pub y: String,
    /// The unit of the figures.
    pub unit: Option<String>,
    /// The table that its marks lead to, a path inside the workspace.
    pub source: Option<String>,
    /// Whether a time window and buckets can be asked for.
    pub time: bool,
    /// How much is recorded of those who look at it.
    pub audit: kageos_core::Audit,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Bars, to compare.
    Bar,
    /// Lines, over time.
    Line,
    /// Filled lines, over time.
    Area,
    /// Parts of a whole.
    Pie,
    /// A single figure.
    Figure,
}
