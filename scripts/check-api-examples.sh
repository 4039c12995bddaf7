#!/usr/bin/env bash
# Runs the shell examples of docs/api.md in one shell, as the page says, against a running server.
#
#   scripts/check-api-examples.sh URL KAGECTL…    KAGECTL: how to call kagectl for that server's state
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/api.md
export KAGEOS_URL=$1
export KAGECTL="${*:2}"
script=$(mktemp)
trap 'rm -f "$script"' EXIT

# Each example stands at the line it has in the page, so that bash names that line; in the first one what leads up to them.
awk '
  NR == 1 { print "cargo() { shift; $KAGECTL \"$@\"; }; trap \"echo $0: line \\$LINENO failed >&2\" ERR; set -eEuo pipefail" }
  NR > 1 { print (inside && $0 !~ /^```/) ? $0 : "" }
  /^```/ { inside = $0 == "```sh" }
' "$page" | sed 's|^URL=http://.*|URL=$KAGEOS_URL|' >"$script"
grep -q 'KAGEOS_URL' "$script" || { echo "$page: its examples do not begin with URL=" >&2; exit 1; }

bash "$script" >"$script.out" 2>&1 || { sed "s|$script|$page|" "$script.out"; rm -f "$script.out"; exit 1; }
rm -f "$script.out"
echo "$page: its examples run"
