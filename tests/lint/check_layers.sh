#!/usr/bin/env bash
# Each room includes only itself and what layers.txt allows; foreign libraries stay in their place.
#   check_layers.sh [CHECKOUT]
cd "${1:-$(dirname "$0")/../..}" || exit 2
folders='pipeline readers model3d distributed launch'

# shellcheck disable=SC2086
grep -rnE '#include "[a-z0-9_]+/' $folders --include='*.h' --include='*.cpp' --include='*.cu' --include='*.cuh' --include='*.inc' |
  awk '
    function room(path) { sub(/\/[^\/]*$/, "", path); return path }
    function folder(path) { sub(/\/.*/, "/", path); return path ~ /\/$/ ? path : path "/" }
    function is_allowed(from, to,    name) {
      for (name in allowed) if (split(name, pair, SUBSEP) && matches(from, pair[1]) && matches(to, pair[2])) return 1
      return 0
    }
    function matches(path, pattern) { gsub(/\*/, "[a-z0-9_]+", pattern); return path ~ ("^" pattern "$") }
    function is_room(path,    name) { for (name in rooms) if (matches(path, name)) return 1; return 0 }
    function complain(text) { print "check_layers: " text; failures++ }
    NR == FNR {
      if ($0 ~ /^#/ || !NF) next
      from = $1; sub(/:$/, "", from); rooms[from]
      for (i = 2; i <= NF; ++i) allowed[from, $i]
      next
    }
    {
      from = room(substr($0, 1, index($0, ":") - 1)); split($0, quoted, "\""); to = room(quoted[2])
      if (!is_room(from)) complain(from " is no room of tests/lint/layers.txt: " $0)
      else if (folder(from) != folder(to)) { if (!is_allowed(folder(from), folder(to))) complain(folder(from) " must not include " folder(to) ": " $0) }
      else if (from != to && !is_allowed(from, to)) complain(from " must not include " to ": " $0)
    }
    END { exit failures > 0 }' tests/lint/layers.txt - || failures=1

# Foreign headers: pattern, then where they may appear.
while read -r pattern places; do
  while IFS= read -r hit; do
    ok=
    for place in $places; do [[ $hit == "$place"* ]] && ok=1; done
    [ -n "$ok" ] || { echo "check_layers: only $places may include $pattern: $hit"; failures=1; }
  done < <(grep -rnE "#include <$pattern" $folders)
done <<'LIST'
spdlog pipeline/log.cpp
mpi.h distributed/transport/
nccl.h distributed/transport/
libav readers/video/
libsw readers/video/
pcl/ readers/format/
yaml-cpp launch/config/
CLI/ launch/verbs/
torch/torch.h none
LIST
exit $((failures > 0))
