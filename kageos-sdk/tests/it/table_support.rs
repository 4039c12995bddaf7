//! Tables, stores and calls for tests.

use std::sync::Arc;

use kageos_core::{
    Actor, ActorKind, Annotation, CallId, Change, Env, HostError, Relation, RowId, Source, SourceKind,
    UserId, Widget,
    clock::ManualClock,
    entropy::SeededEntropy,
    sql::{
        Engine,
        testing::{TestDb, engines},
    },
};
use kageos_sdk::{
    def::{ColumnKind, FieldDef, TableDef},
    table::{Applied, Row, SearchQuery, Store, Unit},
};
use serde_json::{Map, Value, json, value::RawValue};

pub(crate) const CUSTOMER: &str = "customer.table";
pub(crate) const OWNER: &str = "staff/owner.table";

/// A clock at 2026-01-01 and seeded randomness.
pub(crate) fn env() -> (Env, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let entropy = Arc::new(SeededEntropy::new(7));
    (Env { clock: Arc::<ManualClock>::clone(&clock), entropy }, clock)
}

/// A field that can be filtered and sorted by where its kind allows.
pub(crate) fn field(name: &str, column: ColumnKind, required: bool) -> FieldDef {
    let (widget, schema) = match column {
        ColumnKind::Text => (Widget::Text, json!({"type": "string"})),
        ColumnKind::LongText => (Widget::Multiline, json!({"type": "string"})),
        ColumnKind::Integer => (Widget::Integer, json!({"type": "integer"})),
        ColumnKind::BigInteger => (Widget::Integer, json!({"type": "string"})),
        ColumnKind::Bool => (Widget::Switch, json!({"type": "boolean"})),
        ColumnKind::Decimal { .. } => (Widget::Decimal, json!({"type": "string"})),
        ColumnKind::Date => (Widget::Date, json!({"type": "string"})),
        ColumnKind::DateTime => (Widget::DateTime, json!({"type": "string"})),
        ColumnKind::Relation => (Widget::Relation, json!({"type": "string"})),
        ColumnKind::Json => (Widget::MultiSelect, json!({"type": "array"})),
    };
    let mut annotation = Annotation::of(widget, 0);
    annotation.filter = true;
    annotation.sort = !matches!(column, ColumnKind::LongText | ColumnKind::Json);
    FieldDef { name: name.to_owned(), column, required, index: false, schema, annotation }
}

pub(crate) fn table(path: &str, fields: Vec<FieldDef>) -> TableDef {
    TableDef {
        path: path.to_owned(),
        title: path.to_owned(),
        description: String::new(),
        fields,
        search: Vec::new(),
        history: true,
        default_sort: Vec::new(),
        audit: kageos_core::Audit::default(),
    }
}

/// A table with a field of every kind; its names are words of SQL.
pub(crate) fn customer() -> TableDef {
    let mut owner = field("owner", ColumnKind::Relation, false);
    owner.annotation.relation = Some(Relation { path: OWNER.to_owned(), label: "name".to_owned() });
    let mut stage = field("group", ColumnKind::Text, false);
    stage.annotation.widget = Widget::Select;
    stage.schema = json!({"type": "string", "enum": ["lead", "won", "lost"]});
    let mut def = table(
        CUSTOMER,
        vec![
            field("name", ColumnKind::Text, true),
            field("select", ColumnKind::Text, false),
            field("note", ColumnKind::LongText, false),
            field("order", ColumnKind::Integer, false),
            field("big", ColumnKind::BigInteger, false),
            field("active", ColumnKind::Bool, false),
            field("value", ColumnKind::Decimal { scale: 2 }, false),
            field("born", ColumnKind::Date, false),
            field("seen", ColumnKind::DateTime, false),
            owner,
            field("tags", ColumnKind::Json, false),
            stage,
        ],
    );
    def.search = vec!["name".to_owned(), "note".to_owned()];
    def
}

