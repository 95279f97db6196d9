// SPDX-License-Identifier: Apache-2.0
// Shares maps among threads, packs each group of channels, runs an instruction set's loops.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include <ATen/Parallel.h>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_lanes.h"

namespace larkspur::model3d {
namespace {

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};
using Scratch = std::unique_ptr<float[], Free>;

// Zeroed, since what is padding stays zero. On a cache line: loads that straddle two are slower.
Scratch make_scratch(std::int64_t floats) {
  constexpr std::size_t kLine = 64;
  const auto bytes = (static_cast<std::size_t>(floats) * sizeof(float) + kLine - 1) / kLine * kLine;
  Scratch scratch(static_cast<float*>(std::aligned_alloc(kLine, std::max(bytes, kLine))));
  if (!scratch) throw std::bad_alloc();
  std::fill_n(scratch.get(), floats, 0.0F);
  return scratch;
}

std::int64_t positions_of(const DwConv3dShape& s) { return s.d * s.h * s.w; }

/// One call: its shape, instruction set and plan, and where groups of channels lie.
struct Call {
  DwConv3dShape shape;
  const DwConv3dLanes& set;
  DwConv3dPlan plan;
  std::int64_t groups;
  std::vector<std::int64_t> x_at;  // vector of the packed x for each position

  Call(const DwConv3dShape& shape_in, const DwConv3dLanes& set_in, const DwConv3dPlan& plan_in)
      : shape(shape_in),
        set(set_in),
        plan(plan_in),
        groups((shape.c + set.lanes - 1) / set.lanes),
        x_at(static_cast<std::size_t>(positions_of(shape))) {
    for (std::size_t p = 0; p < x_at.size(); ++p) {
      const auto row = static_cast<std::int64_t>(p) / shape.w;
      x_at[p] = row * plan.x_pitch + plan.x_pad + static_cast<std::int64_t>(p) % shape.w;
    }
  }

  std::int64_t x_floats() const { return shape.d * shape.h * plan.x_pitch * set.lanes; }
  std::int64_t y_floats() const { return positions_of(shape) * set.lanes; }
  std::int64_t k_floats() const { return plan.d.taps * plan.h.taps * plan.k_pitch * set.lanes; }
  std::int64_t channels(std::int64_t group) const {
    return std::min(set.lanes, shape.c - group * set.lanes);
  }

  DwConv3dView view(std::int64_t group) const {
    const std::int64_t positions = positions_of(shape);
    if (shape.layout == DwConv3dLayout::kChannelsFirst) {
      return {channels(group), positions, positions, 1};
    }
    return {channels(group), 1, positions, shape.c};
  }

  std::int64_t map_begin(std::int64_t sample, std::int64_t group) const {
    const std::int64_t positions = positions_of(shape);
    const bool first = shape.layout == DwConv3dLayout::kChannelsFirst;
    return sample * shape.c * positions + group * set.lanes * (first ? positions : 1);
  }

  /// visit(tap of the whole kernel, its vector among the packed ones) for all taps that count.
  template <typename Visit>
  void for_taps(const Visit& visit) const {
    for (std::int64_t a = 0; a < plan.d.taps; ++a) {
      for (std::int64_t b = 0; b < plan.h.taps; ++b) {
        const std::int64_t row =
            ((plan.d.first_tap + a) * shape.kh + plan.h.first_tap + b) * shape.kw;
        const std::int64_t packed = (a * plan.h.taps + b) * plan.k_pitch + plan.k_pad;
        for (std::int64_t j = 0; j < plan.w.taps; ++j) {
          visit(row + plan.w.first_tap + j, packed + j);
        }
      }
    }
  }

  std::int64_t taps() const { return shape.kd * shape.kh * shape.kw; }
};

Scratch pack_kernels(const Call& call, const float* k, bool reversed) {
  const std::int64_t taps = call.taps();
  Scratch packed = make_scratch(call.groups * call.k_floats());
  at::parallel_for(0, call.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const float* from = k + group * call.set.lanes * taps;
      float* to = packed.get() + group * call.k_floats();
      const std::int64_t channels = call.channels(group);
      call.for_taps([&](std::int64_t tap, std::int64_t vector) {
        const std::int64_t source = reversed ? taps - 1 - tap : tap;
        float* lanes = to + vector * call.set.lanes;
        for (std::int64_t c = 0; c < channels; ++c) lanes[c] = from[c * taps + source];
      });
    }
  });
  return packed;
}

