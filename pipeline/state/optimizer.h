// SPDX-License-Identifier: Apache-2.0
// AdamW over the chunks a rank owns: decoupled decay by parameter, clipping by the global norm.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/communicator.h"
#include "pipeline/state/flat_parameters.h"

namespace larkspur::pipeline {

struct AdamWOptions {
  double beta1 = 0.9;         ///< [0, 1)
  double beta2 = 0.999;       ///< [0, 1)
  double epsilon = 1e-8;      ///< > 0
  double weight_decay = 0.0;  ///< >= 0, times the learning rate, on parameters that decay
  double clip_norm = 0.0;     ///< gradients longer than this are shortened to it; 0: never
  double layer_decay = 1.0;   ///< (0, 1]: the rate of a parameter is learning_rate times this to
                              ///< the power of Parameter::rate_group, in its decay too; 1: one rate
                              ///< for all (Clark et al. 2020, arXiv 2003.10555)
  double head_rate = 1.0;  ///< > 0: the rate of parameters of rate_group 0 (the head, or all of a
                           ///< network without groups) is learning_rate times this, likewise

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// What a summed gradient is multiplied by before it is used.
struct StepScale {
  double mean = 1.0;  ///< 1 / (lanes * loss scale): the sum over lanes becomes their mean
  double norm = 0.0;  ///< global norm of that mean, what clipping looks at
};

/// The optimiser's state of one rank: moments of the owned elements, packed bucket by bucket as
/// GradientExchange::reduce returns the gradients. Not thread-safe.
class AdamW {
 public:
  /// The moments lie on `device`, where values and gradients must be.
  AdamW(const FlatLayout& layout,
        int rank,
        int ranks,
        const AdamWOptions& options,
        at::Device device = at::kCPU);

  /// What of each parameter this rank owns, and where its moments lie.
  const std::vector<OwnedPart>& owned() const { return owned_; }
  std::int64_t owned_elements() const;
  const at::Tensor& moment1() const { return moment1_; }  ///< float32 [owned_elements()]
  const at::Tensor& moment2() const { return moment2_; }

  /// Sums of squares of the owned gradient by chunk in double (ops/chunk_norms.h), where it lies.
  /// `gradient` is the sum over lanes, `scale` what turns it into the mean.
  at::Tensor square_sums(const at::Tensor& gradient, double scale) const;

  /// L2 norm of the global gradient: every rank's square_sums, in host memory, added in chunk
  /// order, so every rank of every job size gets the same bits. A collective call.
  double global_norm(const at::Tensor& square_sums, Communicator& communicator) const;

  /// One step on the owned slices of `values` (float32, flat), number `step` counted from 1.
  /// Parameters without a gradient see a zero one: they decay, as if they had been used. Frozen
  /// ones, and their moments, are not touched. `learning_rate` is that of group 0 before head_rate.
  void step(const at::Tensor& values,
            const at::Tensor& gradient,
            const StepScale& scale,
            double learning_rate,
            std::int64_t step);

 private:
  /// Parameters of one rate and decay.
  struct Group {
    int rate_group;
    bool decays;
    bool operator==(const Group&) const = default;
  };
  void divide(at::Device device);  ///< what is owned into groups and pieces, once

  FlatLayout layout_;
  AdamWOptions options_;
  std::vector<OwnedPart> owned_;
  std::vector<Group> groups_;
  at::Tensor table_;  ///< of pieces, where the moments are
  at::Tensor moment1_;
  at::Tensor moment2_;
};

}  // namespace larkspur::pipeline
