#!/usr/bin/env bash
# No file over its bound, no function over 60 lines (universal-ctags, where installed).
# Exceptions stand in size_exceptions.txt as "path[:function]  reason".
cd "$(dirname "$0")/../.." || exit 2
failures=0
complain() { grep -q "^$1 " tests/lint/size_exceptions.txt || { echo "check_sizes: $1 $2"; failures=$((failures + 1)); }; }

bound_of() {
  case $1 in
    launch/main.cpp) echo 60 ;;
    pipeline/train_step.cpp) echo 80 ;;
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
done < <(git ls-files '*.h' '*.cpp' '*.cu' '*.sh' '*.py')
[ "$(wc -l <CMakeLists.txt)" -le 120 ] || complain CMakeLists.txt "is over 120 lines"
[ "$(wc -l <README.md)" -le 150 ] || complain README.md "is over 150 lines"

if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
  while read -r name line end file; do
    length=$((end - line + 1))
    [ "$length" -le 60 ] || complain "$file:$name" "has $length lines, over 60"
  done < <(git ls-files '*.h' '*.cpp' '*.cu' | ctags -L - --fields=+ne --kinds-c++=f --output-format=json -o - |
    grep '"end"' | sed -E 's/.*"name": "([^"]*)", "path": "([^"]*)".*"line": ([0-9]+).*"end": ([0-9]+).*/\1 \3 \4 \2/')
else
  echo "check_sizes: universal-ctags is not installed, functions not measured"
fi
exit $((failures > 0))
