#!/usr/bin/env bash
# Measures the server beside the bare program, which does the same inserts with nothing governed: each side in turn,
# several rounds, medians. Prints a table and writes target/bench.json.
#
#   scripts/bench.sh
#   scripts/bench.sh link apps   some: writes, link, nodes, apps, many_apps, start_and_memory, large_table, in_browser, core, scheduler; only prints
#
# KAGEOS_BASELINE        the folder of the bare program [../shared/baseline]; without it there are no ratios
# KAGEOS_BENCH_ROUNDS    rounds [5]
# KAGEOS_BENCH_SECONDS   seconds of one measurement [4]
# KAGEOS_BENCH_ROWS      rows of the large table [1,000,000]
# KAGEOS_BENCH_SCROLL    seconds of scrolling in the browser [120]
# KAGEOS_BENCH_POSTGRES  an empty database of PostgreSQL for the scheduler, beside SQLite []
#
# Needs wrk, curl and jq, and for the browser Node, the packages of web/ and Chromium; without these that part is skipped.
# Run it on a machine that does nothing else; the load before each line is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CARGO=${CARGO:-cargo}
ROUNDS=${KAGEOS_BENCH_ROUNDS:-5}
SECONDS_EACH=${KAGEOS_BENCH_SECONDS:-4}
ROWS=${KAGEOS_BENCH_ROWS:-1000000}
baseline=${KAGEOS_BASELINE:-../shared/baseline}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/bench
sources=$PWD
export KAGEOS_RUNTIME__LAYERS=$target/layers
export BENCH=$PWD/scripts/bench
bare_address=127.0.0.1:9191
running=()

for tool in wrk curl jq; do
  command -v "$tool" >/dev/null || { echo "needs $tool: apt-get install $tool" >&2; exit 69; }
done

stop_all() {
  local process
  for process in "${running[@]}"; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
  running=()
}
trap stop_all EXIT

build() {
  "$CARGO" build --release --locked -p kageos-server -p kageos-scheduler --bin kagectl --example measure --example pace
  kagectl=$target/release/kagectl
  measure=$target/release/examples/measure
  pace=$target/release/examples/pace
  bare=
  if [ -d "$baseline" ]; then
    # A copy, so that nothing is written into the folder.
    mkdir -p "$work/baseline" && cp -r "$baseline/." "$work/baseline/"
    (cd "$work/baseline" && CARGO_TARGET_DIR="$target/baseline" "$CARGO" build --release --bin insert --bin uds_echo)
    bare=$target/baseline/release/insert bare_echo=$target/baseline/release/uds_echo
  else
    echo "no bare program at $baseline: no ratios"
  fi
}

# serve SYNCHRONOUS: a fresh server with the example; sets address, process and COOKIE.
serve() {
  local state=$work/state-$1 said=$work/said-$1
  rm -rf "$state" "$said"
  mkfifo "$said"
  # In a folder without web sources, so that nothing but the API and the example is built.
  (cd "$work" && KAGEOS_SERVER__ADDRESS=127.0.0.1:0 KAGEOS_LOG__FILTER=warn exec env ${2:-} \
    "$kagectl" --state "$state" --json bootstrap --dev --sources "$sources" >"$said" 2>"$work/server.log") &
  process=$!
  running+=("$process")
  read -r ready <"$said" || true
  rm -f "$said"
  [ -n "$ready" ] || { running=(); return 1; }
  address=$(jq -r .address <<<"$ready")
  login
}

# login: signs in at $address with what $ready says; sets COOKIE.
login() {
  COOKIE=$(curl -sS -D - -o /dev/null -H 'content-type: application/json' \
    -d "$(jq -c '{login: .user, password}' <<<"$ready")" "$address/api/v1/session" |
    sed -n 's/^[Ss]et-[Cc]ookie: \([^;]*\).*/\1/p')
  export COOKIE
}

serve_bare() {
  rm -f "$work/bare.db"*
  "$bare" "$work/bare.db" "$bare_address" "$1" &
  running+=($!)
  until curl -sS -o /dev/null "http://$bare_address/echo" 2>/dev/null; do sleep 0.05; done
}

# load CONNECTIONS SCRIPT URL: one measurement, as JSON.
load() {
  local result
  result=$(wrk -t1 -c"$1" -d"${SECONDS_EACH}s" --timeout 30s -s "$BENCH/$2.lua" "$3" | sed -n 's/^RESULT //p')
  [ "$(jq .failed <<<"$result")" = 0 ] || { echo "requests failed: $result" >&2; exit 1; }
  echo "$result"
}

