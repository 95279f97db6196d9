// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/time_padding.h"

#include <algorithm>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "model3d/ops/dw_conv3d/dw_conv3d.h"

namespace larkspur::model3d {
namespace {

constexpr std::int64_t kTime = 2;

at::Tensor first_frame(const at::Tensor& x) { return x.narrow(kTime, 0, 1); }

at::Tensor last_frame(const at::Tensor& x) { return x.narrow(kTime, x.size(kTime) - 1, 1); }

/// What hangs over at either end, as kernels in space [count,2,C,1,KH,KW]: the s-th is that of the
/// places s * rate and on from the end, up to the next.
at::Tensor hanging_kernels(const at::Tensor& weight, std::int64_t count) {
  const std::int64_t side = weight.size(kTime) / 2;
  const auto sums = [&](const at::Tensor& outer_first) {
    return outer_first.cumsum(kTime).narrow(kTime, side - count, count).flip(kTime);
  };
  const at::Tensor before = sums(weight.narrow(kTime, 0, side));
  const at::Tensor behind = sums(weight.narrow(kTime, side + 1, side).flip(kTime));
  return at::stack({before, behind}).movedim(kTime + 1, 0);
}

}  // namespace

at::Tensor repeat_ends(const at::Tensor& x_NCDHW, std::int64_t frames) {
  std::vector<at::Tensor> pieces;
  pieces.insert(pieces.end(), static_cast<std::size_t>(frames), first_frame(x_NCDHW));
  pieces.push_back(x_NCDHW);
  pieces.insert(pieces.end(), static_cast<std::size_t>(frames), last_frame(x_NCDHW));
  return at::cat(pieces, kTime);
}

void add_repeated_ends(at::Tensor& y,
                       const at::Tensor& x_NCDHW,
                       const at::Tensor& weight_C1KKK,
                       const Extent3& rate) {
  const std::int64_t side = weight_C1KKK.size(kTime) / 2;
  if (side == 0) return;
  const std::int64_t frames = x_NCDHW.size(kTime);
  const std::int64_t places = std::min(side * rate[0], frames);  // at either end
  const std::int64_t count = (places + rate[0] - 1) / rate[0];
  const at::Tensor kernels = hanging_kernels(weight_C1KKK, count);
  const at::Tensor ends =
      at::cat({first_frame(x_NCDHW), last_frame(x_NCDHW)}, 1).repeat({1, count, 1, 1, 1});
  const at::Tensor hanging = dw_conv3d(
      ends, kernels.reshape({-1, 1, 1, kernels.size(4), kernels.size(5)}), {1, rate[1], rate[2]});
  const at::Tensor by_place =
      hanging.reshape({y.size(0), count, 2, y.size(1), y.size(3), y.size(4)})
          .repeat_interleave(rate[0], 1)
          .narrow(1, 0, places)
          .movedim(1, 3);
  y.narrow(kTime, 0, places).add_(by_place.select(1, 0));
  y.narrow(kTime, frames - places, places).add_(by_place.select(1, 1).flip(kTime));
}

}  // namespace larkspur::model3d
