#!/usr/bin/env bash
# Each folder includes only itself and what layers.txt allows; foreign libraries stay in their folder.
cd "$(dirname "$0")/../.." || exit 2
failures=0
complain() { echo "check_layers: $*"; failures=$((failures + 1)); }

while IFS=: read -r folder allowed; do
  while IFS= read -r hit; do
    target=$(sed -E 's/.*#include "([a-z0-9_]+)\/.*/\1/' <<<"$hit")
    [[ " $folder $allowed " == *" $target "* ]] || complain "$folder must not include $target: $hit"
  done < <(grep -rnE '#include "[a-z0-9_]+/' "$folder" --include='*.h' --include='*.cpp' --include='*.cu')
done < tests/lint/layers.txt

# Foreign headers: pattern, then where they may appear.
while read -r pattern places; do
  while IFS= read -r hit; do
    ok=
    for place in $places; do [[ $hit == "$place"* ]] && ok=1; done
    [ -n "$ok" ] || complain "only $places may include $pattern: $hit"
  done < <(grep -rnE "#include <$pattern" pipeline readers model3d distributed launch)
done <<'LIST'
spdlog pipeline/log.cpp
mpi.h distributed/
nccl.h distributed/
libav readers/
pcl/ readers/
yaml-cpp launch/
CLI/ launch/
torch/torch.h none
LIST
exit $((failures > 0))
