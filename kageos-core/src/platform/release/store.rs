//! The statements about sources and releases. Each change of a state repeats the one that it starts from.

use std::str::FromStr;

use super::{Attached, Built, Consent, Head, Live, Program, Release, RuntimePlace, State, Switch};
use crate::sql::{Db, Migration, Row, SqlError, Tx, params};
use crate::{Manifest, NodeId, StreamId, TableSteps, Timestamp, UserId};

/// The tables of sources and releases.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "release", include_str!("../../../migrations/release_0001.sql")),
    Migration::new(2, "consent", include_str!("../../../migrations/release_0002.sql")),
    Migration::new(3, "attached", include_str!("../../../migrations/release_0003.sql")),
    Migration::new(4, "place", include_str!("../../../migrations/release_0004.sql")),
    Migration::new(5, "streams", include_str!("../../../migrations/release_0005.sql")),
    Migration::new(6, "places of servers", include_str!("../../../migrations/release_0006.sql")),
    Migration::new(7, "no places of all", include_str!("../../../migrations/release_0007.sql")),
    Migration::new(8, "starting", include_str!("../../../migrations/release_0008.sql")),
    Migration::new(9, "states", include_str!("../../../migrations/release_0009.sql")),
    Migration::new(10, "steps", include_str!("../../../migrations/release_0010.sql")),
];

/// Of a row with the stream of a process: that has ended.
const ENDED: &str = "NOT EXISTS (SELECT 1 FROM op_stream s WHERE s.id = stream_id AND s.closed_at IS NULL AND s.fenced_at IS NULL)";
/// A release is started, or could not be.
const STARTED: &str = "DELETE FROM release_starting WHERE workspace_id = ? AND number = ?";
/// What is told of a release that a process left behind.
const CUT_OFF: &str = "The server ended before this did.";

const COLUMNS: &str = "SELECT number, state, commit_id, created_at, created_by, was_live, build_ms, binary_sha256, \
                       binary_size, errors, warnings, error, sandbox, changes, table_steps, egress_digest, \
                       consented_by, consented_at FROM app_release";

pub(super) async fn head(db: &Db, workspace: NodeId) -> Result<Option<Head>, SqlError> {
    let sql = "SELECT commit_id, changed_at FROM source_head WHERE workspace_id = ?";
    let row = db.fetch_optional(sql, params![workspace.to_string()]).await?;
    row.map(|row| {
        let at = Timestamp::from_micros(row.int("changed_at")?);
        Ok(Head { commit: row.text("commit_id")?.to_owned(), at })
    })
    .transpose()
}

pub(super) async fn move_head(
    tx: &mut Tx,
    workspace: NodeId,
    from: Option<&str>,
    to: &str,
    at: Timestamp,
) -> Result<(), SqlError> {
    let (workspace, at) = (workspace.to_string(), at.as_micros());
    let Some(from) = from else {
        let sql = "INSERT INTO source_head (workspace_id, commit_id, changed_at) VALUES (?, ?, ?)";
        return tx.execute(sql, params![workspace, to, at]).await.map(drop);
    };
    let sql = "UPDATE source_head SET commit_id = ?, changed_at = ? WHERE workspace_id = ? AND commit_id = ?";
    tx.execute_expect(sql, params![to, at, workspace, from], 1).await
}

pub(super) async fn runtime_place(
    db: &Db,
    server: &str,
    workspace: NodeId,
    release: u32,
) -> Result<Option<RuntimePlace>, SqlError> {
    let sql =
        "SELECT node, life, token FROM runtime_place WHERE workspace_id = ? AND number = ? AND server = ?";
    let row = db.fetch_optional(sql, params![workspace.to_string(), i64::from(release), server]).await?;
    row.map(|row| {
        Ok(RuntimePlace {
            node: row.text("node")?.to_owned(),
            life: row.text("life")?.to_owned(),
            token: natural(row.int("token")?)?,
        })
    })
    .transpose()
}

/// Answers whether it was taken: not when the last place has another token than `last`.
pub(super) async fn take_runtime_place(
    db: &Db,
    server: &str,
    (workspace, release): (NodeId, u32),
    last: Option<u64>,
    place: &RuntimePlace,
) -> Result<bool, SqlError> {
    let (workspace, release, token) = (workspace.to_string(), i64::from(release), whole(place.token)?);
    let Some(last) = last else {
        let sql = "INSERT INTO runtime_place (workspace_id, number, server, node, life, token) VALUES (?, ?, ?, ?, ?, ?)";
        let row = params![workspace, release, server, &place.node, &place.life, token];
        return match db.execute(sql, row).await {
            Err(error) if error.is_unique_violation() => Ok(false),
            done => done.map(|_| true),
        };
    };
    let sql = "UPDATE runtime_place SET node = ?, life = ?, token = ? \
               WHERE workspace_id = ? AND number = ? AND server = ? AND token = ?";
    let row = params![&place.node, &place.life, token, workspace, release, server, whole(last)?];
    Ok(db.execute(sql, row).await? == 1)
}

