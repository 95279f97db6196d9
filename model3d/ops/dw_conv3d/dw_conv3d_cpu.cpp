// SPDX-License-Identifier: Apache-2.0
// Shares maps among threads, packs each group of channels, runs an instruction set's loops.
#include <algorithm>
#include <vector>

#include "model3d/kernels/parallel_for.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_packed.h"

namespace larkspur::model3d {
namespace {

void correlate(
    float* y, const float* x, const float* k, const DwConv3dShape& shape, const PackedConv& call) {
  const DwConv3dLanes& set = call.set;
  const std::int64_t most = call.plan.samples;
  const std::int64_t batches = (shape.n + most - 1) / most;
  // Groups next to each other share cache lines of x where channels lie last; else a group's
  // kernels are what is worth keeping.
  const bool last = shape.layout == DwConv3dLayout::kChannelsLast;
  parallel_for(call.groups * batches, [&](std::int64_t begin, std::int64_t end) {
    const Scratch xs = make_zeros(most * call.x_floats());
    const Scratch ys = make_zeros(most * call.y_floats());
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
                      together,
                      false);
      }
      for (std::int64_t i = 0; i < count; ++i) {
        set.unpack(y + call.map_begin(first + i, group), ys.get() + i * call.y_floats(), view);
      }
    }
  });
}

const DwConv3dLanes& set_or_fastest(const DwConv3dLanes* lanes) {
  return lanes != nullptr ? *lanes : dw_conv3d_lanes(fastest_instruction_set());
}

// The taps that count: [c][taps], or where channels lie last [taps][c].
Scratch trim_kernel(const PackedConv& call, const float* k, bool reversed) {
  const std::int64_t all = call.taps();
  const std::int64_t taps = call.plan.d.taps * call.plan.h.taps * call.plan.w.taps;
  const bool last = call.shape.layout == DwConv3dLayout::kChannelsLast;
  Scratch kernel = make_scratch(call.shape.c * taps);
  for (std::int64_t c = 0; c < call.shape.c; ++c) {
    std::int64_t j = 0;
    call.for_taps([&](std::int64_t tap, std::int64_t /*packed*/) {
      const std::int64_t to = last ? j * call.shape.c + c : c * taps + j;
      kernel[to] = k[c * all + (reversed ? all - 1 - tap : tap)];
      ++j;
    });
  }
  return kernel;
}

// A plane of outputs, of one channel or where they lie last of all, is a task.
void correlate_depth(float* y, const float* x, const float* k, const PackedConv& call) {
  const DwConv3dShape& shape = call.shape;
  const DwConv3dAxis& axis = call.plan.d;
  const bool last = shape.layout == DwConv3dLayout::kChannelsLast;
  const auto run = last ? call.set.correlate_depth_last : call.set.correlate_depth_first;
  const std::int64_t map = shape.h * shape.w;
  const std::int64_t plane = last ? map * shape.c : map;
  const std::int64_t maps = last ? 1 : shape.c;
  parallel_for(shape.n * maps * shape.d, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t d = task % shape.d;
      const std::int64_t left = std::min(axis.reach, d / axis.rate);
      const std::int64_t right = std::min(axis.reach, (shape.d - 1 - d) / axis.rate);
      const std::int64_t first = axis.reach - left;
      const DwConv3dDepth depth = {left + right + 1,
                                   axis.rate * plane,
                                   last ? shape.c : 1,
                                   last ? map : 1,
                                   last ? shape.c : map};
      const std::int64_t channel = task / shape.d % maps;
      const float* taps = k + (last ? first * shape.c : channel * axis.taps + first);
      run(y + task * plane, x + (task - left * axis.rate) * plane, taps, depth);
    }
  });
}

// A map of one channel is a task.
void correlate_rows(float* y, const float* x, const float* k, const PackedConv& call) {
  const DwConv3dShape& shape = call.shape;
  const std::int64_t map = positions_of(shape);
  parallel_for(shape.n * shape.c, [&](std::int64_t begin, std::int64_t end) {
    const Scratch room = make_scratch(shape.d * shape.h * (call.set.lanes + 2));
    for (std::int64_t i = begin; i < end; ++i) {
      const float* taps = k + i % shape.c * call.plan.d.taps * 9;
      call.set.correlate_rows(y + i * map, x + i * map, taps, call.plan, room.get());
    }
  });
}

void run_correlation(float* y,
                     const float* x,
                     const float* k,
                     const DwConv3dShape& shape,
                     const DwConv3dLanes& set,
                     bool reversed) {
  const PackedConv call(shape, set, plan_correlation(shape, set.registers));
  if (call.plan.way != DwConv3dWay::kPacked) {
    const Scratch kernel = trim_kernel(call, k, reversed);
    const bool depth = call.plan.way == DwConv3dWay::kDepth;
    (depth ? correlate_depth : correlate_rows)(y, x, kernel.get(), call);
    return;
  }
  const Scratch kernels = pack_kernels(call, k, reversed);
  correlate(y, x, kernels.get(), shape, call);
}

// The gradient of one group of channels, from all samples in order.
struct GroupGradient {
  const PackedConv& call;
  std::vector<std::int64_t> dy_at;
  Scratch x, dy, dk;

  explicit GroupGradient(const PackedConv& call_in)
      : call(call_in),
        dy_at(static_cast<std::size_t>(positions_of(call_in.shape))),
        x(make_zeros(call_in.x_floats())),
        dy(make_zeros(call_in.y_floats())),
        dk(make_zeros(call_in.k_floats())) {
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
  const PackedConv call(shape, set, plan_weight_gradient(shape, set.registers));
  parallel_for(call.groups, [&](std::int64_t begin, std::int64_t end) {
    GroupGradient gradient(call);
    for (std::int64_t group = begin; group < end; ++group) {
      gradient.sum_samples(x, dy, group);
      call.unpack_kernel(dk, gradient.dk.get(), group);
    }
  });
}

}  // namespace larkspur::model3d
