#!/usr/bin/env bash
# Every source names its licence, no stray prints, no open ends, no large files.
cd "$(dirname "$0")/../.." || exit 2
failures=0
complain() { echo "check_style: $*"; failures=$((failures + 1)); }

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.cu' '*.cuh')
for file in "${sources[@]}"; do
  head -1 "$file" | grep -q '^// SPDX-License-Identifier: Apache-2.0$' || complain "$file: no SPDX line"
  case $file in *.h | *.cuh) grep -q '^#pragma once$' "$file" || complain "$file: no #pragma once" ;; esac
done
while IFS= read -r hit; do complain "prints outside launch: $hit"; done < <(
  grep -nE 'std::(cout|cerr)|[^n]printf\(' $(git ls-files 'pipeline/*' 'readers/*' 'model3d/*' 'distributed/*' |
    grep -E '\.(h|cpp)$') | grep -v snprintf)
while IFS= read -r hit; do complain "open end: $hit"; done < <(grep -nE '\b(TODO|FIXME|XXX)\b' "${sources[@]}")
while IFS= read -r hit; do complain "blanks at line end: $hit"; done < <(
  grep -nE '[[:blank:]]+$' $(git ls-files '*.md' '*.yaml' '*.sh' '*.txt' '*.cmake' '*CMakeLists.txt') | head)
while IFS= read -r file; do complain "$file is over 500 kB"; done < <(
  git ls-files | while IFS= read -r f; do [ "$(stat -c %s "$f")" -gt 500000 ] && echo "$f"; done)

exit $((failures > 0))
