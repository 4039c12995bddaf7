//! What must hold whenever the server is up and nobody writes, read from the files past the server.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    time::Duration,
};

use kageos_core::sql::{Db, DbOptions, Row};
use serde_json::Value;

use super::{
    machine::Machine,
    writer::{Sent, Writer},
};

/// Longest time in which the server settles what a pause cut off, and how often it is looked at.
const SETTLED: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(25);

/// Calls that do not have either one record, or one intent and one outcome that agrees with the index.
const UNEVEN: &str = "SELECT header ->> '$.call' AS call FROM op_record GROUP BY 1 HAVING NOT ( \
    COUNT(*) = 1 AND SUM(header ->> '$.kind' = 'final') = 1 OR COUNT(*) = 2 \
    AND SUM(header ->> '$.kind' = 'intent') = 1 AND SUM(header ->> '$.kind' = 'outcome') = 1)";
const DISAGREES: &str = "SELECT c.id AS call FROM op_call c JOIN op_record r \
    ON r.stream_id = COALESCE(c.outcome_stream_id, c.stream_id) AND r.seq = COALESCE(c.outcome_seq, c.seq) \
    WHERE r.header ->> '$.status' <> c.status OR r.header ->> '$.call' <> c.id";

/// A row's table and id.
type Place = (String, i64);

/// The two databases, open for one look, so that a server that starts finds them as the last one left them.
pub(super) struct Look {
    platform: Db,
    app: Db,
}

impl Look {
    pub(super) async fn at(machine: &Machine) -> Self {
        Self { platform: open(&machine.platform_file()).await, app: open(&machine.app_file()).await }
    }

    pub(super) async fn close(self) {
        self.platform.close().await;
        self.app.close().await;
    }

    /// Everything that is promised, against what the writers were told.
    pub(super) async fn check(&self, writers: &[Writer]) {
        self.check_with(writers.iter().flat_map(|writer| &writer.acknowledged)).await;
    }

    /// The same, when of what the writers were told only this must be there.
    pub(super) async fn check_with(&self, acknowledged: impl Iterator<Item = &(Sent, Value)>) {
        self.every_call_is_settled_once().await;
        self.every_effect_has_its_record().await;
        let history = self.app.fetch_all("SELECT * FROM row_history", &[]).await.unwrap();
        self.every_row_has_its_history(&history).await;
        every_acknowledged_effect_is_there_once(&history, acknowledged);
        self.no_payment_is_halved().await;
    }

    /// Intents of earlier processes are settled before a server answers. The outcomes of this one are on their way.
    pub(super) async fn nothing_is_left_open(&self) {
        let newest = "(SELECT MAX(id) FROM op_stream)";
        let old = format!("SELECT id FROM op_call WHERE status = 'pending' AND stream_id <> {newest}");
        self.none(&old, "an intent of an earlier process is open").await;
    }

    /// How many calls have no outcome.
    pub(super) async fn left_open(&self) -> usize {
        self.platform.fetch_all("SELECT id FROM op_call WHERE status = 'pending'", &[]).await.unwrap().len()
    }

