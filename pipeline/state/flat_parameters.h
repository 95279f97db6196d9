// SPDX-License-Identifier: Apache-2.0
// The parameters and one lane's gradients as two flat buffers that the network's tensors view.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/classifier.h"
#include "pipeline/flat_layout.h"
#include "pipeline/gradient_slot.h"

namespace larkspur::pipeline {

/// Moves a network's parameters into one buffer and its gradients into another; the network keeps
/// working on views. Backward's gradients are collected bucket by bucket, in one call each: adding
/// every one by itself is a launch a parameter on a GPU. Between backward passes a parameter's
/// gradient is a view of its place. Not thread-safe. Holds shares of the tensors, so the network
/// may go first. Frozen parameters have their place, a gradient of zero, and are waited for by
/// nobody.
class FlatParameters {
 public:
  /// Parameters in order of use, all float32 on one device.
  FlatParameters(const std::vector<Parameter>& parameters, std::int64_t bucket_elements);
  ~FlatParameters();
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  const FlatLayout& layout() const { return layout_; }
  const at::Tensor& values() const { return values_; }  ///< float32 [layout().elements()]
  /// Likewise; padding stays 0. A bucket's are there once it is reported.
  const at::Tensor& gradients() const { return gradients_; }

  /// Points the parameters of another network of the same kind at these values, and their gradients
  /// at a buffer of their own: float32 [layout().elements()], zeros, returned.
  at::Tensor share_values(const std::vector<Parameter>& others) const;

  /// By parameter in order of use: its place in gradients(), for an op that writes there itself.
  /// They refer to this object. Those of frozen parameters are not valid().
  std::vector<GradientSlot> slots();

  /// Zeroes the gradients and forgets which were seen. Call before each lane's backward pass.
  void begin_lane();

  /// `ready(bucket)` is called once a lane for each bucket, in bucket order, as soon as backward
  /// has written the last gradient in it, from the thread that runs backward.
  void on_bucket_ready(std::function<void(int)> ready);

  /// Reports the buckets that backward left untouched (unused parameters, an empty lane).
  void finish_lane();

 private:
  void gradient_given(std::size_t entry);     ///< by autograd
  void gradient_reported(std::size_t entry);  ///< by the owner of its slot
  void report_ready();
  void collect(int bucket);  ///< what autograd has given, to its place, in few copies

  FlatLayout layout_;
  at::Tensor values_;
  at::Tensor gradients_;
  std::vector<int> pending_;    ///< gradients still missing, by bucket
  std::vector<char> reported_;  ///< by entry: its slot was reported ready in this lane
  int next_bucket_ = 0;         ///< first bucket not yet reported
  std::function<void(int)> ready_;
  struct Hooks;
  std::unique_ptr<Hooks> hooks_;
};

}  // namespace larkspur::pipeline
