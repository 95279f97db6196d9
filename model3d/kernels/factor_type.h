// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace larkspur::model3d {

/// In which type a product reads its factors; sums are float32. kBfloat16 rounds them to the
/// nearest and adds two terms at a time where the processor has an instruction for that, and is
/// kFloat32 where not.
enum class FactorType : std::uint8_t { kFloat32, kBfloat16 };

}  // namespace larkspur::model3d
