// SPDX-License-Identifier: Apache-2.0
// The sizes of UniRepLKNet as a table (Ding et al. 2024, arXiv 2410.08049, table 4), plus two
// of ours.
//
// Stage 1 has small blocks only, stages 2 and 4 large ones only; in stage 3 every `large_every`-th
// block is large, the first included.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace larkspur::model3d {

inline constexpr std::size_t kStages = 4;

/// One row: a value, lives for ever.
struct Variant {
  std::string_view name;                     ///< as configurations say it, lower case
  std::array<std::int64_t, kStages> depths;  ///< blocks in a stage
  std::array<std::int64_t, kStages> dims;    ///< channels in a stage, multiples of 4
  std::int64_t large_every;  ///< in stage 3: 1 all large, 2 every other, 3 one in three

  std::int64_t blocks() const { return depths[0] + depths[1] + depths[2] + depths[3]; }

  /// Whether block `index` of `stage` (both from 0) has the large kernel.
  bool is_large(std::size_t stage, std::int64_t index) const {
    return stage != 0 && (stage != 2 || index % large_every == 0);
  }
};

/// a f p n t s b l xl as published; `micro` for demonstrations on a CPU, `mini` twice as wide.
std::span<const Variant> variants();

/// The row of that name. Throws kInvalidArgument that lists all names.
const Variant& find_variant(std::string_view name);

}  // namespace larkspur::model3d
