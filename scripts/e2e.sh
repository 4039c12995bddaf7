#!/usr/bin/env bash
# Runs the end-to-end tests of web/ against a real server: fresh state, a free port, the example workspace installed.
# The tests are given KAGEOS_E2E_URL, _LOGIN, _PASSWORD, _STATE, _KAGECTL and CHROMIUM. Arguments go to Playwright.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(realpath "${CARGO_TARGET_DIR:-target}")
kagectl=$target/debug/kagectl
# What apps are built on is made once, and shared with the tests of the server.
export KAGEOS_RUNTIME__LAYERS=$target/layers
state=$(mktemp -d)
log=$state/bootstrap.log
server=

stop() {
  if [ -n "$server" ]; then
    "$kagectl" --state "$state/dev" down >/dev/null 2>&1 || kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$state"
}
trap stop EXIT

KAGEOS_SERVER__ADDRESS=127.0.0.1:0 "$kagectl" --state "$state/dev" bootstrap --dev >"$log" 2>&1 </dev/null &
server=$!

# The web and the example are built and the data imported before it answers.
deadline=$((SECONDS + 900))
until "$kagectl" --state "$state/dev" verify >/dev/null 2>&1; do
  if ! kill -0 "$server" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
    echo "the server did not start:"
    cat "$log"
    exit 1
  fi
  sleep 0.5
done

KAGEOS_E2E_URL=$("$kagectl" --state "$state/dev" --json status | node -e '
  const { address } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  console.log(/^https?:/.test(address) ? address : `http://${address}`);')
KAGEOS_E2E_LOGIN=system
KAGEOS_E2E_PASSWORD=$(sed -n 's/^SYSTEM_USER_PASSWORD=//p' "$state/dev/env/kageos.env")
KAGEOS_E2E_STATE=$state/dev
KAGEOS_E2E_KAGECTL=$kagectl
export KAGEOS_E2E_URL KAGEOS_E2E_LOGIN KAGEOS_E2E_PASSWORD KAGEOS_E2E_STATE KAGEOS_E2E_KAGECTL
echo "end-to-end tests against $KAGEOS_E2E_URL"

if ! npm --prefix web run --silent e2e -- "$@" </dev/null; then
  echo "the server's last lines:"
  tail -n 40 "$log"
  exit 1
fi
# After the tests, for whose screens the workspace is as it was installed.
[ $# -gt 0 ] || bash scripts/check-api-examples.sh "$KAGEOS_E2E_URL" "$kagectl" --state "$state/dev"
