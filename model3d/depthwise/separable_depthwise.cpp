// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/separable_depthwise.h"

#include <utility>

#include <ATen/TensorOperators.h>

namespace larkspur::model3d {

bool is_of_time(const std::string& entry_name) {
  return entry_name.find(".dwconv.time_") != std::string::npos;
}

SeparableDepthwise::SeparableDepthwise(std::unique_ptr<DepthwiseLayer> space,
                                       std::int64_t channels,
                                       std::int64_t time_taps,
                                       TimePadding padding)
    : space_(std::move(space)),
      time_(channels, {time_taps, 1, 1}, {1, 1, 1}, padding),
      time_norm_(std::in_place, channels) {}

at::Tensor SeparableDepthwise::forward(const at::Tensor& x_NCDHW, const Pass& pass) const {
  at::Tensor in_time = time_.forward(x_NCDHW);
  if (time_norm_) in_time = time_norm_->forward(in_time, pass);
  return space_->forward(x_NCDHW, pass) + in_time;
}

std::vector<DepthwiseBranch> SeparableDepthwise::branches() const {
  std::vector<DepthwiseBranch> list = space_->branches();
  list.push_back({&time_, time_norm_ ? &*time_norm_ : nullptr});
  return list;
}

void SeparableDepthwise::add_to(const StateDict& state) const {
  space_->add_to(state);
  time_.add_to(state.under("time_conv"));
  if (time_norm_) time_norm_->add_to(state.under("time_bn"));
}

void SeparableDepthwise::merge(const ChannelAffine& then) {
  BiasedWeight in_time = time_.spread_over(time_.taps());
  if (time_norm_) in_time = fold(in_time, time_norm_->affine());
  in_time = fold(in_time, then);
  // The bias of the part for time holds the shift; the one for space has only to be scaled.
  space_->merge({then.scale, in_time.bias});
  time_.adopt({in_time.weight, {}});
  time_norm_.reset();
}

}  // namespace larkspur::model3d
