//! Filters as conditions of a statement. None of them is ever null, so `not` means the same everywhere.

use sea_query::{Cond, Condition, Expr, ExprTrait, LikeExpr};

use crate::table::{
    cell::Cell,
    filter::{Checked, Subject, Test},
    layout::Table,
};

/// What stands before `%`, `_` and itself in a pattern. No backslash: MySQL reads that in literals.
const ESCAPE: char = '!';

/// The condition of a filter, or of its opposite.
pub(super) fn condition(table: &Table, filter: &Checked, negated: bool) -> Condition {
    match filter {
        Checked::Not(part) => condition(table, part, !negated),
        // What holds not for all fails for one.
        Checked::All(parts) => join(table, parts, negated, !negated),
        Checked::Any(parts) => join(table, parts, negated, negated),
        Checked::Test(subject, test) => self::test(table, *subject, test, negated),
    }
}

fn join(table: &Table, parts: &[Checked], negated: bool, all: bool) -> Condition {
    if parts.is_empty() {
        return always(all);
    }
    let start = if all { Cond::all() } else { Cond::any() };
    parts.iter().fold(start, |cond, part| cond.add(condition(table, part, negated)))
}

/// A condition that always holds, or never.
fn always(holds: bool) -> Condition {
    Cond::all().add(Expr::cust(if holds { "1 = 1" } else { "1 = 0" }))
}

fn test(table: &Table, subject: Subject, test: &Test, negated: bool) -> Condition {
    let column = || Expr::col(column(table, subject, test).to_owned());
    let cond = match test {
        Test::Eq(Cell::Null) => return Cond::all().add(null(column(), !negated)),
        Test::Eq(cell) if negated => Cond::all().add(column().ne(value(cell))),
        Test::Eq(cell) => Cond::all()
            .add(column().eq(value(cell)))
            .add_option(folded(table, subject).map(|folded| folded.eq(value(&cell.folded())))),
        Test::In(cells) => return is_in(table, subject, &column, cells, negated),
        Test::Contains(text) => like(column(), format!("%{}%", escape(text)), negated),
        Test::Item(text) => like(column(), format!("%{}%", escape(text)), negated),
        Test::Starts(text) => starts(&column, text, negated),
        Test::Range(from, to) => range(&column, from.as_ref(), to.as_ref(), negated),
        Test::Empty => return empty(table, subject, &column, negated),
    };
    // A row without a value meets no test, so it meets each one's opposite.
    if negated { Cond::any().add(cond).add(column().is_null()) } else { cond }
}

/// The column that a test reads: people's text is looked for without upper and lower case.
fn column<'a>(table: &'a Table, subject: Subject, test: &Test) -> &'a str {
    match (subject, test) {
        (Subject::Id, _) => "id",
        (Subject::Field(at), Test::Contains(_) | Test::Starts(_)) => table.columns[at].sort_name(),
        (Subject::Field(at), _) => &table.columns[at].name,
    }
}

fn null(column: Expr, wanted: bool) -> Expr {
    if wanted { column.is_null() } else { column.is_not_null() }
}

/// The folded column beside a field's own: what is equal is equal there too, and an index leads to it.
fn folded(table: &Table, subject: Subject) -> Option<Expr> {
    let Subject::Field(at) = subject else { return None };
    table.columns[at].folded.clone().map(Expr::col)
}

fn is_in(
    table: &Table,
    subject: Subject,
    column: &impl Fn() -> Expr,
    cells: &[Cell],
    negated: bool,
) -> Condition {
    let values: Vec<Expr> = cells.iter().filter(|cell| !cell.is_null()).map(value).collect();
    let with_null = values.len() < cells.len();
    if negated {
        let cond = if values.is_empty() { always(true) } else { Cond::all().add(column().is_not_in(values)) };
        return match with_null {
            true => Cond::all().add(cond).add(column().is_not_null()),
            false => Cond::any().add(cond).add(column().is_null()),
        };
    }
    let folded = folded(table, subject).map(|column| {
        column.is_in(cells.iter().filter(|cell| !cell.is_null()).map(|cell| value(&cell.folded())))
    });
    let cond = match values.is_empty() {
        true => always(false),
        false => Cond::all().add(column().is_in(values)).add_option(folded),
    };
    if with_null { Cond::any().add(cond).add(column().is_null()) } else { cond }
}

fn like(column: Expr, pattern: String, negated: bool) -> Condition {
    let pattern = LikeExpr::new(pattern).escape(ESCAPE);
    Cond::all().add(if negated { column.not_like(pattern) } else { column.like(pattern) })
}

/// Text as a pattern that means just this text.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | ESCAPE) {
            out.push(ESCAPE);
        }
        out.push(c);
    }
    out
}

/// A prefix as a range, which every engine finds in an index.
fn starts(column: &impl Fn() -> Expr, prefix: &str, negated: bool) -> Condition {
    let end = after_prefix(prefix);
    if negated {
        let cond = Cond::any().add(column().lt(prefix));
        return cond.add_option(end.map(|end| column().gte(end)));
    }
    Cond::all().add(column().gte(prefix)).add_option(end.map(|end| column().lt(end)))
}

/// The first text after all that start with `prefix`; `None` when there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // No character lies between the two halves that UTF-16 keeps for itself.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

fn range(column: &impl Fn() -> Expr, from: Option<&Cell>, to: Option<&Cell>, negated: bool) -> Condition {
    if negated {
        let cond = Cond::any().add(Expr::cust("1 = 0"));
        return cond
            .add_option(from.map(|from| column().lt(value(from))))
            .add_option(to.map(|to| column().gt(value(to))));
    }
    Cond::all()
        .add(column().is_not_null())
        .add_option(from.map(|from| column().gte(value(from))))
        .add_option(to.map(|to| column().lte(value(to))))
}

fn empty(table: &Table, subject: Subject, column: &impl Fn() -> Expr, negated: bool) -> Condition {
    let nothing = match subject {
        Subject::Field(at) => match table.columns[at].kind {
            crate::def::ColumnKind::Text | crate::def::ColumnKind::LongText => Some(""),
            crate::def::ColumnKind::Json => Some("[]"),
            _ => None,
        },
        Subject::Id => None,
    };
    if negated {
        Cond::all().add(column().is_not_null()).add_option(nothing.map(|nothing| column().ne(nothing)))
    } else {
        Cond::any().add(column().is_null()).add_option(nothing.map(|nothing| column().eq(nothing)))
    }
}

/// A value as a parameter.
pub(super) fn value(cell: &Cell) -> Expr {
    match cell {
        Cell::Null => Expr::cust("NULL"),
        Cell::Int(it) => Expr::val(*it),
        Cell::Text(it) => Expr::val(it.clone()),
    }
}
