#!/usr/bin/env bash
# Every patch of tests/mutants applies to the tree and says what it breaks, who sees it and what to build.
cd "$(dirname "$0")/../.." || exit 2
failures=0
complain() { echo "check_mutants: $1"; failures=$((failures + 1)); }

for patch in tests/mutants/*.patch; do
  git apply --check --recount "$patch" || complain "$patch does not apply: make the same change to what stands there now"
  for field in breaks tests targets; do
    sed '/^$/q' "$patch" | grep -q "^$field: ." || complain "$patch has no line \"$field: ...\" on top"
  done
done
exit $((failures > 0))
