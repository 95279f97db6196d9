// SPDX-License-Identifier: Apache-2.0
// A group of channels at a time, from packing x to unpacking u:
//
//   x -- pack -- z of every branch, moments -- y, moments -- u, means -- unpack

#include "model3d/kernels/parallel_for.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_group.h"

namespace larkspur::model3d {
namespace {

/// A thread's buffers and the group it is at.
class ForwardGroup {
 public:
  ForwardGroup(const ReparamCall& call, const ReparamPlans& plans)
      : call_(call),
        plans_(plans),
        map_(plans.forward(0).y_floats()),
        x_(make_zeros(plans.most_together() * plans.forward(0).x_floats())),
        y_(make_scratch(call.shape.n * map_)) {
    for (std::int64_t b = 0; b < call.branch_count; ++b) {
      z_.push_back(make_scratch(call.shape.n * map_));
    }
  }

  void run(float* u, float* means, std::int64_t group) {
    convolve(group);
    normalise_branches(group);
    normalise(u, means, group);
  }

 private:
  const PackedConv& conv() const { return plans_.forward(0); }

  void convolve(std::int64_t group) {
    moments_.assign(static_cast<std::size_t>(call_.branch_count), LaneMoments{});
    const std::int64_t most = plans_.most_together();
    for (std::int64_t first = 0; first < call_.shape.n; first += most) {
      const std::int64_t count = std::min(most, call_.shape.n - first);
      for (std::int64_t i = 0; i < count; ++i) {
        conv().set.pack(x_.get() + i * conv().x_floats(),
                        call_.x + conv().map_begin(first + i, group),
                        conv().x_at.data(),
                        conv().view(group));
      }
      for (std::int64_t b = 0; b < call_.branch_count; ++b) {
        float* z = z_[static_cast<std::size_t>(b)].get() + first * map_;
        correlate_samples(
            z, x_.get(), plans_.forward(b), plans_.kernel(b, group), count, /*adds=*/false);
        if (call_.has_moments || call_.branches[b].norm.weight == nullptr) continue;
        loops_.add_moments(&moments_[static_cast<std::size_t>(b)], z, count * plans_.positions());
      }
    }
  }

  void write(const ReparamMoments& to, const LaneMoments& from, std::int64_t group) const {
    const std::int64_t first = group * conv().set.lanes;
    for (std::int64_t i = 0; i < conv().channels(group); ++i) {
      to.mean[first + i] = static_cast<float>(from.mean[i]);
      to.variance[first + i] = static_cast<float>(from.squares[i] / from.count);
    }
  }

  void normalise_branches(std::int64_t group) {
    const std::int64_t lanes = conv().set.lanes;
    float scale[kMostBranches * kMostLanes];
    Lanes shift{};
    const float* z[kMostBranches];
    for (std::int64_t b = 0; b < call_.branch_count; ++b) {
      const ReparamNorm& norm = call_.branches[b].norm;
      if (norm.weight != nullptr && !call_.has_moments) {
        write(call_.moments[b], moments_[static_cast<std::size_t>(b)], group);
      }
      const LaneNorm own = lane_norm(norm, call_.moments[b], group * lanes, conv().channels(group));
      std::copy_n(own.scale, lanes, scale + b * lanes);
      for (std::int64_t i = 0; i < lanes; ++i) shift[i] += own.shift[i];
      z[b] = z_[static_cast<std::size_t>(b)].get();
    }
    loops_.combine(
        y_.get(), z, scale, shift, call_.branch_count, call_.shape.n * plans_.positions());
  }

  void normalise(float* u, float* means, std::int64_t group) {
    const ReparamMoments& own = call_.moments[call_.branch_count];
    if (!call_.has_moments) {
      LaneMoments moments{};
      loops_.add_moments(&moments, y_.get(), call_.shape.n * plans_.positions());
      write(own, moments, group);
    }
    const std::int64_t first = group * conv().set.lanes;
    const std::int64_t channels = conv().channels(group);
    const LaneNorm norm = lane_norm(call_.norm, own, first, channels);
    for (std::int64_t n = 0; n < call_.shape.n; ++n) {
      double sums[kMostLanes] = {};
      float* y = y_.get() + n * map_;
      loops_.affine(y, sums, norm.scale, norm.shift, plans_.positions());
      conv().set.unpack(u + conv().map_begin(n, group), y, conv().view(group));
      for (std::int64_t i = 0; i < channels; ++i) {
        means[n * call_.shape.c + first + i] =
            static_cast<float>(sums[i] / static_cast<double>(plans_.positions()));
      }
    }
  }

  const ReparamCall& call_;
  const ReparamPlans& plans_;
  const ReparamLoops& loops_ = plans_.loops();
  std::int64_t map_;  // floats of a sample's packed map
  Scratch x_, y_;
  std::vector<Scratch> z_;
  std::vector<LaneMoments> moments_;
};

}  // namespace

void reparam_depthwise_forward_cpu(float* u,
                                   float* means,
                                   const ReparamCall& call,
                                   const InstructionSet* set) {
  const ReparamPlans plans(call, /*gradients=*/false, set);
  parallel_for(plans.forward(0).groups, [&](std::int64_t begin, std::int64_t end) {
    ForwardGroup group(call, plans);
    for (std::int64_t i = begin; i < end; ++i) group.run(u, means, i);
  });
}

}  // namespace larkspur::model3d