# in_turn NAME CONNECTIONS SCRIPT PATH: rounds of both sides; appends a line of JSON to the results.
in_turn() {
  local name=$1 connections=$2 script=$3 path=$4 round before ours=() theirs=()
  before=$(cut -d' ' -f1 /proc/loadavg)
  for ((round = 0; round < ROUNDS; round++)); do
    ours+=("$(load "$connections" "$script" "$address$path")")
    # The bare program reads nothing.
    [ -z "$bare" ] || [ "$script" = read ] || theirs+=("$(load "$connections" bare "http://$bare_address/insert")")
  done
  compare "$name" "$connections" "$before" "${ours[*]}" "${theirs[*]}"
}

# compare NAME CONNECTIONS LOAD OURS THEIRS: the medians of the rounds of both sides, as a line of the results.
compare() {
  jq -cn --arg name "$1" --argjson connections "$2" --argjson load "$3" \
    --argjson ours "$(jq -s . <<<"$4")" --argjson theirs "$(jq -s . <<<"$5")" '
    def median: sort | if length == 0 then null else .[length / 2 | floor] end;
    def side: {per_second: (map(.per_second) | median), p50_ms: (map(.p50_ms) | median), p95_ms: (map(.p95_ms) | median)};
    ($ours | side) as $k | ($theirs | side) as $b
    | {name: $name, connections: $connections, load: $load, kageos: $k, bare: $b,
       share: (if $b.per_second then $k.per_second / $b.per_second else null end),
       times_p50: (if $b.p50_ms then $k.p50_ms / $b.p50_ms else null end)}' | tee -a "$work/results" | line
}

line() {
  jq -r '[.name, .connections, .kageos.per_second, .kageos.p50_ms, .kageos.p95_ms, .bare.per_second, .bare.p50_ms,
    (if .share then .share * 100 | round | tostring + " %" else "-" end),
    (if .times_p50 then .times_p50 * 100 | round / 100 else "-" end), .load]
    | map(. // "-" | tostring) | @tsv' |
    awk -F'\t' '{ printf "%-24s %5s %10s %9s %9s %10s %9s %8s %8s %6s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 }'
}

# app CALLERS: calls to an app in another process, without log and door, beside the bare echo.
app() {
  local callers=$1 round before socket=$work/app.sock ours=() theirs=()
  before=$(cut -d' ' -f1 /proc/loadavg)
  for ((round = 0; round < ROUNDS; round++)); do
    rm -f "$socket"
    "$measure" link call "$socket" "$callers" "$SECONDS_EACH" >"$work/said" &
    running+=($!)
    until [ -S "$socket" ]; do sleep 0.05; done
    "$measure" link app "$socket"
    wait "${running[-1]}"
    ours+=("$(cat "$work/said")")
    stop_all
    [ -n "$bare" ] || continue
    rm -f "$socket"
    "$bare_echo" serve "$socket" &
    running+=($!)
    until [ -S "$socket" ]; do sleep 0.05; done
    theirs+=("$("$bare_echo" call "$socket" "$callers" "$SECONDS_EACH" |
      sed -E 's|([0-9]+) calls/s, p50 ([0-9]+) µs, p99 ([0-9]+) µs|{"per_second": \1, "p50_ms": (\2 / 1000), "p95_ms": null}|' | jq -n -c -f /dev/stdin)")
    stop_all
  done
  compare "call to an app" "$callers" "$before" "${ours[*]}" "${theirs[*]}"
}

# now: milliseconds.
now() { echo $(($(date +%s%N) / 1000000)); }

# went_live STATE FIELD: what the last release that went live took, as the server logged it.
went_live() {
  jq -s --arg field "$2" 'map(select(.message == "a release is live")) | last | .[$field]' "$1/logs/server.log"
}

# From a change of a line to what is live, and from nothing to the first row of a new workspace; on a server of its own.
apps() {
  local state=$work/state-apps app=$work/todo round begun built live fresh changes=() builds=() starts=() switches=() new=() cold=() warm=()
  local ask=("$kagectl" --state "$state" --json)
  rm -rf "$state" "$app"
  # What a publication takes to start and to switch is in the server's log.
  (cd "$work" && KAGEOS_SERVER__ADDRESS=127.0.0.1:0 KAGEOS_LOG__FILTER=warn,kageos_server::runtime::releases=info \
    exec "$kagectl" --state "$state" --json serve >"$work/said" 2>"$work/server.log") &
  running+=($!)
  until "${ask[@]}" verify >/dev/null 2>&1; do sleep 0.1; done
  (cd "$work" && "${ask[@]}" workspace new todo >/dev/null)
  for ((round = 0; round < ROUNDS; round++)); do
    begun=$(now)
    "${ask[@]}" call /system create_directory "{\"code\": \"new_$round\", \"title\": \"New\"}" >/dev/null
    "${ask[@]}" workspace push "$app" "/system/new_$round" >/dev/null 2>&1
    "${ask[@]}" call "/system/new_$round/task.table" search '{"limit": 1}' >/dev/null
    new+=($(($(now) - begun)))
  done
  for ((round = 0; round < ROUNDS; round++)); do
    sed -i "s|title = \"Tasks.*\", history|title = \"Tasks $round\", history|" "$app/src/lib.rs"
    begun=$(now)
    "${ask[@]}" workspace push "$app" /system/new_0 --no-build >/dev/null
    fresh=$("${ask[@]}" call /system/new_0 build '{}' 2>/dev/null | jq .output.release)
    built=$(now)
    "${ask[@]}" workspace publish /system/new_0 "$fresh" >/dev/null
    live=$(now)
    changes+=($((live - begun))) builds+=($((built - begun)))
    starts+=("$(went_live "$state" start_ms)") switches+=("$(went_live "$state" switch_ms)")
    "${ask[@]}" workspace restart /system/new_0 >/dev/null
    begun=$(now)
    "${ask[@]}" call /system/new_0/task.table search '{"limit": 1}' >/dev/null
    cold+=($(($(now) - begun)))
    begun=$(now)
    "${ask[@]}" call /system/new_0/task.table search '{"limit": 1}' >/dev/null
    warm+=($(($(now) - begun)))
  done
  stop_all
  jq -cn --argjson new "$(jq -s . <<<"${new[*]}")" --argjson changes "$(jq -s . <<<"${changes[*]}")" \
    --argjson builds "$(jq -s . <<<"${builds[*]}")" \
    --argjson starts "$(jq -s . <<<"${starts[*]}")" --argjson switches "$(jq -s . <<<"${switches[*]}")" --argjson cold "$(jq -s . <<<"${cold[*]}")" --argjson warm "$(jq -s . <<<"${warm[*]}")" '
    def median: sort | .[length / 2 | floor];
    {new_workspace_ms: ($new | median), change_to_live_ms: ($changes | median), of_that_build_ms: ($builds | median),
     of_that_start_ms: ($starts | median), of_that_switch_ms: ($switches | median),
     cold_start_ms: (($cold | median) - ($warm | median)), call_ms: ($warm | median)}' | tee "$work/apps" | jq -r \
    '"new workspace to its first row \(.new_workspace_ms) ms; a changed line to live \(.change_to_live_ms) ms, \(.of_that_build_ms) of them to write and build, \(.of_that_start_ms) to start and \(.of_that_switch_ms) to switch; a call to a stopped app \(.cold_start_ms) ms more than to one that runs"'
}

# serve_state STATE: a server on a state folder that is there; sets address, process, ready and COOKIE.
serve_state() {
  local ask=("$kagectl" --state "$1" --json)
  (cd "$work" && KAGEOS_SERVER__ADDRESS=127.0.0.1:0 KAGEOS_LOG__FILTER=warn exec "${ask[@]}" serve >"$work/said" 2>"$work/server.log") &
  process=$!
  running+=("$process")
  until "${ask[@]}" status >/dev/null 2>&1; do sleep 0.05; done
  address=$("${ask[@]}" status | jq -r .address)
  ready=$("${ask[@]}" init --dev)
  login
}

# What 1,000 workspaces with a release cost while nobody calls, and how many calls fail while 20 releases go live.
many_apps() {
  local state=$work/state-many app=$work/todo release none many apps load sql
  local ask=("$kagectl" --state "$state" --json)
  command -v sqlite3 >/dev/null || { echo "many apps: skipped, needs sqlite3"; echo null >"$work/many"; return; }
  rm -rf "$state" "$app"
  "${ask[@]}" init --dev >/dev/null
  serve_state "$state"
  (cd "$work" && "${ask[@]}" workspace new todo >/dev/null)
  "${ask[@]}" workspace push "$app" /system/todo >/dev/null 2>&1
  sed -i 's|title = "Tasks", history|title = "All tasks", history|' "$app/src/lib.rs"
  "${ask[@]}" workspace push "$app" /system/todo >/dev/null 2>&1
  wrk -t1 -c8 -d20s --timeout 30s -s "$BENCH/read.lua" "$address/api/v1/rows/system/todo/task.table?limit=10" >"$work/load" &
  load=$!
  for ((release = 0; release < 20; release++)); do
    "${ask[@]}" workspace publish /system/todo $((release % 2 + 1)) >/dev/null
  done
  kill -0 "$load" 2>/dev/null || { echo "20 releases took longer than the load" >&2; exit 1; }
  wait "$load"
  load=$(sed -n 's/^RESULT //p' "$work/load")
  stop_all
  # With nobody there, and what was used to begin with let go of.
  serve_state "$state" && sleep 10 && none=$(resident)
  for ((apps = 0; apps < 1000; apps++)); do
    curl -sS -f -o /dev/null -H "cookie: $COOKIE" -H "origin: $address" -H 'content-type: application/json' \
      -d "{\"action\":\"create_directory\",\"input\":{\"code\":\"idle_$apps\",\"title\":\"Idle\"}}" "$address/api/v1/call/system"
  done
  stop_all
  # Each as if it had been pushed, which would take an hour.
  sql="FROM tree_node w JOIN tree_node t ON t.path = '/system/todo' WHERE w.path LIKE '/system/idle!_%' ESCAPE '!'"
  local columns='number, state, commit_id, created_at, created_by, changed_at, was_live, build_ms, binary_sha256, binary_size,
    errors, warnings, error, sandbox, changes, manifest, egress_digest, consented_by, consented_at'
  sqlite3 "$state/platform.db" "
    INSERT INTO app_release (workspace_id, $columns) SELECT w.id, r.* FROM
      (SELECT w.id $sql) w, (SELECT $columns FROM app_release WHERE state = 'live' LIMIT 1) r;
    INSERT INTO release_live (workspace_id, number, since) SELECT w.id, l.number, l.since FROM
      (SELECT w.id $sql) w, (SELECT number, since FROM release_live LIMIT 1) l;
    INSERT INTO tree_node (id, parent_id, path, kind, title, description, tags, origin, created_at, updated_at)
      SELECT '01' || substr(lower(hex(randomblob(12))), 1, 24), w.id, w.path || substr(f.path, length('/system/todo') + 1),
        f.kind, f.title, f.description, f.tags, f.origin, f.created_at, f.updated_at
      FROM (SELECT w.id, w.path $sql) w, (SELECT * FROM tree_node WHERE path LIKE '/system/todo/%') f;
    UPDATE tree_state SET generation = generation + 1;"
  serve_state "$state" && sleep 10 && many=$(resident)
  [ "$(curl -sS -H "cookie: $COOKIE" -H "origin: $address" "$address/api/v1/node/system/idle_7/task.table" | jq -r .function.kind)" = table ]
  apps=$(pgrep -c -P "$process" || true)
  stop_all
  jq -cn --argjson load "$load" --argjson apps "$apps" --argjson kb $((many - none)) \
    '{calls_while_20_releases_go_live: (($load.per_second * 20) | round), failed: $load.failed, idle_workspaces: 1000,
      idle_processes: $apps, idle_more_mb: ($kb / 1024 | round)}' | tee "$work/many" | jq -r \
    '"\(.failed) of \(.calls_while_20_releases_go_live) calls failed while 20 releases went live; \(.idle_workspaces) idle workspaces: \(.idle_processes) processes, \(.idle_more_mb) MB more"'
}

