#!/usr/bin/env bash
# Fails when something is tracked that does not belong into a repository: secrets, keys, environment files, databases,
# paths of one machine, hosts of package registries. `--self-test` shows that each kind is found.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

names='(^|/)([.]env([.].*)?|[.]netrc|[.]pgpass|id_(rsa|dsa|ecdsa|ed25519)|credentials([.]json)?)$'
names+='|[.](pem|key|p12|pfx|jks|kdbx|ppk|db|db-wal|db-shm|sqlite3?|kageos-backup)$|(^|/)[.]kageos/'
allowed_names='[.]env[.]example$'

# Kind and extended regular expression. A bracket in each keeps the pattern from finding itself.
patterns=(
  'private key'       '-----BEGIN ([A-Z]+ )?PRIVATE KE[Y]-----'
  'access key'        '(AKI[A]|ASI[A])[0-9A-Z]{16}'
  'token'             '(gh[pousr]|glpa[t]|xox[abp])[-_][A-Za-z0-9-]{16,}'
  'password in a URL' '[a-z]+://[A-Za-z0-9_]+:[^@/ "$<{}*…]{3,}@[A-Za-z0-9]'
  'machine path'      '(^|[^A-Za-z0-9_.~/-])/(hom[e]|roo[t]|User[s])/[A-Za-z0-9._-]+'
  'registry host'     '(registr[y][.](npmjs|yarnpkg)|(inde[x]|stati[c])[.]crates|(file[s][.])?pythonhoste[d]|pyp[i][.]org|de[b][.]debian|(^|[^-a-z_])(registr[y]|replac[e]-with) *= *["h])'
)

# check FOLDER: prints what it finds in the repository there; fails when that is anything.
check() {
  local found=0 at top
  cd "$1"
  if git ls-files | grep -E "$names" | grep -vE "$allowed_names"; then
    echo "^ such files do not belong into a repository"
    found=1
  fi
  for ((at = 0; at < ${#patterns[@]}; at += 2)); do
    if git grep -nIE -e "${patterns[at + 1]}" -- . | cut -c1-160 | grep .; then
      echo "^ ${patterns[at]}"
      found=1
    fi
  done
  top=$(dirname "$(git rev-parse --show-toplevel)")
  case $top in / | /tmp | /home) top=$(git rev-parse --show-toplevel) ;; esac
  if git grep -nIF -e "$top/" -- . | cut -c1-160 | grep .; then
    echo "^ machine path"
    found=1
  fi
  return "$found"
}

self_test() {
  local failed=0 file
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  git -C "$folder" init -q
  expect() { # STATUS FILE TEXT
    mkdir -p "$folder/$(dirname "$2")"
    printf '%s\n' "$3" >"$folder/$2"
    git -C "$folder" add -f "$2"
    local status=0
    (check "$folder") >/dev/null 2>&1 || status=$?
    [ "$status" -eq "$1" ] || { echo "self-test: $2 with '$3' gave $status"; failed=1; }
    git -C "$folder" rm -qf --cached "$2"
  }
  expect 0 README.md "kageos at /sales/crm/customer.table, postgres://user@127.0.0.1/test"
  expect 0 .env.example "A=b"
  for file in .env web/.env.local a/server.key a/b.pem x.db x.sqlite id_rsa .kageos/dev/env/kageos.env; do
    expect 1 "$file" "x"
  done
  expect 1 a.txt "-----BEGIN RSA PRIVATE ""KEY-----"
  expect 1 a.txt "AKI""A0123456789ABCDEF"
  expect 1 a.txt "gh""p_0123456789abcdefghij"
  expect 1 a.txt "postgres://user:secret""@db/x"
  expect 1 a.txt "see /hom""e/somebody/kageos"
  expect 1 a.txt "see /roo""t/.cargo"
  expect 1 a.txt "$folder""/x"
  expect 1 a.txt "https://registr""y.npmjs.org/vue"
  expect 1 .npmrc "registr""y=https://mirror.example"
  expect 1 a.toml "replac""e-with = \"mirror\""
  [ "$failed" -eq 0 ] && echo "each kind is found"
  return "$failed"
}

if [ "${1:-}" = --self-test ]; then self_test; else check "$here" && echo "nothing sensitive is tracked"; fi