pub(super) async fn last_number(db: &Db, workspace: NodeId) -> Result<u32, SqlError> {
    let sql = "SELECT COALESCE(MAX(number), 0) AS last FROM app_release WHERE workspace_id = ?";
    number(db.fetch_one(sql, params![workspace.to_string()]).await?.int("last")?)
}

pub(super) async fn insert(
    db: &Db,
    workspace: NodeId,
    number: u32,
    (commit, stream): (&str, StreamId),
    by: Option<UserId>,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "INSERT INTO app_release (workspace_id, number, state, commit_id, created_at, created_by, changed_at, \
               stream_id, was_live, errors, warnings, changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '[]')";
    let by = by.map(|id| id.to_string());
    let (state, at) = (State::Building.as_str(), at.as_micros());
    let (workspace, stream) = (workspace.to_string(), stream.to_string());
    db.execute(sql, params![workspace, i64::from(number), state, commit, at, by, at, stream]).await.map(drop)
}

pub(super) async fn built(
    tx: &mut Tx,
    workspace: NodeId,
    number: u32,
    state: State,
    built: &Built,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE app_release SET state = ?, changed_at = ?, build_ms = ?, binary_sha256 = ?, binary_size = ?, \
               errors = ?, warnings = ?, error = ?, changes = ?, manifest = ? \
               WHERE workspace_id = ? AND number = ? AND state = ?";
    let (program, manifest) = built.program.as_ref().map(|(program, manifest)| (program, manifest)).unzip();
    let manifest = manifest.map(serde_json::to_string).transpose().map_err(|_| SqlError::OutOfRange)?;
    let changes = serde_json::to_string(&built.changes).map_err(|_| SqlError::OutOfRange)?;
    let row = params![
        state.as_str(),
        at.as_micros(),
        whole(built.build_ms)?,
        program.map(|program| program.sha256.clone()),
        program.map(|program| whole(program.size)).transpose()?,
        i64::from(built.errors),
        i64::from(built.warnings),
        built.error.clone(),
        changes,
        manifest,
        workspace.to_string(),
        i64::from(number),
        State::Building.as_str(),
    ];
    tx.execute_expect(sql, row, 1).await
}

pub(super) async fn abandon(
    db: &Db,
    workspace: NodeId,
    number: u32,
    error: &str,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE app_release SET state = ?, error = ?, changed_at = ? \
               WHERE workspace_id = ? AND number = ? AND state = ?";
    let (failed, building) = (State::Failed.as_str(), State::Building.as_str());
    let row = params![failed, error, at.as_micros(), workspace.to_string(), i64::from(number), building];
    db.execute(sql, row).await.map(drop)
}

/// Answers whether the release may be started; somebody who is starting another one violates a key.
pub(super) async fn starting(
    tx: &mut Tx,
    (workspace, number): (NodeId, u32),
    stream: StreamId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let (workspace, number, stream) = (workspace.to_string(), i64::from(number), stream.to_string());
    let sql = "UPDATE app_release SET state = ?, error = NULL, changed_at = ?, stream_id = ? \
               WHERE workspace_id = ? AND number = ? AND binary_sha256 IS NOT NULL \
               AND state IN ('built', 'retired', 'draining', 'failed')";
    let row = params![State::Starting.as_str(), at.as_micros(), &stream, &workspace, number];
    if tx.execute(sql, row).await? == 0 {
        return Ok(false);
    }
    // This process starts one at a time, and who has ended none.
    let sql = format!("DELETE FROM release_starting WHERE workspace_id = ? AND (stream_id = ? OR {ENDED})");
    tx.execute(sql, params![&workspace, &stream]).await?;
    let sql = "INSERT INTO release_starting (workspace_id, number, stream_id) VALUES (?, ?, ?)";
    tx.execute(sql, params![workspace, number, stream]).await.map(|_| true)
}

