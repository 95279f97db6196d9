// SPDX-License-Identifier: Apache-2.0
// A group of channels at a time; z and y are computed again rather than kept for so long:
//
//   x -- z of every branch -- y       du, y -- the norm's gradient -- dy
//   dy, z_b -- the branch norm's gradient -- dz_b -- dx += dz_b * reversed kernel, dk_b

#include "model3d/kernels/parallel_for.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_group.h"

namespace larkspur::model3d {
namespace {

struct Gradients {
  float* dx;
  const ReparamBranchGradients* branches;
  float* norm_weight;
  float* norm_bias;
  const float* du;
  const float* dmeans;
};

/// A norm's backward factors for a group and the gradients of its weight and bias, from the sums
/// over the batch of g and g * (z - mean).
struct LaneGradient {
  Lanes of_du, of_y, constant;

  LaneGradient(const LaneNorm& norm,
               const double* sums,
               const double* products,
               double count,
               std::int64_t lanes)
      : of_du{}, of_y{}, constant{} {
    for (std::int64_t i = 0; i < lanes; ++i) {
      const double slope = norm.scale[i];
      const double along = -slope * norm.inverse[i] * norm.inverse[i] * products[i] / count;
      of_du[i] = norm.scale[i];
      of_y[i] = static_cast<float>(along);
      constant[i] = static_cast<float>(-slope * sums[i] / count - along * norm.mean[i]);
    }
  }
  NormGradientFactors factors() const { return {of_du, of_y, constant}; }
};

class BackwardGroup {
 public:
  BackwardGroup(const ReparamCall& call, const ReparamPlans& plans, const Gradients& gradients)
      : call_(call),
        plans_(plans),
        gradients_(gradients),
        map_(plans.forward(0).y_floats()),
        x_(make_zeros(call.shape.n * plans.forward(0).x_floats())),
        dz_(make_zeros(plans.most_together() * plans.forward(0).x_floats())),
        dy_(make_scratch(call.shape.n * map_)),
        y_(make_scratch(call.shape.n * map_)),
        dx_(make_scratch(call.shape.n * map_)),
        plain_(static_cast<std::size_t>(plans.positions())) {
    for (std::size_t p = 0; p < plain_.size(); ++p) plain_[p] = static_cast<std::int64_t>(p);
    for (std::int64_t b = 0; b < call.branch_count; ++b) {
      z_.push_back(make_scratch(call.shape.n * map_));
    }
  }

  void run(std::int64_t group) {
    group_ = group;
    first_ = group * conv().set.lanes;
    channels_ = conv().channels(group);
    recompute();
    load_gradient();
    through_norm();
    for (std::int64_t b = 0; b < call_.branch_count; ++b) through_branch(b);
    for (std::int64_t n = 0; n < call_.shape.n; ++n) {
      conv().set.unpack(
          gradients_.dx + conv().map_begin(n, group_), dx_.get() + n * map_, conv().view(group_));
    }
  }

 private:
  const PackedConv& conv() const { return plans_.forward(0); }
  std::int64_t vectors() const { return call_.shape.n * plans_.positions(); }
  float* z(std::int64_t branch) const { return z_[static_cast<std::size_t>(branch)].get(); }

  void recompute() {
    const std::int64_t lanes = conv().set.lanes;
    for (std::int64_t n = 0; n < call_.shape.n; ++n) {
      conv().set.pack(x_.get() + n * conv().x_floats(),
                      call_.x + conv().map_begin(n, group_),
                      conv().x_at.data(),
                      conv().view(group_));
    }
    float scale[kMostBranches * kMostLanes];
    Lanes shift{};
    const float* maps[kMostBranches];
    for (std::int64_t b = 0; b < call_.branch_count; ++b) {
      correlate_samples(z(b),
                        x_.get(),
                        plans_.forward(b),
                        plans_.kernel(b, group_),
                        call_.shape.n,
                        /*adds=*/false);
      const LaneNorm own = norm_of(b);
      std::copy_n(own.scale, lanes, scale + b * lanes);
      for (std::int64_t i = 0; i < lanes; ++i) shift[i] += own.shift[i];
      maps[b] = z(b);
    }
    loops_.combine(y_.get(), maps, scale, shift, call_.branch_count, vectors());
  }

  LaneNorm norm_of(std::int64_t branch) const {
    const bool last = branch == call_.branch_count;
    const ReparamNorm& norm = last ? call_.norm : call_.branches[branch].norm;
    return lane_norm(norm, call_.moments[branch], first_, channels_);
  }

