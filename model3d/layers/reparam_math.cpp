// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/reparam_math.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

at::Tensor exact(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble); }

}  // namespace

ChannelAffine affine_of(const NormTensors& norm) {
  const at::Tensor scale = exact(norm.weight) * at::rsqrt(exact(norm.variance) + norm.eps);
  return {scale, exact(norm.bias) - exact(norm.mean) * scale};
}

BiasedWeight fold(const BiasedWeight& first, const ChannelAffine& then) {
  std::vector<std::int64_t> per_channel(static_cast<std::size_t>(first.weight.dim()), 1);
  per_channel[0] = -1;
  return {exact(first.weight) * then.scale.view(per_channel),
          exact(first.bias) * then.scale + then.shift};
}

at::Tensor spread(const at::Tensor& kernel, const Extent3& rate, const Extent3& taps) {
  const Extent3 own{kernel.size(2), kernel.size(3), kernel.size(4)};
  const Extent3 span = reach(own, rate);
  at::Tensor whole =
      at::zeros({kernel.size(0), kernel.size(1), taps[0], taps[1], taps[2]}, at::kDouble);
  at::Tensor place = whole;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    pipeline::require(span[axis] <= taps[axis],
                      pipeline::Errc::kInvalidArgument,
                      "[spread] a kernel of ",
                      to_text(own),
                      " taps at rate ",
                      to_text(rate),
                      " does not fit into ",
                      to_text(taps));
    const std::int64_t first = taps[axis] / 2 - rate[axis] * (own[axis] / 2);
    place = place.slice(static_cast<std::int64_t>(axis) + 2, first, first + span[axis], rate[axis]);
  }
  place.copy_(exact(kernel));
  return whole;
}

}  // namespace larkspur::model3d
