// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/mix_points.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using Places = std::vector<std::int64_t>;

/// `count` of [0, size), in order.
Places drawn_places(std::int64_t size, std::int64_t count, CounterRng& rng) {
  Places places(static_cast<std::size_t>(size));
  std::iota(places.begin(), places.end(), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t other = i + rng.below(static_cast<std::uint32_t>(size - i));
    std::swap(places[static_cast<std::size_t>(i)], places[static_cast<std::size_t>(other)]);
  }
  places.resize(static_cast<std::size_t>(count));
  std::ranges::sort(places);
  return places;
}

/// The `count` nearest to a drawn one, itself among them, in order; of equally near ones the lower.
Places places_of_piece(const at::Tensor& cloud, std::int64_t count, CounterRng& rng) {
  const std::int64_t size = cloud.size(0);
  const auto* const points = cloud.const_data_ptr<float>();
  const float* const centre = points + 3 * rng.below(static_cast<std::uint32_t>(size));
  std::vector<std::pair<float, std::int64_t>> order;
  order.reserve(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) {
    const float dx = points[3 * i] - centre[0];
    const float dy = points[3 * i + 1] - centre[1];
    const float dz = points[3 * i + 2] - centre[2];
    order.emplace_back((dx * dx + dy * dy) + dz * dz, i);
  }
  std::nth_element(order.begin(), order.begin() + count, order.end());
  Places places;
  for (std::int64_t i = 0; i < count; ++i) {
    places.push_back(order[static_cast<std::size_t>(i)].second);
  }
  std::ranges::sort(places);
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
    return how == PointsMixed::kPiece ? places_of_piece(cloud, given, rng)
                                      : drawn_places(cloud.size(0), given, rng);
  };
  const Places replaced = places_in(own);
  const Places taken = places_in(other);
  auto* const to = mixed.data_ptr<float>();
  const auto* const from = other.const_data_ptr<float>();
  for (std::size_t i = 0; i < replaced.size(); ++i) {
    std::copy_n(from + 3 * taken[i], 3, to + 3 * replaced[i]);
  }
  return mixed;
}

}  // namespace larkspur::pipeline
