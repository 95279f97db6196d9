// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {
namespace {

std::vector<InstructionSet> find_sets() {
  std::vector<InstructionSet> sets;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    sets.push_back(InstructionSet::kAvx512);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back(InstructionSet::kAvx2);
  }
  sets.push_back(InstructionSet::kPortable);
  return sets;
}

}  // namespace

std::span<const InstructionSet> instruction_sets() {
  static const std::vector<InstructionSet> kSets = find_sets();
  return kSets;
}

bool multiplies_bfloat16() {
  static const bool kMultiplies = instruction_sets().front() == InstructionSet::kAvx512 &&
                                  __builtin_cpu_supports("avx512bf16") != 0;
  return kMultiplies;
}

}  // namespace larkspur::model3d
