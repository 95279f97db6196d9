// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_block.h"

#include <cmath>

#include <ATen/TensorOperators.h>

#include "model3d/points/neighbourhood.h"

namespace larkspur::model3d {
namespace {

/// So much smaller are the first weights at a residual's end: it begins as a small step.
constexpr double kFirstStep = 0.5;

double even_size(const Linear& linear) {
  return 1.0 / std::sqrt(static_cast<double>(linear.weight().size(1)));
}

}  // namespace

void add_drawn(const StateDict& state, const Linear& linear) {
  state.drawn("weight", linear.weight(), even_size(linear));
  if (linear.bias().defined()) state.constant("bias", linear.bias());
}

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
  add_drawn(state.under("around"), around_);
  around_norm_.add_to(state.under("around_norm"));
  add_drawn(state.under("wide"), wide_);
  wide_norm_.add_to(state.under("wide_norm"));
  state.under("narrow").drawn("weight", narrow_.weight(), kFirstStep * even_size(narrow_));
}

}  // namespace larkspur::model3d
