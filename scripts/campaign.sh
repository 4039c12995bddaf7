#!/usr/bin/env bash
# Long campaigns: many faults against the real server, in chunks that each have a state folder and a seed of their own,
# and many tamperings with the operation log. A chunk that fails is named with the seed that repeats it.
#
#   scripts/campaign.sh            10,000 faults
#   scripts/campaign.sh 500 7      500 faults, the first chunk with seed 7
#
# KAGEOS_FAULT_ROUNDS       faults of one chunk [100]
# KAGEOS_TAMPER_ROUNDS      tamperings [100,000]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CARGO=${CARGO:-cargo}
faults=${1:-10000}
first=${2:-$(date +%s)}
export KAGEOS_FAULT_ROUNDS=${KAGEOS_FAULT_ROUNDS:-100}
export KAGEOS_TAMPER_ROUNDS=${KAGEOS_TAMPER_ROUNDS:-100000}
chunks=$(((faults + KAGEOS_FAULT_ROUNDS - 1) / KAGEOS_FAULT_ROUNDS))
failed=0

for ((chunk = 0; chunk < chunks; chunk++)); do
  export KAGEOS_FAULT_SEED=$((first + chunk))
  echo "faults: chunk $((chunk + 1)) of $chunks, KAGEOS_FAULT_ROUNDS=$KAGEOS_FAULT_ROUNDS KAGEOS_FAULT_SEED=$KAGEOS_FAULT_SEED"
  if ! "$CARGO" test --quiet --locked -p kageos-server --test it -- faults::killed --nocapture; then
    echo "failed: KAGEOS_FAULT_ROUNDS=$KAGEOS_FAULT_ROUNDS KAGEOS_FAULT_SEED=$KAGEOS_FAULT_SEED"
    failed=$((failed + 1))
  fi
done

export KAGEOS_TAMPER_SEED=$first
echo "tampering: KAGEOS_TAMPER_ROUNDS=$KAGEOS_TAMPER_ROUNDS KAGEOS_TAMPER_SEED=$KAGEOS_TAMPER_SEED"
"$CARGO" test --quiet --locked -p kageos-core --all-features --test it -- oplog::tampering --nocapture || failed=$((failed + 1))

echo "$chunks chunks, $failed failed"
[ "$failed" -eq 0 ]
