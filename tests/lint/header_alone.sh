#!/usr/bin/env bash
# Every public header compiles by itself: it includes what it uses.
#   header_alone.sh COMPILER FLAGS...     flags as the build uses them
cd "$(dirname "$0")/../.." || exit 2
compile() {
  local header=$1
  shift
  printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
    "$@" -fsyntax-only -Wall -Wextra -Werror -I. -x c++ - || { echo "header_alone: $header does not stand alone"; exit 1; }
}
export -f compile
git ls-files 'pipeline/*.h' 'readers/*.h' 'model3d/*.h' 'distributed/*.h' 'launch/*.h' |
  xargs -P "$(nproc)" -I{} bash -c 'compile "$@"' _ {} "$@"
