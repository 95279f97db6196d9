// SPDX-License-Identifier: Apache-2.0
// What a call that reaches a backend costs a GPU in kernels: a table for our own ops, at least one
// for each of the library's.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace larkspur::testing {

/// One call of an op of ours in the CUDA library.
struct LaunchesOfAnOp {
  std::string_view name;
  std::int64_t kernels;   ///< of ours; tests/cuda_on_cpu holds them to what the CUDA twins do
  std::int64_t products;  ///< of the library, called inside
  /// With maps in 16 bits, at most so many more: branches on tensor cores are a launch of their
  /// own.
  std::int64_t more_kernels = 0;
};

inline constexpr std::array<LaunchesOfAnOp, 14> kLaunchesOfOurs{{
    {"larkspur::adamw_", 1, 0},
    {"larkspur::channel_mixer", 6, 2},
    {"larkspur::channel_mixer_backward", 7, 4},
    {"larkspur::chunk_square_sums_", 1, 0},
    {"larkspur::dw_conv3d", 1, 0},
    {"larkspur::dw_conv3d_input_gradient", 1, 0},
    {"larkspur::dw_conv3d_weight_gradient", 2, 0},
    {"larkspur::excite_gate", 1, 0},
    {"larkspur::excite_gate_backward", 2, 0},
    {"larkspur::layer_norm", 1, 0},
    {"larkspur::layer_norm_backward", 2, 0},
    {"larkspur::reparam_depthwise", 4, 0, 1},
    {"larkspur::reparam_depthwise_backward", 8, 0, 3},
    {"larkspur::step_running_moments_", 1, 0},
}};

inline bool is_ours(std::string_view name) { return name.starts_with("larkspur::"); }

/// Throws std::out_of_range for an op that the table has not.
inline LaunchesOfAnOp launches_of(std::string_view name) {
  const auto* row = std::find_if(kLaunchesOfOurs.begin(),
                                 kLaunchesOfOurs.end(),
                                 [&](const LaunchesOfAnOp& op) { return op.name == name; });
  if (row == kLaunchesOfOurs.end()) throw std::out_of_range(std::string(name));
  return *row;
}

/// Of calls by name, the library's products in ours included.
inline std::int64_t launches(const std::map<std::string, std::int64_t>& calls) {
  std::int64_t sum = 0;
  for (const auto& [name, count] : calls) {
    if (name == "aten::_local_scalar_dense") continue;  // a read
    sum += count * (is_ours(name) ? launches_of(name).kernels + launches_of(name).products : 1);
  }
  return sum;
}

}  // namespace larkspur::testing