/// Adds what a start did to tables; answers whether that is settled: not when another start was faster.
pub(super) async fn add_steps(
    db: &Db,
    workspace: NodeId,
    number: u32,
    new: TableSteps,
) -> Result<bool, SqlError> {
    let (workspace, number) = (workspace.to_string(), i64::from(number));
    let sql = "SELECT table_steps FROM app_release WHERE workspace_id = ? AND number = ?";
    // One that was forgotten meanwhile has nothing to be told of.
    let Some(row) = db.fetch_optional(sql, params![&workspace, number]).await? else { return Ok(true) };
    let kept = row.opt_text("table_steps")?;
    let before = steps(kept)?;
    let mut all = before.clone();
    all.extend(new);
    if all == before {
        return Ok(true);
    }
    let sql = "UPDATE app_release SET table_steps = ? \
               WHERE workspace_id = ? AND number = ? AND COALESCE(table_steps, '') = ?";
    let all = serde_json::to_string(&all).map_err(|_| SqlError::OutOfRange)?;
    Ok(db.execute(sql, params![all, workspace, number, kept.unwrap_or_default()]).await? == 1)
}

/// What was live once can be again.
pub(super) async fn not_started(
    tx: &mut Tx,
    workspace: NodeId,
    number: u32,
    error: &str,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE app_release SET state = CASE WHEN was_live = 1 THEN 'retired' ELSE 'failed' END, error = ?, \
               changed_at = ? WHERE workspace_id = ? AND number = ? AND state = ?";
    let (workspace, number, starting) = (workspace.to_string(), i64::from(number), State::Starting.as_str());
    tx.execute(sql, params![error, at.as_micros(), &workspace, number, starting]).await?;
    tx.execute(STARTED, params![workspace, number]).await.map(drop)
}

/// The pointer and both states.
pub(super) async fn switch(
    tx: &mut Tx,
    workspace: NodeId,
    (switch, stream): &(Switch, StreamId),
    at: Timestamp,
) -> Result<(), SqlError> {
    let (workspace, at) = (workspace.to_string(), at.as_micros());
    let Switch { number, before, sandbox, consent } = switch;
    let number = i64::from(*number);
    match before {
        None => {
            let sql = "INSERT INTO release_live (workspace_id, number, since) VALUES (?, ?, ?)";
            tx.execute(sql, params![&workspace, number, at]).await?;
        }
        Some(before) => {
            let sql = "UPDATE release_live SET number = ?, since = ? WHERE workspace_id = ? AND number = ?";
            let row = params![number, at, &workspace, i64::from(*before)];
            tx.execute_expect(sql, row, 1).await?;
            let sql = "UPDATE app_release SET state = ?, changed_at = ?, stream_id = ? \
                       WHERE workspace_id = ? AND number = ? AND state = ?";
            let (draining, live) = (State::Draining.as_str(), State::Live.as_str());
            let row = params![draining, at, stream.to_string(), &workspace, i64::from(*before), live];
            tx.execute_expect(sql, row, 1).await?;
        }
    }
    let sql = "UPDATE app_release SET state = ?, was_live = 1, sandbox = ?, changed_at = ?, egress_digest = ?, \
               consented_by = ?, consented_at = ? WHERE workspace_id = ? AND number = ? AND state = ?";
    let (live, starting) = (State::Live.as_str(), State::Starting.as_str());
    let digest = consent.as_ref().map(|consent| consent.digest.clone());
    let by = consent.as_ref().and_then(|consent| consent.by).map(|id| id.to_string());
    let consented = consent.as_ref().map(|consent| consent.at.as_micros());
    let row = params![live, sandbox, at, digest, by, consented, &workspace, number, starting];
    tx.execute_expect(sql, row, 1).await?;
    tx.execute(STARTED, params![&workspace, number]).await?;
    tx.execute("DELETE FROM release_attached WHERE workspace_id = ?", params![workspace]).await.map(drop)
}

/// Says who has attached an app to a workspace, in place of whoever did before; answers whether no release is live.
pub(super) async fn attach(tx: &mut Tx, new: &Attached) -> Result<bool, SqlError> {
    let workspace = new.workspace.to_string();
    let live = "SELECT number FROM release_live WHERE workspace_id = ?";
    if tx.fetch_optional(live, params![&workspace]).await?.is_some() {
        return Ok(false);
    }
    tx.execute("DELETE FROM release_attached WHERE workspace_id = ?", params![&workspace]).await?;
    let sql = "INSERT INTO release_attached (workspace_id, user_id, since, manifest, egress_digest) VALUES (?, ?, ?, ?, ?)";
    let manifest = serde_json::to_string(&new.manifest).map_err(|_| SqlError::OutOfRange)?;
    let row =
        params![workspace, new.user.to_string(), new.since.as_micros(), manifest, new.egress_digest.clone()];
    tx.execute(sql, row).await.map(|_| true)
}

