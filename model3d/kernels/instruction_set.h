// SPDX-License-Identifier: Apache-2.0
// Which vectors this processor has: asked once, by every op with loops for several.
#pragma once

#include <cstdint>
#include <span>

namespace larkspur::model3d {

enum class InstructionSet : std::uint8_t {
  kPortable,  ///< vectors of 4 floats, any processor
  kAvx2,      ///< 8 floats, products and sums fused
  kAvx512,    ///< 16 floats, the same bits as kAvx2: no order of a sum may follow a set's registers
};

/// Those this processor runs, fastest first; never empty. Thread-safe.
std::span<const InstructionSet> instruction_sets();

/// The first of them.
inline InstructionSet fastest_instruction_set() { return instruction_sets().front(); }

/// Whether this processor multiplies pairs of bfloat16 (AVX-512 BF16). Thread-safe.
bool multiplies_bfloat16();

/// That of an op's tables of loops which was compiled for the set.
template <typename Loops>
const Loops& loops_for(InstructionSet set,
                       const Loops& portable,
                       const Loops& avx2,
                       const Loops& avx512) {
  switch (set) {
    case InstructionSet::kAvx512:
      return avx512;
    case InstructionSet::kAvx2:
      return avx2;
    case InstructionSet::kPortable:
      break;
  }
  return portable;
}

}  // namespace larkspur::model3d
