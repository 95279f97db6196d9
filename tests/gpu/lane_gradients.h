// SPDX-License-Identifier: Apache-2.0
// One exchange of made-up lane gradients, on whatever device and group.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "distributed/tree_exchange.h"
#include "tests/support/golden_formula.h"

namespace larkspur::testing {

inline constexpr int kLanes = 8;

/// What a lane contributes; cubes of noise, so that the order of additions shows in the bits.
inline at::Tensor lane_gradient(int lane, std::int64_t elements) {
  const at::Tensor noise = golden_noise("lane" + std::to_string(lane), {elements});
  return noise.mul(noise).mul(noise).mul(1000.0);
}

/// What a step leaves on one rank: sums of the chunks it owns, and everybody's values.
struct Exchanged {
  at::Tensor owned;
  at::Tensor values;
  pipeline::FlatLayout layout;
};

/// How a device is given its work. By itself an op on it queues, and a read of it waits.
struct Stream {
  std::function<void(std::function<void()>)> queue = [](const std::function<void()>& work) {
    work();
  };
  std::function<void()> drain = [] {};
};

/// Plays this rank's lanes twice over three buckets; the values become the sums. On the CPU again.
inline Exchanged exchange_lanes(distributed::ProcessGroup& group,
                                at::Device device,
                                const Stream& stream = {}) {
  std::vector<pipeline::Parameter> parameters;
  for (const std::int64_t elements : {100, 8000, 16385, 3, 70000}) {
    parameters.push_back(
        {"p" + std::to_string(elements), at::zeros({elements}, device).set_requires_grad(true)});
  }
  pipeline::FlatParameters flat(parameters, 16384);
  const auto lanes = pipeline::lanes_of_rank(group.rank(), group.size(), kLanes);
  distributed::TreeExchange exchange(group, flat, lanes);
  const at::NoGradGuard no_grad;
  at::Tensor owned;
  for (int step = 0; step < 2; ++step) {
    for (int lane = lanes.first; lane < lanes.first + lanes.count; ++lane) {
      stream.queue(
          [to = flat.gradients(), from = lane_gradient(lane + step, flat.layout().elements())] {
            to.copy_(from);
          });
      for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) {
        exchange.lane_done(lane, bucket);
      }
    }
    owned = exchange.reduce();
    std::int64_t packed = 0;
    for (const auto& range : flat.layout().owned(group.rank(), group.size())) {
      stream.queue([to = flat.values().narrow(0, range.begin, range.size()),
                    from = owned.narrow(0, packed, range.size())] { to.copy_(from); });
      packed += range.size();
    }
    exchange.gather();
    for (int bucket = 0; bucket < flat.layout().bucket_count(); ++bucket) exchange.wait(bucket);
  }
  stream.drain();
  return {owned.cpu(), flat.values().cpu(), flat.layout()};
}

}  // namespace larkspur::testing
