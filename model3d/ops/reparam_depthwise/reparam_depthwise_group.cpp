// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/reparam_depthwise/reparam_depthwise_group.h"

namespace larkspur::model3d {
namespace {

DwConv3dShape shape_of(const ReparamShape& s, const ReparamBranchPlain& branch) {
  return {s.n,
          s.c,
          s.d,
          s.h,
          s.w,
          branch.taps[0],
          branch.taps[1],
          branch.taps[2],
          branch.rate[0],
          branch.rate[1],
          branch.rate[2],
          DwConv3dLayout::kChannelsLast};
}

}  // namespace

ReparamPlans::ReparamPlans(const ReparamCall& call, bool gradients, const InstructionSet* set)
    : ReparamPlans(call, gradients, set == nullptr ? fastest_instruction_set() : *set) {}

ReparamPlans::ReparamPlans(const ReparamCall& call, bool gradients, InstructionSet instructions)
    : loops_(reparam_loops(instructions)) {
  const DwConv3dLanes& set = dw_conv3d_lanes(instructions);
  const DwConv3dRegisters& widest = dw_conv3d_lanes(InstructionSet::kAvx512).registers;
  std::vector<DwConv3dPlan> forward;
  std::vector<DwConv3dPlan> gradient;
  std::int64_t pad = 0;
  for (std::int64_t b = 0; b < call.branch_count; ++b) {
    const DwConv3dShape shape = shape_of(call.shape, call.branches[b]);
    forward.push_back(plan_correlation(shape, set.registers));
    gradient.push_back(plan_weight_gradient(shape, set.registers));
    pad = std::max({pad, forward.back().x_pad, gradient.back().x_pad});
    most_together_ = std::max(most_together_, plan_correlation(shape, widest).samples);
  }
  for (std::int64_t b = 0; b < call.branch_count; ++b) {
    const DwConv3dShape shape = shape_of(call.shape, call.branches[b]);
    widen_rows(forward[index(b)], pad);
    widen_rows(gradient[index(b)], pad);
    gradient[index(b)].dy_pad = pad;
    gradient[index(b)].dy_pitch = gradient[index(b)].x_pitch;
    const PackedConv& conv = forward_.emplace_back(shape, set, forward[index(b)]);
    gradient_.emplace_back(shape, set, gradient[index(b)]);
    kernels_.push_back(pack_kernels(conv, call.branches[b].kernel, false));
    if (gradients) reversed_.push_back(pack_kernels(conv, call.branches[b].kernel, true));
  }
}

LaneNorm lane_norm(const ReparamNorm& norm,
                   const ReparamMoments& moments,
                   std::int64_t first,
                   std::int64_t count) {
  LaneNorm result{};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t c = first + i;
    if (norm.weight == nullptr) {
      result.scale[i] = 1.0F;
      continue;
    }
    result.inverse[i] = 1.0 / std::sqrt(double{moments.variance[c]} + norm.eps);
    result.mean[i] = moments.mean[c];
    result.scale[i] = static_cast<float>(norm.weight[c] * result.inverse[i]);
    result.shift[i] =
        static_cast<float>(norm.bias[c] - moments.mean[c] * norm.weight[c] * result.inverse[i]);
  }
  return result;
}

void correlate_samples(float* z,
                       const float* x,
                       const PackedConv& conv,
                       const float* kernel,
                       std::int64_t count,
                       bool adds) {
  const std::int64_t most = conv.plan.samples;
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t together = count - i >= most ? most : 1;
    conv.set.correlate(
        z + i * conv.y_floats(), x + i * conv.x_floats(), kernel, conv.plan, together, adds);
    i += together;
  }
}

}  // namespace larkspur::model3d