# From the start of the process to the first answer, and resident memory after 30 s without a client.
start_and_memory() {
  local state=$work/state-full round begun said=$work/said times=() memory
  for ((round = 0; round < ROUNDS; round++)); do
    rm -f "$said" && mkfifo "$said"
    begun=$(date +%s%N)
    KAGEOS_SERVER__ADDRESS=127.0.0.1:0 "$kagectl" --state "$state" --json serve >"$said" 2>/dev/null &
    running+=($!)
    read -r ready <"$said"
    curl -sS -f -o /dev/null "$(jq -r .address <<<"$ready")/readyz"
    times+=($((($(date +%s%N) - begun) / 1000)))
    [ "$round" -eq $((ROUNDS - 1)) ] || stop_all
  done
  sleep 30
  memory=$(awk '/^VmRSS/ { print $2 }' "/proc/${running[-1]}/status")
  jq -cn --argjson times "$(jq -s . <<<"${times[*]}")" --argjson memory "$memory" \
    '{start_ms: ($times | sort | .[length / 2 | floor] / 1000), resident_mb: ($memory / 1024 | round)}' >"$work/own"
  jq -r '"start to first answer \(.start_ms) ms, resident after 30 s \(.resident_mb) MB"' "$work/own"
  stop_all
}

# A server with a table of 20 columns and $ROWS rows, kept from run to run; sets address, process and COOKIE.
serve_rows() {
  local said=$work/said-rows
  mkdir -p "$work/rows"
  rm -f "$said" && mkfifo "$said"
  "$measure" rows "$work/rows" "$ROWS" >"$said" 2>"$work/rows.log" &
  process=$!
  running+=("$process")
  read -r ready <"$said"
  address=$(jq -r .address <<<"$ready")
  login
}