void correlate(
    float* y, const float* x, const float* k, const DwConv3dShape& shape, const Call& call) {
  const DwConv3dLanes& set = call.set;
  const std::int64_t most = call.plan.samples;
  const std::int64_t batches = (shape.n + most - 1) / most;
  // Groups next to each other share cache lines of x where channels lie last; else a group's
  // kernels are what is worth keeping.
  const bool last = shape.layout == DwConv3dLayout::kChannelsLast;
  at::parallel_for(0, call.groups * batches, 1, [&](std::int64_t begin, std::int64_t end) {
    const Scratch xs = make_scratch(most * call.x_floats());
    const Scratch ys = make_scratch(most * call.y_floats());
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t group = last ? task % call.groups : task / batches;
      const std::int64_t first = (last ? task / call.groups : task % batches) * most;
      const std::int64_t count = std::min(most, shape.n - first);
      const DwConv3dView view = call.view(group);
      for (std::int64_t i = 0; i < count; ++i) {
        const float* from = x + call.map_begin(first + i, group);
        set.pack(xs.get() + i * call.x_floats(), from, call.x_at.data(), view);
      }
      const float* kernels = k + group * call.k_floats();
      const std::int64_t together = count == most ? most : 1;
      for (std::int64_t i = 0; i < count; i += together) {
        set.correlate(ys.get() + i * call.y_floats(),
                      xs.get() + i * call.x_floats(),
                      kernels,
                      call.plan,
                      together);
      }
      for (std::int64_t i = 0; i < count; ++i) {
        set.unpack(y + call.map_begin(first + i, group), ys.get() + i * call.y_floats(), view);
      }
    }
  });
}

const DwConv3dLanes& set_or_fastest(const DwConv3dLanes* lanes) {
  return lanes != nullptr ? *lanes : **dw_conv3d_lanes();
}

void run_correlation(float* y,
                     const float* x,
                     const float* k,
                     const DwConv3dShape& shape,
                     const DwConv3dLanes& set,
                     bool reversed) {
  const Call call(shape, set, plan_correlation(shape, set.registers));
  const Scratch kernels = pack_kernels(call, k, reversed);
  correlate(y, x, kernels.get(), shape, call);
}

// The gradient of one group of channels, from all samples in order.
struct GroupGradient {
  const Call& call;
  std::vector<std::int64_t> dy_at;
  Scratch x, dy, dk;

  explicit GroupGradient(const Call& call_in)
      : call(call_in),
        dy_at(static_cast<std::size_t>(positions_of(call_in.shape))),
        x(make_scratch(call_in.x_floats() + call_in.shape.w * call_in.set.lanes)),
        dy(make_scratch(call_in.y_floats())),
        dk(make_scratch(call_in.k_floats())) {
    for (std::size_t p = 0; p < dy_at.size(); ++p) dy_at[p] = static_cast<std::int64_t>(p);
  }

  void sum_samples(const float* x_maps, const float* dy_maps, std::int64_t group) {
    const DwConv3dView view = call.view(group);
    std::fill_n(dk.get(), call.k_floats(), 0.0F);
    for (std::int64_t n = 0; n < call.shape.n; ++n) {
      const std::int64_t begin = call.map_begin(n, group);
      call.set.pack(x.get(), x_maps + begin, call.x_at.data(), view);
      call.set.pack(dy.get(), dy_maps + begin, dy_at.data(), view);
      call.set.weight_gradient(dk.get(), x.get(), dy.get(), call.plan);
    }
  }

  void write(float* dk_maps, std::int64_t group) const {
    const std::int64_t taps = call.taps();
    for (std::int64_t c = 0; c < call.channels(group); ++c) {
      float* to = dk_maps + (group * call.set.lanes + c) * taps;
      std::fill_n(to, taps, 0.0F);
      call.for_taps([&](std::int64_t tap, std::int64_t vector) {
        to[tap] = dk[static_cast<std::size_t>(vector * call.set.lanes + c)];
      });
    }
  }
};

}  // namespace

void dw_conv3d_forward_cpu(float* y,
                           const float* x,
                           const float* k,
                           const DwConv3dShape& shape,
                           const DwConv3dLanes* lanes) {
  run_correlation(y, x, k, shape, set_or_fastest(lanes), false);
}

void dw_conv3d_input_gradient_cpu(float* dx,
                                  const float* dy,
                                  const float* k,
                                  const DwConv3dShape& shape,
                                  const DwConv3dLanes* lanes) {
  run_correlation(dx, dy, k, shape, set_or_fastest(lanes), true);
}

void dw_conv3d_weight_gradient_cpu(float* dk,
                                   const float* x,
                                   const float* dy,
                                   const DwConv3dShape& shape,
                                   const DwConv3dLanes* lanes) {
  const DwConv3dLanes& set = set_or_fastest(lanes);
  const Call call(shape, set, plan_weight_gradient(shape, set.registers));
  at::parallel_for(0, call.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    GroupGradient gradient(call);
    for (std::int64_t group = begin; group < end; ++group) {
      gradient.sum_samples(x, dy, group);
      gradient.write(dk, group);
    }
  });
}

}  // namespace larkspur::model3d