const ATTACHED: &str = "SELECT workspace_id, user_id, since, manifest, egress_digest FROM release_attached";

pub(super) async fn attached(db: &Db, workspace: NodeId) -> Result<Option<Attached>, SqlError> {
    let sql = format!("{ATTACHED} WHERE workspace_id = ?");
    db.fetch_optional(sql, params![workspace.to_string()]).await?.as_ref().map(attachment).transpose()
}

/// One for each workspace that a developer works on; see [`all_live`].
pub(super) async fn all_attached(db: &Db) -> Result<Vec<NodeId>, SqlError> {
    let sql = "SELECT workspace_id FROM release_attached ORDER BY workspace_id";
    let rows = db.fetch_all(sql, params![]).await?;
    rows.iter().map(|row| value(row.text("workspace_id")?)).collect()
}

fn attachment(row: &Row) -> Result<Attached, SqlError> {
    Ok(Attached {
        workspace: value(row.text("workspace_id")?)?,
        user: value(row.text("user_id")?)?,
        since: Timestamp::from_micros(row.int("since")?),
        manifest: serde_json::from_str(row.text("manifest")?).map_err(|_| SqlError::OutOfRange)?,
        egress_digest: row.opt_text("egress_digest")?.map(str::to_owned),
    })
}

/// Of a release that the process of this stream has replaced; what another one has replaced since drains for that one.
pub(super) async fn drained(
    db: &Db,
    (workspace, number): (NodeId, u32),
    stream: StreamId,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE app_release SET state = ?, changed_at = ? \
               WHERE workspace_id = ? AND number = ? AND state = ? AND stream_id = ?";
    let (retired, draining) = (State::Retired.as_str(), State::Draining.as_str());
    let (workspace, stream) = (workspace.to_string(), stream.to_string());
    let row = params![retired, at.as_micros(), workspace, i64::from(number), draining, stream];
    db.execute(sql, row).await.map(drop)
}

/// Settles what processes that have ended were doing, of one workspace or of all.
pub(super) async fn settle(db: &Db, workspace: Option<NodeId>, at: Timestamp) -> Result<(), SqlError> {
    // MySQL takes one after the other: what an error depends on is changed after it.
    let sql = format!(
        "UPDATE app_release SET error = CASE WHEN state = 'draining' THEN error ELSE ? END, \
         state = CASE WHEN was_live = 1 THEN 'retired' ELSE 'failed' END, changed_at = ? \
         WHERE state IN ('building', 'starting', 'draining') AND {ENDED}"
    );
    let (at, starting) = (at.as_micros(), format!("DELETE FROM release_starting WHERE {ENDED}"));
    let Some(workspace) = workspace.map(|workspace| workspace.to_string()) else {
        db.execute(sql, params![CUT_OFF, at]).await?;
        return db.execute(starting, &[]).await.map(drop);
    };
    db.execute(format!("{sql} AND workspace_id = ?"), params![CUT_OFF, at, &workspace]).await?;
    db.execute(format!("{starting} AND workspace_id = ?"), params![workspace]).await.map(drop)
}

pub(super) async fn live(db: &Db, workspace: NodeId) -> Result<Option<u32>, SqlError> {
    let sql = "SELECT number FROM release_live WHERE workspace_id = ?";
    let row = db.fetch_optional(sql, params![workspace.to_string()]).await?;
    row.map(|row| number(row.int("number")?)).transpose()
}

/// One small row for each workspace; a node runs thousands at most.
pub(super) async fn all_live(db: &Db) -> Result<Vec<Live>, SqlError> {
    let sql = "SELECT workspace_id, number, since FROM release_live ORDER BY workspace_id";
    let rows = db.fetch_all(sql, params![]).await?;
    rows.iter().map(live_row).collect()
}

/// What is live of a workspace, and the release that is being started by a process that has not ended, if one is.
pub(super) async fn standing(db: &Db, workspace: NodeId) -> Result<Option<(Live, Option<u32>)>, SqlError> {
    let sql = "SELECT l.workspace_id, l.number, l.since, \
               CASE WHEN o.id IS NULL THEN NULL ELSE s.number END AS next_number FROM release_live l \
               LEFT JOIN release_starting s ON s.workspace_id = l.workspace_id \
               LEFT JOIN op_stream o ON o.id = s.stream_id AND o.closed_at IS NULL AND o.fenced_at IS NULL \
               WHERE l.workspace_id = ?";
    let row = db.fetch_optional(sql, params![workspace.to_string()]).await?;
    row.map(|row| Ok((live_row(&row)?, row.opt_int("next_number")?.map(number).transpose()?))).transpose()
}

