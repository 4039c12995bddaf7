#!/usr/bin/env bash
# Fails when an app in examples/ depends on anything of ours but kageos-sdk, or names another crate of ours in its
# code. Programs that embed Kageos are not apps. `--self-test` shows that it can fail.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

embedding=(embed)

# check FOLDER: prints what crosses the boundary in the apps there; fails when that is anything.
check() {
  local found=0 seen=0 app
  for app in "$1"/examples/*/; do
    [ -f "$app/Cargo.toml" ] || continue
    case " ${embedding[*]} " in *" $(basename "$app") "*) continue ;; esac
    seen=$((seen + 1))
    if awk '/^\[/ { table = $0 }
        table ~ /dependencies/ && (/^kageos-/ || /package *= *"kageos-/) && !/^kageos-sdk( *=|\.workspace)/ { print FILENAME ": " $0; bad = 1 }
        /^\[.*dependencies\.kageos-/ && !/dependencies\.kageos-sdk\]/ { print FILENAME ": " $0; bad = 1 }
        END { exit !bad }' "$app/Cargo.toml"; then
      echo "^ an app depends on kageos-sdk only"
      found=1
    fi
    if grep -rnE --include='*.rs' '\b(kageos_(core|server|sdk_macros|scheduler|inbox|agent)|axum|sqlx|rusqlite)\b' "$app"; then
      echo "^ an app imports kageos_sdk only"
      found=1
    fi
  done
  [ "$seen" -gt 0 ] || { echo "no app found in $1/examples"; found=1; }
  return "$found"
}

self_test() {
  local failed=0
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  expect() { # STATUS MANIFEST CODE
    mkdir -p "$folder/examples/app/src" "$folder/examples/embed/src"
    printf '%b\n' "[package]\nname = \"kageos-example-app\"\n$2" >"$folder/examples/app/Cargo.toml"
    printf '%s\n' "$3" >"$folder/examples/app/src/lib.rs"
    printf '[dependencies]\nkageos-server.workspace = true\n' >"$folder/examples/embed/Cargo.toml"
    local status=0
    (check "$folder") >/dev/null || status=$?
    [ "$status" -eq "$1" ] || { echo "self-test: '$2' with '$3' gave $status"; failed=1; }
  }
  expect 0 '[dependencies]\nkageos-sdk.workspace = true\nserde = "1"' 'use kageos_sdk::prelude::*;'
  expect 0 '[dependencies]\nkageos-sdk = { path = "x" }' ''
  expect 1 '[dependencies]\nkageos-core.workspace = true' ''
  expect 1 '[dev-dependencies]\nkageos-server = { path = "x" }' ''
  expect 1 '[dependencies.kageos-core]\npath = "x"' ''
  expect 1 '[dependencies]\nkageos-sdk-macros.workspace = true' ''
  expect 1 '[dependencies]\ncore = { package = "kageos-core" }' ''
  expect 1 '[dependencies]\nkageos-sdk.workspace = true' 'use kageos_core::Error;'
  expect 1 '[dependencies]\nkageos-sdk.workspace = true' 'let pool = sqlx::query("x");'
  [ "$failed" -eq 0 ] && echo "each crossing is found"
  return "$failed"
}

if [ "${1:-}" = --self-test ]; then self_test; else check "$here" && echo "apps use the SDK only"; fi
