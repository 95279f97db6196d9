#!/usr/bin/env bash
# No file over its bound, no function over 60 lines.
# Exceptions stand in size_exceptions.txt as "path[:function]  reason".
cd "$(dirname "$0")/../.." || exit 2
failures=0
complain() { grep -q "^$1 " tests/lint/size_exceptions.txt || { echo "check_sizes: $1 $2"; failures=$((failures + 1)); }; }

bound_of() {
  case $1 in
    launch/main.cpp) echo 60 ;;
    pipeline/train/train_step.cpp) echo 80 ;;
    tests/*) echo 500 ;;
    *.h) echo 200 ;;
    */ops/*) echo 500 ;;
    *) echo 400 ;;
  esac
}
while IFS= read -r file; do
  lines=$(wc -l <"$file")
  bound=$(bound_of "$file")
  [ "$lines" -le "$bound" ] || complain "$file" "has $lines lines, over $bound"
done < <(git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' '*.sh' '*.py')
[ "$(wc -l <CMakeLists.txt)" -le 120 ] || complain CMakeLists.txt "is over 120 lines"
[ "$(wc -l <README.md)" -le 150 ] || complain README.md "is over 150 lines"

while IFS='|' read -r name file line end; do
  [ -n "$end" ] || continue
  length=$((end - line + 1))
  [ "$length" -le 60 ] || complain "$file:$name" "has $length lines, over 60"
done < <(git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' |
  ctags -L - -x --fields=+ne --kinds-c++=f --_xformat='%{name}|%{input}|%{line}|%{end}')
exit $((failures > 0))
