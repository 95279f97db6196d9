// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/nearest_points.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include "model3d/kernels/parallel_for.h"
#include "pipeline/geometry/near_points.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kPairsAtOnce = std::int64_t{1} << 21;

/// Squared distances of rows to all points of a cloud, [R, P].
at::Tensor square_distances(const at::Tensor& rows_R3, const at::Tensor& points_P3) {
  at::Tensor sum;
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const at::Tensor difference =
        rows_R3.select(1, axis).unsqueeze(1) - points_P3.select(1, axis).unsqueeze(0);
    sum = axis == 0 ? difference.square() : sum + difference.square();
  }
  return sum;
}

/// The bits of a float that is not negative grow with it; the number of the point behind them makes
/// every key of a row different. So no order is left to the selection, which promises none.
at::Tensor keys_of(const at::Tensor& square_distances_RP) {
  const at::Tensor bits = square_distances_RP.contiguous().view(at::kInt).to(at::kLong);
  const at::Tensor numbers =
      at::arange(bits.size(1), at::TensorOptions(at::kLong).device(bits.device()));
  return bits * (std::int64_t{1} << 32) + numbers;
}

at::Tensor nearest_by_buckets(const at::Tensor& points_NP3, std::int64_t kept) {
  const at::Tensor points = points_NP3.contiguous();
  const std::int64_t count = points.size(1);
  at::Tensor nearest = at::empty({points.size(0), count, kept}, at::kInt);
  const auto* const from = points.const_data_ptr<float>();
  auto* const to = nearest.data_ptr<std::int32_t>();
  parallel_for(points.size(0), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      pipeline::near_points({from + n * count * 3, static_cast<std::size_t>(count * 3)},
                            kept,
                            {to + n * count * kept, static_cast<std::size_t>(count * kept)});
    }
  });
  return nearest.to(at::kLong);
}

at::Tensor checked(const at::Tensor& points_NP3, std::int64_t k) {
  require(points_NP3.dim() == 3 && points_NP3.size(2) == 3 && points_NP3.size(1) > 0,
          Errc::kInvalidArgument,
          "[nearest_points] points are ",
          points_NP3.sizes(),
          ", not [N,P,3] with P > 0");
  require(k >= 1, Errc::kInvalidArgument, "[nearest_points] k is ", k, ", not >= 1");
  require(!points_NP3.is_cpu() || points_NP3.isfinite().all().item<bool>(),
          Errc::kInvalidArgument,
          "[nearest_points] points are not all finite");
  return points_NP3.detach().to(at::kFloat);
}

}  // namespace

at::Tensor nearest_by_all_pairs(const at::Tensor& points_NP3, std::int64_t k) {
  const at::NoGradGuard no_grad;
  const at::Tensor points = checked(points_NP3, k);
  const std::int64_t count = points.size(1);
  const std::int64_t kept = std::min(k, count);
  const std::int64_t block = std::max<std::int64_t>(1, kPairsAtOnce / count);
  at::Tensor nearest = at::empty({points.size(0), count, kept}, points.options().dtype(at::kLong));
  for (std::int64_t n = 0; n < points.size(0); ++n) {
    for (std::int64_t first = 0; first < count; first += block) {
      const std::int64_t rows = std::min(block, count - first);
      const at::Tensor keys =
          keys_of(square_distances(points[n].narrow(0, first, rows), points[n]));
      const at::Tensor smallest = std::get<0>(keys.topk(kept, /*dim=*/1, /*largest=*/false));
      nearest[n].narrow(0, first, rows).copy_(smallest.bitwise_and(0xFFFFFFFF));
    }
  }
  return nearest;
}

at::Tensor nearest_points(const at::Tensor& points_NP3, std::int64_t k) {
  if (!points_NP3.is_cpu()) return nearest_by_all_pairs(points_NP3, k);
  const at::NoGradGuard no_grad;
  const at::Tensor points = checked(points_NP3, k);
  return nearest_by_buckets(points, std::min(k, points.size(1)));
}

}  // namespace larkspur::model3d
