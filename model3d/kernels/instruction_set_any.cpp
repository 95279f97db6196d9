// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {

std::span<const InstructionSet> instruction_sets() {
  static constexpr InstructionSet kSets[] = {InstructionSet::kPortable};
  return kSets;
}

bool multiplies_bfloat16() { return false; }

}  // namespace larkspur::model3d
