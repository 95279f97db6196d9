#!/usr/bin/env bash
# clang-format 14 finds nothing to change. Another version would find something: then this is skipped (77).
cd "$(dirname "$0")/../.." || exit 2
version=$(clang-format --version 2>/dev/null) || { echo "check_format: skipped, clang-format is not installed"; exit 77; }
[[ $version == *"version 14."* ]] || { echo "check_format: skipped, needs clang-format 14, found $version"; exit 77; }
git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format --dry-run --Werror
