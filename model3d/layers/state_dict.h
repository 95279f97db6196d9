// SPDX-License-Identifier: Apache-2.0
// The tensors of a network under their published names.
//
// A module owns its tensors and lists them on request; names are put together on the way down:
//
//   network --under("stages.1.0")--> block --under("dwconv")--> ...
//   "stages.1.0.dwconv.lk_origin.weight"
//
// Lists are made anew each time, so after a merge only what is left appears.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// How a tensor gets its first values, and who changes it later.
enum class TensorKind {
  kDrawn,      ///< trained; starts from random numbers
  kConstant,   ///< trained; starts from the constant its module gave it
  kStatistic,  ///< updated by the forward pass in training
};

/// Of the normal distribution that first weights are drawn from, as published.
inline constexpr double kDrawnDeviation = 0.02;

/// A named tensor; shares it with the module.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
  TensorKind kind;
  double deviation = kDrawnDeviation;  ///< of the first values of a kDrawn entry
};

/// Where a module writes its entries: a prefix and the list. Valid while the list lives.
class StateDict {
 public:
  explicit StateDict(std::vector<NamedTensor>* entries, std::string prefix = "")
      : entries_(entries), prefix_(std::move(prefix)) {}

  /// The same list, one level down: "a" under "b" is "b.a".
  StateDict under(const std::string& name) const { return StateDict(entries_, full(name)); }

  void drawn(const std::string& name,
             const at::Tensor& tensor,
             double deviation = kDrawnDeviation) const {
    entries_->push_back({full(name), tensor, TensorKind::kDrawn, deviation});
  }
  /// Weights [outputs,inputs,...] whose products are about `share` times as large as the inputs.
  void drawn_evenly(const std::string& name, const at::Tensor& tensor, double share = 1.0) const {
    drawn(name, tensor, share / std::sqrt(static_cast<double>(tensor.size(1))));
  }
  void constant(const std::string& name, const at::Tensor& tensor) const {
    entries_->push_back({full(name), tensor, TensorKind::kConstant});
  }
  void statistic(const std::string& name, const at::Tensor& tensor) const {
    entries_->push_back({full(name), tensor, TensorKind::kStatistic});
  }

 private:
  std::string full(const std::string& name) const {
    return prefix_.empty() ? name : prefix_ + "." + name;
  }

  std::vector<NamedTensor>* entries_;
  std::string prefix_;
};

/// A trainable float32 copy of `values`: a leaf that requires a gradient.
at::Tensor make_parameter(const at::Tensor& values);

/// Fills every kDrawn entry from a normal distribution of its deviation; a pure function of the
/// seed and the entry's name. (The published rule truncates at 2, a hundred deviations out, which
/// no draw reaches.) The other kinds stay as they are.
void draw_weights(const std::vector<NamedTensor>& entries, std::uint64_t seed);

/// Whether weight decay applies, as published: not to vectors and not to names ending in ".bias".
/// So the gamma and beta of GRN decay, the layer scale and all norms do not.
bool decays(const NamedTensor& entry);

}  // namespace larkspur::model3d
