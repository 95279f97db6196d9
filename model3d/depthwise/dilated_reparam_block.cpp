// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/dilated_reparam_block.h"

#include <ATen/TensorOperators.h>

#include "pipeline/require.h"

namespace larkspur::model3d {

using pipeline::Errc;
using pipeline::require;

void DilatedReparamOptions::check() const {
  require(channels > 0,
          Errc::kInvalidArgument,
          "[dilated_reparam] channels is ",
          channels,
          ", not > 0");
  require(norm_eps > 0,
          Errc::kInvalidArgument,
          "[dilated_reparam] norm_eps is ",
          norm_eps,
          ", not > 0");
  for (const std::int64_t axis_taps : taps) {
    require(axis_taps > 0 && axis_taps % 2 == 1,
            Errc::kInvalidArgument,
            "[dilated_reparam] taps is ",
            to_text(taps),
            ", not odd on every axis");
  }
  for (const DilatedBranch& branch : branches) {
    const Extent3 span = reach(branch.taps, branch.rate);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      require(branch.taps[axis] % 2 == 1 && branch.rate[axis] > 0 && span[axis] <= taps[axis],
              Errc::kInvalidArgument,
              "[dilated_reparam] a branch of ",
              to_text(branch.taps),
              " taps at rate ",
              to_text(branch.rate),
              " is not odd or does not fit into ",
              to_text(taps));
    }
  }
}

DilatedReparamBlock::DilatedReparamBlock(const DilatedReparamOptions& options) {
  options.check();
  const std::int64_t channels = options.channels;
  const auto branches =
      options.branches.empty() ? default_branches(options.taps) : options.branches;
  branches_.push_back({"lk_origin",
                       "origin_bn",
                       DepthwiseConv(channels, options.taps, {1, 1, 1}, options.time_padding),
                       BatchNorm(channels, options.norm_eps)});
  for (const DilatedBranch& branch : branches) {
    const std::string name = branch_name(branch, options.taps);
    branches_.push_back({"dil_conv_" + name,
                         "dil_bn_" + name,
                         DepthwiseConv(channels, branch.taps, branch.rate, options.time_padding),
                         BatchNorm(channels, options.norm_eps)});
  }
}

at::Tensor DilatedReparamBlock::forward(const at::Tensor& x_NCDHW, const Pass& pass) const {
  at::Tensor sum;
  for (const Branch& branch : branches_) {
    at::Tensor y = branch.conv.forward(x_NCDHW);
    if (branch.norm) y = branch.norm->forward(y, pass);
    sum = sum.defined() ? sum + y : y;
  }
  return sum;
}

std::vector<DepthwiseBranch> DilatedReparamBlock::branches() const {
  std::vector<DepthwiseBranch> list;
  for (const Branch& branch : branches_) {
    list.push_back({&branch.conv, branch.norm ? &*branch.norm : nullptr});
  }
  return list;
}

void DilatedReparamBlock::add_to(const StateDict& state) const {
  for (const Branch& branch : branches_) {
    branch.conv.add_to(state.under(branch.conv_name));
    if (branch.norm) branch.norm->add_to(state.under(branch.norm_name));
  }
}

BiasedWeight DilatedReparamBlock::as_one() const {
  const Extent3 taps = branches_.front().conv.taps();
  BiasedWeight sum;
  for (const Branch& branch : branches_) {
    BiasedWeight part = branch.conv.spread_over(taps);
    if (branch.norm) part = fold(part, branch.norm->affine());
    sum.weight = sum.weight.defined() ? sum.weight + part.weight : part.weight;
    sum.bias = sum.bias.defined() ? sum.bias + part.bias : part.bias;
  }
  return sum;
}

void DilatedReparamBlock::merge(const ChannelAffine& then) { adopt(fold(as_one(), then)); }

void DilatedReparamBlock::merge() { adopt(as_one()); }

void DilatedReparamBlock::adopt(const BiasedWeight& merged) {
  branches_.resize(1, branches_.front());
  branches_.front().conv.adopt(merged);
  branches_.front().norm.reset();
}

}  // namespace larkspur::model3d