# page NAME QUERY: pages of 100 rows of the large table.
page() {
  in_turn "$1" 1 read "/api/v1/rows/bench/app/item.table?limit=100${2:+&$2}"
}

# Cursors of a page $1 pages deep in the order $2.
deep() {
  local next= at
  for ((at = 0; at < $1; at++)); do
    next=$(curl -sS -H "cookie: $COOKIE" "$address/api/v1/rows/bench/app/item.table?limit=500&sort=$2${next:+&next=$next}" | jq -r .next)
  done
  echo "$next"
}

large_table() {
  serve_rows
  # The first import of 100,000 lines is timed when the table is new, and its time kept with the table.
  local took
  took=$(jq .import_ms <<<"$ready")
  [ "$took" = null ] || echo "$took" >"$work/rows/import_ms"
  page "first page, by id" ""
  page "deep page, by id" "sort=-id&next=$(deep 200 -id)"
  page "first page, by index" "sort=amount"
  page "deep page, by index" "sort=amount&next=$(deep 200 amount)"
  page "indexed equality" "filter=%7B%22eq%22:%5B%22rank%22,4711%5D%7D"
  page "indexed range" "filter=%7B%22range%22:%5B%22amount%22,%221000.00%22,%221010.00%22%5D%7D&sort=amount"
  page "with a count" "count=true"
  export_rows
  stop_all
}

