// SPDX-License-Identifier: Apache-2.0
// A large depthwise convolution, trained as a sum and deployed as one kernel.
//
//   x --+-- dwconv K          -- BN --+
//       +-- dwconv k1, rate r1 -- BN --+-- sum -- y        merge():  x -- dwconv K + bias -- y
//       +-- dwconv k2, rate r2 -- BN --+
//
// Ding et al. 2024, arXiv 2311.15599, section 3.2, here in three dimensions. Shape letters: N
// batch, C channels, D depth (frames of a clip, z of a voxel grid), H, W.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model3d/depthwise/depthwise_layer.h"
#include "model3d/depthwise/dilated_branches.h"
#include "model3d/layers/batch_norm.h"

namespace larkspur::model3d {

struct DilatedReparamOptions {
  std::int64_t channels = 0;                       ///< C, > 0; no default
  Extent3 taps{13, 13, 13};                        ///< large kernel, odd on every axis
  std::vector<DilatedBranch> branches{};           ///< empty: default_branches(taps)
  double norm_eps = kNormEps;                      ///< BatchNorm epsilon, > 0
  TimePadding time_padding = TimePadding::kZeros;  ///< of D, in every branch

  /// Throws kInvalidArgument naming the first field at fault and its value.
  void check() const;
};

/// Not thread-safe: one thread at a time per instance. Owns its parameters; copies share them.
class DilatedReparamBlock final : public DepthwiseLayer {
 public:
  explicit DilatedReparamBlock(const DilatedReparamOptions& options);

  /// x [N,C,D,H,W] to the same shape, dtype and device; stride 1, padding taps/2, zeros but for
  /// D as the options say. D, H, W may be smaller than the kernel. Throws kInvalidArgument when C
  /// differs.
  at::Tensor forward(const at::Tensor& x_NCDHW, const Pass& pass) const override;

  std::vector<DepthwiseBranch> branches() const override;

  /// "lk_origin.weight", "origin_bn.*", then for each branch "dil_conv_<name>.weight" and
  /// "dil_bn_<name>.*"; once merged "lk_origin.weight" [C,1,KD,KH,KW] and "lk_origin.bias" [C].
  void add_to(const StateDict& state) const override;

  /// Folds every branch, its norm and `then` into one kernel and one bias; list() then holds these
  /// two only. The output outside training changes by less than 5e-6 of its largest value in
  /// float32 (measured: 9.2e-7 at most, over six kernels).
  void merge(const ChannelAffine& then) override;

  /// The same with nothing behind. A second call changes nothing.
  void merge();

  bool is_merged() const { return branches_.size() == 1 && !branches_.front().norm; }

 private:
  /// What it computes outside training, as one kernel [C,1,KD,KH,KW] and one bias [C].
  BiasedWeight as_one() const;

  void adopt(const BiasedWeight& merged);

  /// The large kernel is the first.
  struct Branch {
    std::string conv_name;
    std::string norm_name;
    DepthwiseConv conv;
    std::optional<BatchNorm> norm;  ///< none once merged
  };

  std::vector<Branch> branches_;
};

}  // namespace larkspur::model3d
