#!/usr/bin/env bash
# Rules that let kernels run on the CPU too (tests/cuda_on_cpu) and give the same bits on every GPU of a model.
#   check_kernels.sh [CHECKOUT]
cd "${1:-$(dirname "$0")/../..}" || exit 2
failures=0
mapfile -t kernels < <(git ls-files '*.cu' '*.cuh')
[ ${#kernels[@]} -gt 0 ] || { echo "check_kernels: no kernels found"; exit 2; }

# forbid WHY PATTERN [FILE THAT MAY]
forbid() {
  local hit
  while IFS= read -r hit; do
    [ -n "${3:-}" ] && [[ $hit == "$3":* ]] && continue
    echo "check_kernels: $1: $hit"
    failures=$((failures + 1))
  done < <(grep -HnE "$2" "${kernels[@]}" | grep -vE '^[^:]*:[0-9]+: *//')
}
forbid "torch's headers take nvcc 19 s a file" '#include <(ATen|c10|torch)/'
forbid "shared memory is static and a SharedArray" '__shared__ +([^pS]|p[^i]|S[^h])|extern +__shared__'
forbid "start it with launch_kernel" '<<<'
forbid "atomics add in any order" '\batomic[A-Z]|\bred\.|\batom\.'
forbid "lanes meet in the _sync functions only" '__(shfl|ballot|any|all|match)(_up|_down|_xor)?\('
forbid "volatile is no synchronisation" '\bvolatile +[^(]'
forbid "a fast function differs between GPUs" '__(exp|log|pow|sin|cos|fdivide|frcp|rsqrt)f?\('

# PTX only beside its twin on the CPU, and a bound of threads on every kernel, for the registers.
for file in "${kernels[@]}"; do
  if grep -qE '\basm\b' "$file" && ! { grep -q 'ifdef LARKSPUR_CUDA_ON_CPU' "$file" && [[ $file == *.cuh ]]; }; then
    echo "check_kernels: PTX without a twin on the CPU: $file"
    failures=$((failures + 1))
  fi
done
forbid "a kernel without __launch_bounds__" '__global__ (void|auto) [a-z][a-z_0-9]*\('
# Every kernel is run by tests/cuda_on_cpu.
for file in "${kernels[@]}"; do
  [[ $file != *.cu ]] || grep -qF "$file" tests/cuda_on_cpu/CMakeLists.txt ||
    { echo "check_kernels: $file is not in tests/cuda_on_cpu/CMakeLists.txt"; failures=$((failures + 1)); }
done
exit $((failures > 0))
