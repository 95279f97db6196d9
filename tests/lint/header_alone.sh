#!/usr/bin/env bash
# A public header compiles by itself: it includes what it uses. Those changed by the last 20 commits or not committed
# yet; with LARKSPUR_HEADERS=all every one, which takes minutes.
#   header_alone.sh COMPILER FLAGS...     flags as the build uses them
cd "$(dirname "$0")/../.." || exit 2
compile() {
  local header=$1
  shift
  printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
    "$@" -fsyntax-only -Wall -Wextra -Werror -I. -x c++ - || { echo "header_alone: $header does not stand alone"; exit 1; }
}
export -f compile
changed() {
  git log -20 --name-only --format= && git diff --name-only HEAD && git ls-files --others --exclude-standard
}
git ls-files --cached --others --exclude-standard 'pipeline/*.h' 'readers/*.h' 'model3d/*.h' 'distributed/*.h' 'launch/*.h' |
  if [ "${LARKSPUR_HEADERS:-changed}" = all ]; then cat; else grep -Fxf <(changed | sort -u); fi |
  while IFS= read -r header; do [ ! -f "$header" ] || echo "$header"; done |
  xargs -r -P "$(nproc)" -I{} bash -c 'compile "$@"' _ {} "$@"
