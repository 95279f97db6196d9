// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_block.h"

#include <ATen/TensorOperators.h>

#include "model3d/points/neighbourhood.h"

namespace larkspur::model3d {
namespace {

/// So much smaller are the first weights at a residual's end: it begins as a small step.
constexpr double kFirstStep = 0.5;

}  // namespace

PointBlock::PointBlock(std::int64_t channels)
    : around_(channels, channels, Bias::kNone),
      around_norm_(channels),
      wide_(channels, kPointWiden * channels),
      wide_norm_(kPointWiden * channels),
      narrow_(kPointWiden * channels, channels, Bias::kNone) {}

at::Tensor PointBlock::forward(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk) const {
  // Norms take rows: [N*P,C].
  const auto rows = [](const at::Tensor& map) { return map.flatten(0, 1); };
  const at::Tensor own = around_.forward(x_NPC);
  const at::Tensor around = rows(largest_nearby(own, nearest_NPk) - own);
  const at::Tensor x = rows(x_NPC) + around_norm_.forward(around);
  const at::Tensor step = narrow_.forward(wide_norm_.forward_gelu(wide_.forward(x)));
  return (x + step).view(x_NPC.sizes());
}

void PointBlock::add_to(const StateDict& state) const {
  around_.add_evenly_to(state.under("around"));
  around_norm_.add_to(state.under("around_norm"));
  wide_.add_evenly_to(state.under("wide"));
  wide_norm_.add_to(state.under("wide_norm"));
  narrow_.add_evenly_to(state.under("narrow"), kFirstStep);
}

}  // namespace larkspur::model3d