# The whole table as CSV: seconds, and how much the server grew at most.
export_rows() {
  local idle peak=0 now begun took
  idle=$(resident)
  begun=$(date +%s%N)
  curl -sS -f -H "cookie: $COOKIE" -o "$work/export.csv" "$address/api/v1/export/bench/app/item.table" &
  local download=$!
  while kill -0 "$download" 2>/dev/null; do
    now=$(resident)
    [ "$now" -le "$peak" ] || peak=$now
    sleep 0.1
  done
  wait "$download"
  took=$((($(date +%s%N) - begun) / 1000000))
  jq -cn --argjson rows "$(($(wc -l <"$work/export.csv") - 1))" --argjson ms "$took" --argjson kb "$((peak - idle))" \
    --argjson took_import "$(cat "$work/rows/import_ms" 2>/dev/null || echo null)" \
    '{import_of_100000_ms: $took_import, export_rows: $rows, export_ms: $ms, export_over_idle_mb: ($kb / 1024 | round)}' >"$work/large"
  rm -f "$work/export.csv"
  jq -r '"import of 100,000 rows \(.import_of_100000_ms) ms; export of \(.export_rows) rows \(.export_ms) ms, \(.export_over_idle_mb) MB over idle"' "$work/large"
}

# The large table in Chromium: until its first row stands, and what scrolling costs. web/e2e/bench.mjs says what is measured.
in_browser() {
  local chromium=${KAGEOS_E2E_CHROMIUM:-/usr/bin/chromium}
  echo null >"$work/browser"
  if [ ! -x "$chromium" ] || [ ! -d web/node_modules ]; then
    echo "browser: skipped, needs $chromium and npm --prefix web ci"
    return
  fi
  # The server of the large table serves web/dist of this folder.
  npm --prefix web run --silent build >/dev/null
  serve_rows
  KAGEOS_E2E_URL=$address KAGEOS_E2E_LOGIN=$(jq -r .user <<<"$ready") KAGEOS_E2E_PASSWORD=$(jq -r .password <<<"$ready") \
    KAGEOS_BENCH_TABLE=/bench/app/item.table KAGEOS_BENCH_ROUNDS=$ROUNDS node web/e2e/bench.mjs "$work/browser"
  stop_all
}