    pub(super) async fn outcomes_arrive(&self) {
        let all_there = async {
            let sql = "SELECT id FROM op_call WHERE status = 'pending'";
            while !self.platform.fetch_all(sql, &[]).await.unwrap().is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(SETTLED, all_there).await.expect("every intent has its outcome in time");
    }

    async fn every_call_is_settled_once(&self) {
        self.none(UNEVEN, "a call with too few or too many records").await;
        self.none(DISAGREES, "a call whose index and record disagree").await;
    }

    async fn none(&self, sql: &str, what: &str) {
        let rows = self.platform.fetch_all(sql.to_owned(), &[]).await.unwrap();
        let calls: Vec<_> = rows.iter().map(|row| row.text(0).unwrap()).collect();
        assert!(calls.is_empty(), "{what}: {calls:?}");
    }

    /// The receipts and the calls that took effect are the same; so are those of the history.
    async fn every_effect_has_its_record(&self) {
        let sql = "SELECT id FROM op_call WHERE status = 'ok' AND outcome_seq IS NOT NULL AND path LIKE '/demo/crm/%'";
        let recorded = texts(&self.platform, sql).await;
        let applied = texts(&self.app, "SELECT call_id FROM receipt WHERE request_hash <> 'fenced'").await;
        let odd: Vec<_> = recorded.symmetric_difference(&applied).collect();
        assert!(odd.is_empty(), "an effect without its record, or the reverse: {odd:?}");
        let written = texts(&self.app, "SELECT DISTINCT call_id FROM row_history").await;
        let odd: Vec<_> = written.difference(&applied).collect();
        assert!(odd.is_empty(), "rows without a receipt: {odd:?}");
    }

    /// Each version of each row was made once.
    async fn every_row_has_its_history(&self, history: &[Row]) {
        let mut made: HashMap<Place, Vec<i64>> = HashMap::new();
        for entry in history {
            made.entry(place(entry)).or_default().push(entry.int("version").unwrap());
        }
        for table in ["t_customer", "t_payment", "t_invoice"] {
            for row in self.app.fetch_all(format!("SELECT id, version FROM {table}"), &[]).await.unwrap() {
                let (id, version) = (row.int("id").unwrap(), row.int("version").unwrap());
                let mut versions = made.remove(&(table.to_owned(), id)).unwrap_or_default();
                versions.sort_unstable();
                assert!(versions.iter().copied().eq(1..=version), "{table} {id}: {version} {versions:?}");
            }
        }
        made.retain(|place, _| place.0 != "t_employee");
        assert!(made.is_empty(), "history without a row: {made:?}");
    }

    /// A payment and the change of its invoice were kept together.
    async fn no_payment_is_halved(&self) {
        let sql = "SELECT i.id, i.version - 1 AS changes, COUNT(p.id) AS payments FROM t_invoice i \
                   LEFT JOIN t_payment p ON p.invoice = i.id GROUP BY i.id HAVING changes <> payments";
        let odd = self.app.fetch_all(sql, &[]).await.unwrap();
        assert!(odd.is_empty(), "{odd:?}");
    }
}

/// Each label stands in one effect at most, and those that were acknowledged in just the rows that were named.
fn every_acknowledged_effect_is_there_once<'a>(
    history: &[Row],
    acknowledged: impl Iterator<Item = &'a (Sent, Value)>,
) {
    let mut labels: BTreeMap<String, u32> = BTreeMap::new();
    let mut effects: HashMap<&str, BTreeSet<Place>> = HashMap::new();
    for entry in history {
        if let Some(label) = label(entry) {
            *labels.entry(label).or_default() += 1;
        }
        effects.entry(entry.text("call_id").unwrap()).or_default().insert(place(entry));
    }
    for (sent, reply) in acknowledged {
        assert_eq!(labels.get(&sent.label), Some(&1), "{sent:?} was acknowledged: {reply}");
        let changes = reply["changes"].as_array().unwrap().iter().map(told);
        let call = reply["call"].as_str().unwrap();
        assert_eq!(effects.get(call), Some(&changes.collect()), "{sent:?}: {reply}");
    }
    labels.retain(|_, count| *count > 1);
    assert!(labels.is_empty(), "calls with two effects: {labels:?}");
}

/// The row that a change of a reply names.
fn told(change: &Value) -> Place {
    let path = change["path"].as_str().unwrap().trim_start_matches("/demo/crm/");
    let table = format!("t_{}", path.trim_end_matches(".table"));
    (table, change["row"].as_str().unwrap().parse().unwrap())
}

fn place(entry: &Row) -> Place {
    (entry.text("table_name").unwrap().to_owned(), entry.int("row_id").unwrap())
}

/// What a writer marked an effect with.
fn label(entry: &Row) -> Option<String> {
    let new: Value = serde_json::from_str(entry.opt_text("new_values").unwrap()?).unwrap();
    let texts = ["last_name", "company", "note"].into_iter().filter_map(|field| new[field].as_str());
    texts.into_iter().find(|text| is_label(text)).map(str::to_owned)
}

fn is_label(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('w').and_then(|rest| rest.split_once('-')).is_some_and(|(a, b)| digits(a) && digits(b))
}

async fn texts(db: &Db, sql: &'static str) -> BTreeSet<String> {
    let rows = db.fetch_all(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}

async fn open(file: &Path) -> Db {
    Db::open(&DbOptions::new(format!("sqlite:{}", file.display()))).await.unwrap()
}