pub(crate) fn owner() -> TableDef {
    table(OWNER, vec![field("name", ColumnKind::Text, true)])
}

/// A store on a database of its own.
pub(crate) struct Place {
    pub(crate) db: TestDb,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<ManualClock>,
}

/// One store on every engine that there is.
pub(crate) async fn places(defs: &[TableDef]) -> Vec<Place> {
    let mut places = Vec::new();
    for db in engines().await.unwrap() {
        let (env, clock) = env();
        let store = Store::open(db.db(), defs.to_vec(), env, [9; 32]).await.unwrap();
        places.push(Place { db, store, clock });
    }
    places
}

impl Place {
    /// What the host hands over with a unit.
    pub(crate) fn applied(&self) -> Applied {
        let env = self.store.env();
        Applied {
            call: CallId::new(env),
            workspace: "/demo/crm".parse().unwrap(),
            actor: Actor::principal(ActorKind::User, UserId::new(env), "ada"),
            source: Source::of(SourceKind::Web),
            trace: env.trace(),
            request_hash: "0".repeat(64),
            output: Arc::from(RawValue::from_string("{\"ok\":true}".to_owned()).unwrap()),
            dry_run: false,
        }
    }

    pub(crate) async fn apply(&self, unit: Unit) -> Result<Vec<Change>, HostError> {
        self.store.apply(unit, self.applied()).await.map(|written| written.changes)
    }

    /// Makes rows in one unit and answers them.
    pub(crate) async fn create(&self, path: &str, rows: &[Value]) -> Vec<Row> {
        let mut unit = self.store.unit();
        let rows = rows.iter().map(|values| unit.create(path, &object(values)).unwrap()).collect();
        self.apply(unit).await.unwrap();
        rows
    }

    /// Every row of a query, page by page.
    pub(crate) async fn all(&self, path: &str, query: &SearchQuery, limit: u32) -> Vec<Row> {
        let mut query = SearchQuery { limit: Some(limit), next: None, ..query.clone() };
        let mut rows = Vec::new();
        loop {
            let page = self.store.search(path, query.clone()).await.unwrap();
            assert!(page.rows.len() <= limit as usize, "a page is too long");
            rows.extend(page.rows);
            match page.next {
                Some(next) => query.next = Some(next),
                None => return rows,
            }
        }
    }
}

pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(crate) fn ids(rows: &[Row]) -> Vec<RowId> {
    rows.iter().map(|row| row.id).collect()
}

/// The error inside a refusal.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, HostError>) -> kageos_core::Error {
    match outcome {
        Err(HostError::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// Numbers that follow from a seed.
pub(crate) struct Seeded(SeededEntropy);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 8];
        kageos_core::Entropy::fill(&self.0, &mut bytes);
        (u64::from_le_bytes(bytes) % end as u64) as usize
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

impl Place {
    /// Lets the planner count the rows.
    pub(crate) async fn analyze(&self, table: &str) {
        let word = if self.db.engine() == Engine::MySql { "ANALYZE TABLE" } else { "ANALYZE" };
        if self.db.engine() == Engine::MySql {
            self.db.fetch_all(format!("{word} {table}"), &[]).await.unwrap();
        } else {
            self.db.execute(format!("{word} {table}"), &[]).await.unwrap();
        }
    }

    /// Fails when a plan reads or sorts more than the page.
    #[track_caller]
    pub(crate) fn check_plan(&self, query: &SearchQuery, plan: &str) {
        let bad: &[&str] = match self.db.engine() {
            Engine::Sqlite if query.next.is_some() => &["SCAN t_big", "TEMP B-TREE"],
            Engine::Sqlite => &["TEMP B-TREE"],
            Engine::Postgres => &["Seq Scan", "Sort"],
            Engine::MySql => &["filesort", "temporary", "|ALL|"],
        };
        let found = bad.iter().find(|it| plan.contains(**it));
        assert!(found.is_none(), "{:?} for {query:?}:\n{plan}", self.db.engine());
    }
}