fn live_row(row: &Row) -> Result<Live, SqlError> {
    Ok(Live {
        workspace: value(row.text("workspace_id")?)?,
        release: number(row.int("number")?)?,
        since: Timestamp::from_micros(row.int("since")?),
    })
}

/// The workspaces of which this process says that it starts a release.
pub(super) async fn all_starting(db: &Db, stream: StreamId) -> Result<Vec<NodeId>, SqlError> {
    let sql = "SELECT workspace_id FROM release_starting WHERE stream_id = ?";
    let rows = db.fetch_all(sql, params![stream.to_string()]).await?;
    rows.iter().map(|row| value(row.text("workspace_id")?)).collect()
}

/// Says that this process starts no release of a workspace.
pub(super) async fn starts_none(db: &Db, workspace: NodeId, stream: StreamId) -> Result<(), SqlError> {
    let sql = "DELETE FROM release_starting WHERE workspace_id = ? AND stream_id = ?";
    db.execute(sql, params![workspace.to_string(), stream.to_string()]).await.map(drop)
}

/// Lets what is live be so since now.
pub(super) async fn renew(db: &Db, workspace: NodeId, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE release_live SET since = CASE WHEN since >= ? THEN since + 1 ELSE ? END WHERE workspace_id = ?";
    db.execute(sql, params![at.as_micros(), at.as_micros(), workspace.to_string()]).await.map(drop)
}

pub(super) async fn get(db: &Db, workspace: NodeId, number: u32) -> Result<Option<Release>, SqlError> {
    let sql = format!("{COLUMNS} WHERE workspace_id = ? AND number = ?");
    let row = db.fetch_optional(sql, params![workspace.to_string(), i64::from(number)]).await?;
    row.as_ref().map(release).transpose()
}

pub(super) async fn manifest(db: &Db, workspace: NodeId, number: u32) -> Result<Option<Manifest>, SqlError> {
    let sql = "SELECT manifest FROM app_release WHERE workspace_id = ? AND number = ?";
    let row = db.fetch_optional(sql, params![workspace.to_string(), i64::from(number)]).await?;
    let Some(row) = row else { return Ok(None) };
    let read = |text| serde_json::from_str(text).map_err(|_| SqlError::OutOfRange);
    row.opt_text("manifest")?.map(read).transpose()
}

pub(super) async fn list(
    db: &Db,
    workspace: NodeId,
    before: Option<u32>,
    limit: u32,
) -> Result<Vec<Release>, SqlError> {
    let sql = format!("{COLUMNS} WHERE workspace_id = ? AND number < ? ORDER BY number DESC LIMIT ?");
    let before = before.map_or(i64::MAX, i64::from);
    let rows = db.fetch_all(sql, params![workspace.to_string(), before, i64::from(limit)]).await?;
    rows.iter().map(release).collect()
}

/// The releases that have a program, the newest first.
pub(super) async fn programs(db: &Db, workspace: NodeId) -> Result<Vec<(u32, Program)>, SqlError> {
    let sql = "SELECT number, binary_sha256, binary_size FROM app_release \
               WHERE workspace_id = ? AND binary_sha256 IS NOT NULL ORDER BY number DESC LIMIT 1000";
    let rows = db.fetch_all(sql, params![workspace.to_string()]).await?;
    let read = |row: &Row| {
        let (sha256, size) = (row.text("binary_sha256")?.to_owned(), natural(row.int("binary_size")?)?);
        Ok((number(row.int("number")?)?, Program { sha256, size }))
    };
    rows.iter().map(read).collect()
}

pub(super) async fn without_program(db: &Db, workspace: NodeId) -> Result<Vec<u32>, SqlError> {
    let sql = "SELECT number FROM app_release WHERE workspace_id = ? AND binary_sha256 IS NULL \
               AND state <> 'building' ORDER BY number DESC LIMIT 1000";
    let rows = db.fetch_all(sql, params![workspace.to_string()]).await?;
    rows.iter().map(|row| number(row.int("number")?)).collect()
}