  void load_gradient() {
    for (std::int64_t n = 0; n < call_.shape.n; ++n) {
      float* dy = dy_.get() + n * map_;
      conv().set.pack(
          dy, gradients_.du + conv().map_begin(n, group_), plain_.data(), conv().view(group_));
      if (gradients_.dmeans == nullptr) continue;
      Lanes share{};
      for (std::int64_t i = 0; i < channels_; ++i) {
        share[i] = gradients_.dmeans[n * call_.shape.c + first_ + i] /
                   static_cast<float>(plans_.positions());
      }
      loops_.add(dy, share, plans_.positions());
    }
  }

  void through_norm() {
    const LaneNorm norm = norm_of(call_.branch_count);
    double sums[kMostLanes] = {};
    double products[kMostLanes] = {};
    loops_.norm_sums(sums, products, dy_.get(), y_.get(), norm.mean, vectors());
    write(gradients_.norm_weight, gradients_.norm_bias, norm, sums, products);
    const LaneGradient gradient(norm, sums, products, static_cast<double>(vectors()), channels_);
    loops_.norm_gradient(
        dy_.get(), dy_.get(), y_.get(), gradient.factors(), {1, vectors(), vectors(), 0});
  }

  void write(float* weight,
             float* bias,
             const LaneNorm& norm,
             const double* sums,
             const double* products) const {
    for (std::int64_t i = 0; i < channels_; ++i) {
      weight[first_ + i] = static_cast<float>(products[i] * norm.inverse[i]);
      bias[first_ + i] = static_cast<float>(sums[i]);
    }
  }

  LaneGradient gradient_of(std::int64_t branch) const {
    const LaneNorm norm = norm_of(branch);
    double sums[kMostLanes] = {};
    double products[kMostLanes] = {};
    const ReparamBranchGradients& to = gradients_.branches[branch];
    if (to.norm_weight != nullptr) {
      loops_.norm_sums(sums, products, dy_.get(), z(branch), norm.mean, vectors());
      write(to.norm_weight, to.norm_bias, norm, sums, products);
    }
    LaneGradient gradient(norm, sums, products, static_cast<double>(vectors()), channels_);
    return gradient;
  }

  void through_branch(std::int64_t branch) {
    const LaneGradient gradient = gradient_of(branch);
    const PackedConv& forward = plans_.forward(branch);
    const PackedConv& kernel = plans_.gradient(branch);
    const DwConv3dShape& shape = forward.shape;
    const PackedRows rows{shape.d * shape.h, shape.w, forward.plan.x_pitch, forward.plan.x_pad};
    const Scratch dk = make_zeros(kernel.k_floats());
    const std::int64_t most = plans_.most_together();
    for (std::int64_t first = 0; first < shape.n; first += most) {
      const std::int64_t count = std::min(most, shape.n - first);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t at = (first + i) * map_;
        float* dz = dz_.get() + i * forward.x_floats();
        loops_.norm_gradient(dz, dy_.get() + at, z(branch) + at, gradient.factors(), rows);
        const float* x = x_.get() + (first + i) * forward.x_floats();
        kernel.set.weight_gradient(dk.get(), x, dz, kernel.plan);
      }
      correlate_samples(dx_.get() + first * map_,
                        dz_.get(),
                        forward,
                        plans_.reversed(branch, group_),
                        count,
                        /*adds=*/branch > 0);
    }
    kernel.unpack_kernel(gradients_.branches[branch].kernel, dk.get(), group_);
  }

  const ReparamCall& call_;
  const ReparamPlans& plans_;
  const Gradients& gradients_;
  const ReparamLoops& loops_ = plans_.loops();
  std::int64_t map_;  // floats of a sample's packed map
  Scratch x_, dz_;    // padded: all samples, those taken together
  Scratch dy_, y_, dx_;
  std::vector<Scratch> z_;
  std::vector<std::int64_t> plain_;  // positions of a map that is not padded
  std::int64_t group_ = 0, first_ = 0, channels_ = 0;
};

}  // namespace

void reparam_depthwise_backward_cpu(float* dx,
                                    const ReparamBranchGradients* branches,
                                    float* norm_weight,
                                    float* norm_bias,
                                    const float* du,
                                    const float* dmeans,
                                    const ReparamCall& call,
                                    const InstructionSet* set) {
  const ReparamPlans plans(call, /*gradients=*/true, set);
  const Gradients gradients{dx, branches, norm_weight, norm_bias, du, dmeans};
  parallel_for(plans.forward(0).groups, [&](std::int64_t begin, std::int64_t end) {
    BackwardGroup group(call, plans, gradients);
    for (std::int64_t i = begin; i < end; ++i) group.run(i);
  });
}

}  // namespace larkspur::model3d
