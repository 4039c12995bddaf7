#!/usr/bin/env bash
# Runs the shell examples of docs/api.md in one shell, as the page says, against a running server.
#
#   scripts/check-api-examples.sh URL KAGECTL…    KAGECTL: how to call kagectl for that server's state
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/api.md
export KAGEOS_URL=$1 KAGECTL="${*:2}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One line, in place of the page's title.
lead='set -eEuo pipefail; cargo() { shift; $KAGECTL "$@"; }; trap '\''echo "line $((${#BASH_LINENO[@]} > 1 ? BASH_LINENO[-2] : LINENO)) failed"'\'' ERR'
# Each example stands at the line that it has in the page.
awk 'NR > 1 { print (inside && $0 !~ /^```/) ? $0 : "" } /^```/ { inside = $0 == "```sh" }' "$page" |
  sed 's|^URL=http://.*|URL=$KAGEOS_URL|' >"$work/examples"
grep -q KAGEOS_URL "$work/examples" || { echo "$page: its examples do not begin with URL=" >&2; exit 1; }

{ echo "$lead"; cat "$work/examples"; } >"$work/script"
if ! bash "$work/script" >"$work/said" 2>&1; then
  tail -c 2000 "$work/said"
  echo "$page: an example failed"
  exit 1
fi
echo "$page: its examples run"
