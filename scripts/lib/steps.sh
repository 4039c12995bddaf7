# Steps of scripts/test.sh: run, time and count them. Sourced.

LOGS=$(mktemp -d)
trap 'rm -rf "$LOGS"' EXIT
PASSED=0
FAILED=0
FAILURES=()
FAILED_TESTS=()
SKIPPED=()
TIMES=()

has() { command -v "$1" >/dev/null 2>&1; }

minutes() { awk -v seconds="$1" 'BEGIN { printf "%.1f min", seconds / 60 }'; }

skip() {
  local known
  for known in "${SKIPPED[@]}"; do [ "$known" != "$1" ] || return 0; done
  SKIPPED+=("$1")
}

# step NAME COMMAND…: runs it without standard input; a failure is kept and the next step runs.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  printf '\n== %s: %s\n' "$STAGE" "$name"
  "$@" </dev/null 2>&1 | tee "$LOGS/step"
  status=${PIPESTATUS[0]}
  printf -- '-- %s: %s, %s\n' "$STAGE" "$name" "$(minutes $((SECONDS - start)))"
  [ "$status" -eq 0 ] || fail "$STAGE: $name"
  return "$status"
}

fail() {
  FAILED=$((FAILED + 1))
  FAILURES+=("$1")
}

# tests KIND NAME COMMAND…: a step whose tests are counted; KIND is cargo, vitest or playwright.
tests() {
  local kind=$1 name=$2 status=0 passed failed left_out before=$FAILED
  shift
  step "$@" || status=$?
  read -r passed failed left_out < <(count "$kind" <"$LOGS/step")
  mapfile -t -O ${#FAILED_TESTS[@]} FAILED_TESTS < <(failed_tests "$kind" <"$LOGS/step")
  PASSED=$((PASSED + passed))
  # A failed step stands for its tests.
  [ "$failed" -eq 0 ] || FAILED=$((before + failed))
  [ "$left_out" -eq 0 ] || skip "$STAGE: $name left $left_out tests out"
  [ $((passed + failed)) -gt 0 ] || { [ "$status" -ne 0 ] || fail "$STAGE: $name ran no test"; }
}

# Reads the output of a test runner; prints how many tests passed, failed and were left out.
count() {
  perl -e '
    my ($kind, %n) = (shift, map { $_ => 0 } qw(passed failed left));
    my %as = (passed => "passed", flaky => "failed", failed => "failed", interrupted => "failed");
    while (<STDIN>) {
      s/\e\[[0-9;]*m//g;
      if ($kind eq "cargo") {
        next unless /^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored/;
        $n{passed} += $1; $n{failed} += $2; $n{left} += $3;
      } elsif ($kind eq "vitest") {
        next unless s/^\s+Tests\s+//;
        $n{$as{$2} // "left"} += $1 while /(\d+) (passed|failed|skipped|todo)/g;
      } else {
        next unless /^\s+(\d+) (passed|failed|flaky|interrupted|skipped|did not run)(?:\s|$)/;
        $n{$as{$2} // "left"} += $1;
      }
    }
    print "$n{passed} $n{failed} $n{left}\n";
  ' "$1"
}

# Reads the output of a test runner; prints a line for each test that failed: its name and the first line of its error.
failed_tests() {
  perl -e '
    my ($kind, $name, %seen) = (shift);
    my $tell = sub { print "$_[0]\n" unless $seen{$_[0]}++ };
    while (<STDIN>) {
      s/\e\[[0-9;]*m//g;
      if ($kind eq "cargo") {
        $tell->($1) if /^test (\S+) .*\bFAILED$/;
      } elsif ($kind eq "vitest") {
        $name = $1 if /^\s*FAIL\s+(.+?)\s*$/;
      } elsif (/^\s+\d+\) (.+?)[\s─]*$/) {
        $name = $1;
      }
      if ($name && /^\s*((?:\w*Error|Test timeout)\b.*)/) { $tell->("$name: $1"); $name = undef }
    }
  ' "$1"
}

run_stage() {
  local start=$SECONDS
  STAGE=$1
  "stage_$1"
  TIMES+=("$1 $(minutes $((SECONDS - start)))")
}

finish() {
  local line
  if [ "${CI:-}" = true ]; then
    for line in "${SKIPPED[@]}"; do fail "skipped, which CI does not allow: $line"; done
  fi
  echo
  for line in "${TIMES[@]}"; do echo "time    $line"; done
  for line in "${SKIPPED[@]}"; do echo "skipped $line"; done
  for line in "${FAILURES[@]}" "${FAILED_TESTS[@]}"; do echo "FAILED  $line"; done
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" -eq 0 ] && [ ${#FAILURES[@]} -eq 0 ]
}
