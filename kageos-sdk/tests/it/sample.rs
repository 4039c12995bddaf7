//! A small app with every kind of thing in it.

use kageos_sdk::{
    App, Chart, Choice, Ctx, Date, Decimal, Email, Figures, FileRef, Form, Function, Link, Markdown,
    Multiline, Object, Query, Result, RowId, Run, Submit, Table, Timestamp, UserRef, Window,
};

/// Where a deal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub(crate) enum Stage {
    #[choice(color = "info")]
    New,
    #[choice(label = "In talks")]
    Talking,
    #[choice(value = "won", color = "success")]
    Won,
}

/// A person who sells.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Staff", path = "hr/staff", search = [name])]
pub(crate) struct Staff {
    #[field(id)]
    pub(crate) id: RowId,
    #[field(min_len = 2, max_len = 80)]
    pub(crate) name: String,
    #[field(readonly)]
    pub(crate) calls: Option<u32>,
}

/// A line of an offer.
#[derive(Debug, Clone, PartialEq, Object)]
pub(crate) struct Line {
    #[field(max_len = 80)]
    pub(crate) text: String,
    #[field(min = 1)]
    pub(crate) count: i32,
    #[field(unit = "EUR", min = 0)]
    pub(crate) price: Decimal,
}

/// A deal that is worked on.
///
/// Closed deals stay.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Deals", history, search = [name], sort = ["-value", "name"])]
pub(crate) struct Deal {
    #[field(id)]
    pub(crate) id: RowId,
    /// What it is called.
    #[field(
        title = "Deal",
        min_len = 2,
        group = "Basics",
        placeholder = "Acme 2026",
        help = "Short and plain"
    )]
    pub(crate) name: String,
    #[field(default = Stage::New)]
    pub(crate) stage: Stage,
    #[field(relation = Staff)]
    pub(crate) owner: Option<RowId>,
    #[field(unit = "EUR", min = 0, max = 1000000.5)]
    pub(crate) value: Decimal,
    #[field(scale = 4)]
    pub(crate) rate: Option<Decimal>,
    pub(crate) closed: Option<Date>,
    pub(crate) seen: Option<Timestamp>,
    #[field(default = false)]
    pub(crate) urgent: bool,
    pub(crate) mail: Option<Email>,
    #[field(widget = "link")]
    pub(crate) site: Option<String>,
    pub(crate) page: Option<Link>,
    #[field(require_if = (stage == Stage::Won && !empty(owner)), show_if = stage != "new")]
    pub(crate) note: Option<Multiline>,
    pub(crate) text: Option<Markdown>,
    pub(crate) tags: Vec<Stage>,
    pub(crate) lines: Vec<Line>,
    pub(crate) files: Vec<FileRef>,
    pub(crate) contract: Option<FileRef>,
    pub(crate) seller: Option<UserRef>,
    #[field(sensitive, list = false)]
    pub(crate) secret: Option<String>,
    pub(crate) small: Option<i16>,
    pub(crate) big: Option<i64>,
    #[field(filter = false, sort = false)]
    pub(crate) bigger: Option<u64>,
    pub(crate) r#type: Option<u16>,
}

/// Close a deal and tell its owner.
#[derive(Debug, Form)]
#[form(title = "Close deal", effect(updates, undoable), timeout_ms = 5000)]
pub(crate) struct CloseDeal {
    #[field(relation = Deal)]
    pub(crate) deal: RowId,
    pub(crate) won: bool,
    #[field(show_if = won)]
    pub(crate) note: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Object)]
pub(crate) struct DealClosed {
    pub(crate) deal: RowId,
    pub(crate) stage: Stage,
}

impl Submit for CloseDeal {
    type Output = DealClosed;
    async fn submit(self, _ctx: &Ctx) -> Result<DealClosed> {
        Ok(DealClosed { deal: self.deal, stage: Stage::Won })
    }
}

/// Counts.
#[derive(Debug, Function)]
#[function(effect(reads))]
pub(crate) struct CountDeals {}

impl Run for CountDeals {
    type Output = i64;
    async fn run(self, _ctx: &Ctx) -> Result<i64> {
        Ok(1)
    }
}

/// What is in the pipe.
#[derive(Debug, Chart)]
#[chart(mark = bar, x = "Stage", y = "Value", unit = "EUR", source = Deal, time)]
pub(crate) struct Pipeline;

impl Query for Pipeline {
    async fn query(_window: Window, _ctx: &Ctx) -> Result<Figures> {
        Ok(Figures::default())
    }
}

/// The app.
pub(crate) fn app() -> App {
    App::new("crm")
        .title("CRM")
        .directory("hr", "People")
        .table::<Staff>()
        .table::<Deal>()
        .form::<CloseDeal>()
        .function::<CountDeals>()
        .chart::<Pipeline>()
        .docs("runbook", "Runbook", "# Runbook\n")
}
