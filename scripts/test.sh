#!/usr/bin/env bash
# Formats, lints, builds and tests everything, and prints the minutes of each stage.
#
#   scripts/test.sh            every stage
#   scripts/test.sh rust web   some: rust, checks, web, e2e, faults
#
# What the machine lacks is named at the end as skipped. With CI=true nothing may be skipped. `.ci/run` installs it all
# on Debian. The last line is `N passed, N failed`, the tests of cargo, vitest and Playwright together; a step that
# failed without a test counts as one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/steps.sh

CARGO=${CARGO:-cargo}
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(rust checks web e2e faults)

# The same flags everywhere, so that one build serves every stage.
all=(--workspace --all-features --locked)

stage_rust() {
  services
  step fmt "$CARGO" fmt --all --check
  local features
  for features in "" link sql sql,postgres sql,mysql bus nats platform s3; do
    step "check kageos-core [$features]" \
      "$CARGO" check --locked -p kageos-core --no-default-features --features "$features"
  done
  has bwrap || skip "apps in a sandbox: bubblewrap is not installed"
  step clippy "$CARGO" clippy "${all[@]}" --all-targets -- -D warnings
  # The campaign is a stage of its own when that runs too.
  local skipped=()
  [[ " ${stages[*]} " != *" faults "* ]] || skipped=(-- --skip faults::)
  tests cargo "cargo test" "$CARGO" test "${all[@]}" --no-fail-fast "${skipped[@]}"
  if has cargo-deny || cargo_deny; then
    step "cargo deny" cargo deny --locked check --hide-inclusion-graph bans licenses sources
  else
    skip "dependency policy: cargo-deny is not installed"
  fi
}

stage_checks() {
  local check
  for check in sensitive-files sdk-boundaries doc-links; do
    step "$check: can it fail" bash "scripts/check-$check.sh" --self-test
    step "$check" bash "scripts/check-$check.sh"
  done
}

stage_web() {
  node_here || return 0
  npm_install
  local script
  for script in check:architecture lint type-check; do step "$script" web "$script"; done
  tests vitest test:unit web test:unit
  for script in build size; do step "$script" web "$script"; done
  step "generated types" types_are_fresh
}

stage_e2e() {
  node_here || return 0
  CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  [ -n "$CHROMIUM" ] || { skip "end-to-end tests: Chromium is not installed"; return 0; }
  export CHROMIUM
  npm_install
  step "build kagectl" "$CARGO" build "${all[@]}" --bin kagectl
  step "OpenAPI document" openapi_is_fresh
  tests playwright e2e bash scripts/e2e.sh
}

# The campaign is the module `faults` of the integration tests; the rust stage by itself runs a few rounds of it, this one many.
stage_faults() {
  services
  export KAGEOS_FAULT_ROUNDS=${KAGEOS_FAULT_ROUNDS:-50}
  tests cargo "kill -9 campaign" "$CARGO" test "${all[@]}" --test it -- faults::
}

# Databases and the broker that tests run on, where they answer.
services() {
  local postgres=postgres://postgres@127.0.0.1:5432/postgres mysql=mysql://root@127.0.0.1:3306/mysql nats=nats://127.0.0.1:4222
  service KAGEOS_TEST_POSTGRES_URL "$postgres" PostgreSQL psql -qAtc "select 1" "$postgres"
  service KAGEOS_TEST_MYSQL_URL "$mysql" "MariaDB or MySQL" mariadb -h 127.0.0.1 -u root -e "select 1"
  local s3=http://127.0.0.1:5555/kageos-test
  service KAGEOS_TEST_S3_URL "$s3" "an S3 server" s3_bucket "$s3"
  local engine=/run/podman/podman.sock
  service KAGEOS_TEST_CONTAINER_ENGINE "$engine" "Podman or Docker" curl -fsS -m 5 --unix-socket "$engine" http://engine/_ping
  service KAGEOS_TEST_NATS_URL "$nats" "NATS with JetStream" nats_answers 127.0.0.1 4222
}

service() {
  local variable=$1 url=$2 name=$3
  shift 3
  [ -z "${!variable:-}" ] || return 0
  if "$@" >/dev/null 2>&1 </dev/null; then
    export "$variable=$url"
    echo "$name answers: $variable=$url"
  else
    skip "tests on $name: set $variable, or start it"
  fi
}

# Makes the bucket, which may be there.
s3_bucket() {
  curl -fsS -m 5 -X PUT "$1" || curl -fsS -m 5 -I "$1"
}

nats_answers() {
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && head -n 1 <&3' "$1" "$2" | grep -q '"jetstream":true'
}

# Debug: compiles in a minute instead of ten, and runs two seconds.
cargo_deny() {
  echo "installing cargo-deny"
  CARGO_PROFILE_DEV_DEBUG=0 "$CARGO" install --quiet --debug --locked cargo-deny@0.20.2
}

node_here() {
  local version
  version=$(node --version 2>/dev/null | sed 's/^v//; s/[.].*//')
  [ "${version:-0}" -ge 20 ] && has npm && return 0
  skip "the web application: Node 20 or newer with npm is not installed"
  return 1
}

npm_install() {
  local stamp=web/node_modules/.installed-lock
  cmp -s web/package-lock.json "$stamp" && return 0
  step "npm ci" npm --prefix web ci --ignore-scripts --no-audit --no-fund && cp web/package-lock.json "$stamp"
}

web() { npm --prefix web run --silent "$@"; }

types_are_fresh() {
  local fresh=$LOGS/schema.d.ts
  (cd web && node_modules/.bin/openapi-typescript openapi.json -o "$fresh") &&
    compare web/src/api/schema.d.ts "$fresh" "npm --prefix web run generate"
}

openapi_is_fresh() {
  "${CARGO_TARGET_DIR:-target}/debug/kagectl" openapi >"$LOGS/openapi.json" &&
    compare web/openapi.json "$LOGS/openapi.json" "cargo kagectl openapi > web/openapi.json"
}

compare() {
  diff -u "$1" "$2" | head -n 40
  cmp -s "$1" "$2" || { echo "$1 is stale; $3"; return 1; }
}

for stage in "${stages[@]}"; do
  declare -F "stage_$stage" >/dev/null || { echo "no such stage: $stage" >&2; exit 64; }
done
for stage in "${stages[@]}"; do run_stage "$stage"; done
finish
