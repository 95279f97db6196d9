// SPDX-License-Identifier: Apache-2.0
// Which vectors this processor has: asked once, by every op with loops for several.
#pragma once

#include <cstdint>
#include <span>

namespace larkspur::model3d {

enum class InstructionSet : std::uint8_t {
  kPortable,  ///< vectors of 4 floats, any processor
  kAvx2,      ///< 8 floats, products and sums fused
  kAvx512,    ///< 16 floats, the same bits as kAvx2
};

/// Those this processor runs, fastest first; never empty. Thread-safe.
std::span<const InstructionSet> instruction_sets();

/// The first of them.
inline InstructionSet fastest_instruction_set() { return instruction_sets().front(); }

}  // namespace larkspur::model3d