pub(super) async fn give_up(
    db: &Db,
    workspace: NodeId,
    keep: u32,
    at: Timestamp,
) -> Result<Vec<(u32, String)>, SqlError> {
    let sql = "SELECT number, binary_sha256 FROM app_release WHERE workspace_id = ? AND binary_sha256 IS NOT NULL \
               AND state IN ('built', 'retired', 'failed') AND was_live = ? ORDER BY number DESC LIMIT 1000";
    let mut old = Vec::new();
    // Builds that nobody has published push out nothing that one can go back to.
    for was_live in [1, 0] {
        let rows = db.fetch_all(sql, params![workspace.to_string(), was_live]).await?;
        old.extend(rows.into_iter().skip(keep as usize));
    }
    let mut gone = Vec::new();
    for row in old {
        let old = row.int("number")?;
        let sql = "UPDATE app_release SET binary_sha256 = NULL, binary_size = NULL, changed_at = ? \
                   WHERE workspace_id = ? AND number = ? AND state IN ('built', 'retired', 'failed')";
        if db.execute(sql, params![at.as_micros(), workspace.to_string(), old]).await? == 1 {
            // Without its program it runs nowhere any more.
            let sql = "DELETE FROM runtime_place WHERE workspace_id = ? AND number = ?";
            db.execute(sql, params![workspace.to_string(), old]).await?;
            gone.push((number(old)?, row.text("binary_sha256")?.to_owned()));
        }
    }
    Ok(gone)
}

/// Forgets source and releases of a workspace.
pub(super) async fn forget(tx: &mut Tx, workspace: NodeId) -> Result<(), SqlError> {
    for sql in [
        "DELETE FROM release_live WHERE workspace_id = ?",
        "DELETE FROM release_attached WHERE workspace_id = ?",
        "DELETE FROM runtime_place WHERE workspace_id = ?",
        "DELETE FROM release_starting WHERE workspace_id = ?",
        "DELETE FROM app_release WHERE workspace_id = ?",
        "DELETE FROM source_head WHERE workspace_id = ?",
    ] {
        tx.execute(sql, params![workspace.to_string()]).await?;
    }
    Ok(())
}

fn release(row: &Row) -> Result<Release, SqlError> {
    let state = row.text("state")?;
    let size = row.opt_int("binary_size")?.map(natural).transpose()?;
    let sha256 = row.opt_text("binary_sha256")?.map(str::to_owned);
    Ok(Release {
        number: number(row.int("number")?)?,
        state: State::ALL.into_iter().find(|it| it.as_str() == state).ok_or(SqlError::OutOfRange)?,
        commit: row.text("commit_id")?.to_owned(),
        created_at: Timestamp::from_micros(row.int("created_at")?),
        created_by: row.opt_text("created_by")?.map(value).transpose()?,
        was_live: row.int("was_live")? == 1,
        build_ms: row.opt_int("build_ms")?.map(natural).transpose()?,
        program: sha256.zip(size).map(|(sha256, size)| Program { sha256, size }),
        errors: number(row.int("errors")?)?,
        warnings: number(row.int("warnings")?)?,
        error: row.opt_text("error")?.map(str::to_owned),
        sandbox: row.opt_text("sandbox")?.map(str::to_owned),
        changes: serde_json::from_str(row.text("changes")?).map_err(|_| SqlError::OutOfRange)?,
        tables: steps(row.opt_text("table_steps")?)?,
        consent: consent(row)?,
    })
}

fn steps(text: Option<&str>) -> Result<TableSteps, SqlError> {
    text.map_or_else(|| Ok(TableSteps::default()), serde_json::from_str).map_err(|_| SqlError::OutOfRange)
}

fn consent(row: &Row) -> Result<Option<Consent>, SqlError> {
    let Some((digest, at)) = row.opt_text("egress_digest")?.zip(row.opt_int("consented_at")?) else {
        return Ok(None);
    };
    let by = row.opt_text("consented_by")?.map(value).transpose()?;
    Ok(Some(Consent { digest: digest.to_owned(), by, at: Timestamp::from_micros(at) }))
}

fn value<T: FromStr>(text: &str) -> Result<T, SqlError> {
    text.parse().map_err(|_| SqlError::OutOfRange)
}

fn number(value: i64) -> Result<u32, SqlError> {
    value.try_into().map_err(|_| SqlError::OutOfRange)
}

fn natural(value: i64) -> Result<u64, SqlError> {
    value.try_into().map_err(|_| SqlError::OutOfRange)
}

fn whole(value: u64) -> Result<i64, SqlError> {
    value.try_into().map_err(|_| SqlError::OutOfRange)
}