resident() { awk '/^VmRSS/ { print $2 }' "/proc/$process/status"; }

# Governed writes and reads beside the bare inserts, each way of writing to the disk in turn.
writes() {
  local mode setting
  for mode in full normal; do
    setting=
    [ "$mode" = full ] || setting=KAGEOS_DATABASE__SYNCHRONOUS=$mode
    if ! serve "$mode" "$setting"; then
      echo "synchronous=$mode: skipped, the server cannot be set to it: $(tail -n 1 "$work/server.log" | cut -c1-100)"
      continue
    fi
    [ -z "$bare" ] || serve_bare "$mode"
    in_turn "create, $mode" 32 create /api/v1/rows/demo/crm/customer.table
    in_turn "create, $mode" 1 create /api/v1/rows/demo/crm/customer.table
    in_turn "form, $mode" 1 form /api/v1/call/demo/crm/record_payment.form
    [ "$mode" = normal ] || in_turn "read of 100 rows" 1 read "/api/v1/rows/demo/crm/invoice_line.table?limit=100"
    stop_all
  done
}

# Calls through the door and decisions without storage.
core() {
  "$measure" core | tee "$work/core" | jq -r \
    '"a call through the door \(.dispatch_us * 10 | round / 10) µs, a cached decision \(.access_cached_ns | round) ns, a search of \(.tree_nodes) nodes \(.tree_search_ms * 10 | round / 10) ms"'
}

# Executions of a scheduler, each kind of database in turn, beside bare statements that move the same rows.
scheduler() {
  rm -rf "$work/scheduler" && mkdir -p "$work/scheduler"
  on sqlite "sqlite:$work/scheduler/tasks.db"
  [ -z "${KAGEOS_BENCH_POSTGRES:-}" ] || on postgres "$KAGEOS_BENCH_POSTGRES"
}

# on NAME URL: what a scheduler does there; appends to the figures.
on() {
  "$pace" "$2" | jq -c --arg on "$1" '{on: $on} + .' | tee -a "$work/scheduler/figures" | jq -r '
    if .per_second then "scheduler on \(.on): \(.what) \(.per_second) executions/s"
    elif .commits then "scheduler on \(.on): \(.count / .commits | round) executions a commit"
    else "scheduler on \(.on): \(.what), \(.tasks) at once: p50 \(.p50_us / 1000) ms, p99 \(.p99_us / 1000) ms" end'
}

link() {
  app 1
  app 32
}

# node CALLERS: the same on a runtime node, over NATS on this machine; the bare program knows no NATS.
node() {
  local callers=$1 round before ours=()
  before=$(cut -d' ' -f1 /proc/loadavg)
  for ((round = 0; round < ROUNDS; round++)); do
    ours+=("$("$measure" nodes "$nats" "$kagectl" "$callers" "$SECONDS_EACH")")
  done
  compare "call to an app on a node" "$callers" "$before" "${ours[*]}" ""
}

nodes() {
  local nats=${KAGEOS_TEST_NATS_URL:-nats://127.0.0.1:4222} at
  at=${nats#*://}
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0"' "${at/://}" 2>/dev/null ||
    { echo "calls to apps on nodes are not measured: no NATS at $nats"; return 0; }
  node 1
  node 32
}

mkdir -p "$work"
: >"$work/results"
build
printf '%-24s %5s %10s %9s %9s %10s %9s %8s %8s %6s\n' what conns "kageos/s" p50 p95 "bare/s" p50 share "p50 x" load
sections=(writes link nodes apps many_apps start_and_memory large_table in_browser core scheduler)
[ $# -eq 0 ] || sections=("$@")
for section in "${sections[@]}"; do
  declare -F "$section" >/dev/null || { echo "no such section: $section" >&2; exit 64; }
  "$section"
done
[ $# -eq 0 ] || exit 0
jq -s --slurpfile own "$work/own" --slurpfile large "$work/large" --slurpfile core "$work/core" --slurpfile apps "$work/apps" --slurpfile many "$work/many" --slurpfile browser "$work/browser" --slurpfile scheduler "$work/scheduler/figures" --arg cores "$(nproc)" \
  '{cores: ($cores | tonumber), measured: ., start: $own[0], large: $large[0], core: $core[0], apps: $apps[0], many_apps: $many[0], browser: $browser[0], scheduler: $scheduler}' "$work/results" >"$target/bench.json"
echo "written to $target/bench.json"
