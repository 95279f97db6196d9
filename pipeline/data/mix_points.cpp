// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/mix_points.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "pipeline/random_subset.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using Places = std::vector<std::uint32_t>;

/// The `count` nearest to a drawn one, itself among them; of equally near ones the lower.
Places places_of_piece(const at::Tensor& cloud, std::uint32_t count, CounterRng& rng) {
  const auto size = static_cast<std::uint32_t>(cloud.size(0));
  const auto* const points = cloud.const_data_ptr<float>();
  const float* const centre = points + std::size_t{3} * rng.below(size);
  std::vector<std::pair<float, std::uint32_t>> order;
  order.reserve(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    const float* const point = points + std::size_t{3} * i;
    const float dx = point[0] - centre[0];
    const float dy = point[1] - centre[1];
    const float dz = point[2] - centre[2];
    order.emplace_back((dx * dx + dy * dy) + dz * dz, i);
  }
  std::nth_element(order.begin(), order.begin() + count, order.end());
  Places places;
  for (std::uint32_t i = 0; i < count; ++i) places.push_back(order[i].second);
  return places;
}

}  // namespace

at::Tensor mix_points(const at::Tensor& own,
                      const at::Tensor& other,
                      std::int64_t given,
                      PointsMixed how,
                      CounterRng& rng) {
  require(own.dim() == 2 && own.size(1) == 3 && own.sizes() == other.sizes() && given >= 0 &&
              given <= own.size(0),
          Errc::kInvalidArgument,
          "[mix] ",
          given,
          " points of a cloud ",
          other.sizes(),
          " in one ",
          own.sizes(),
          ": not two of [P,3], or more than P");
  at::Tensor mixed = own.clone();
  if (given == 0) return mixed;
  const auto places_in = [&](const at::Tensor& cloud) {
    const auto count = static_cast<std::uint32_t>(given);
    const auto size = static_cast<std::uint32_t>(cloud.size(0));
    Places places = how == PointsMixed::kPiece ? places_of_piece(cloud, count, rng)
                                               : random_subset(size, count, rng);
    std::ranges::sort(places);
    return places;
  };
  const Places replaced = places_in(own);
  const Places taken = places_in(other);
  auto* const to = mixed.data_ptr<float>();
  const auto* const from = other.const_data_ptr<float>();
  for (std::size_t i = 0; i < replaced.size(); ++i) {
    std::copy_n(from + std::size_t{3} * taken[i], 3, to + std::size_t{3} * replaced[i]);
  }
  return mixed;
}

}  // namespace larkspur::pipeline
