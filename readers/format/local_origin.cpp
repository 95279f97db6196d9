// SPDX-License-Identifier: Apache-2.0
#include "readers/format/local_origin.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include <ATen/ops/empty.h>

namespace larkspur::readers {
namespace {

// The centre of the box where the cloud is far, else zeros.
template <typename Value>
Vertex origin_of(const Value* values, std::int64_t rows, std::int64_t columns) {
  if (rows == 0) return {};
  std::array<Value, 3> low{values[0], values[1], values[2]};
  std::array<Value, 3> high = low;
  for (std::int64_t i = 1; i < rows; ++i) {
    const Value* const row = values + i * columns;
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], row[k]);
      high[k] = std::max(high[k], row[k]);
    }
  }
  double side = 0.0;
  double farthest = 0.0;
  Vertex centre;
  for (std::size_t k = 0; k < 3; ++k) {
    const double from = low[k];
    const double to = high[k];
    side = std::max(side, to - from);
    farthest = std::max({farthest, std::abs(from), std::abs(to)});
    centre[k] = from + (to - from) / 2;
  }
  // One place only has no detail to lose.
  return side > 0.0 && farthest > kFarFactor * side ? centre : Vertex{};
}

}  // namespace

at::Tensor local_points(const std::vector<double>& values, std::int64_t columns) {
  const std::int64_t rows = std::ssize(values) / columns;
  const Vertex origin = origin_of(values.data(), rows, columns);
  at::Tensor points = at::empty({rows, columns}, at::kFloat);
  auto* to = points.data_ptr<float>();
  const double* from = values.data();
  for (std::int64_t i = 0; i < rows; ++i, from += columns, to += columns) {
    for (std::size_t k = 0; k < 3; ++k) to[k] = static_cast<float>(from[k] - origin[k]);
    std::transform(
        from + 3, from + columns, to + 3, [](double value) { return static_cast<float>(value); });
  }
  return points;
}

void move_to_origin(at::Tensor& points_NC) {
  const std::int64_t columns = points_NC.size(1);
  auto* row = points_NC.data_ptr<float>();
  const Vertex origin = origin_of(row, points_NC.size(0), columns);
  if (origin == Vertex{}) return;
  for (std::int64_t i = 0; i < points_NC.size(0); ++i, row += columns) {
    for (std::size_t k = 0; k < 3; ++k) row[k] = static_cast<float>(row[k] - origin[k]);
  }
}

void move_to_origin(std::vector<Vertex>& vertices) {
  if (vertices.empty()) return;
  static_assert(sizeof(Vertex) == 3 * sizeof(double));
  const Vertex origin = origin_of(vertices.front().data(), std::ssize(vertices), 3);
  if (origin == Vertex{}) return;
  for (Vertex& vertex : vertices) {
    for (std::size_t k = 0; k < 3; ++k) vertex[k] -= origin[k];
  }
}

}  // namespace larkspur::readers
