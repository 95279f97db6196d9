// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/local_planes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ATen/ops/zeros.h>

#include "pipeline/geometry/near_points.h"
#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using Vector3 = std::array<double, 3>;
using Matrix3 = std::array<Vector3, 3>;

/// A symmetric matrix as eigenvalues and, in the columns of `vectors`, their eigenvectors.
struct Eigen3 {
  Vector3 values{};
  Matrix3 vectors{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
};

/// Turns the plane of two axes so that the entry between them becomes zero.
void rotate_away(Matrix3& a, Matrix3& vectors, std::size_t p, std::size_t q) {
  if (a[p][q] == 0.0) return;
  const double theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
  const double tangent =
      (theta >= 0.0 ? 1.0 : -1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1.0));
  const double cosine = 1.0 / std::sqrt(tangent * tangent + 1.0);
  const double sine = tangent * cosine;
  for (std::size_t i = 0; i < 3; ++i) {
    const double left = a[i][p];
    const double right = a[i][q];
    a[i][p] = cosine * left - sine * right;
    a[i][q] = sine * left + cosine * right;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const double upper = a[p][i];
    const double lower = a[q][i];
    a[p][i] = cosine * upper - sine * lower;
    a[q][i] = sine * upper + cosine * lower;
    const double left = vectors[i][p];
    const double right = vectors[i][q];
    vectors[i][p] = cosine * left - sine * right;
    vectors[i][q] = sine * left + cosine * right;
  }
}

/// Cyclic Jacobi rotations (Golub, Van Loan, "Matrix Computations", section 8.5): as exact for
/// eigenvalues that lie close together, which closed forms are not. Six sweeps end far below
/// float64's rounding for three rows, mostly four are enough.
Eigen3 eigen_of(Matrix3 a) {
  constexpr int kSweeps = 6;
  constexpr double kNothingLeft = 1e-30;
  Eigen3 eigen;
  const double scale = a[0][0] + a[1][1] + a[2][2];
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const double left = a[0][1] * a[0][1] + a[0][2] * a[0][2] + a[1][2] * a[1][2];
    if (left <= kNothingLeft * scale * scale) break;
    rotate_away(a, eigen.vectors, 0, 1);
    rotate_away(a, eigen.vectors, 0, 2);
    rotate_away(a, eigen.vectors, 1, 2);
  }
  eigen.values = {a[0][0], a[1][1], a[2][2]};
  return eigen;
}

Matrix3 covariance_of(const float* points, const std::int32_t* places, std::int64_t count) {
  const auto total = static_cast<double>(count);
  Vector3 mean{};
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const point = points + std::int64_t{3} * places[i];
    for (std::size_t axis = 0; axis < 3; ++axis) mean[axis] += point[axis];
  }
  for (double& part : mean) part /= total;
  Matrix3 sums{};
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const point = points + std::int64_t{3} * places[i];
    const Vector3 d{point[0] - mean[0], point[1] - mean[1], point[2] - mean[2]};
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = row; column < 3; ++column) sums[row][column] += d[row] * d[column];
    }
  }
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = row; column < 3; ++column) {
      sums[row][column] /= total;
      sums[column][row] = sums[row][column];
    }
  }
  return sums;
}

void write_plane(const Eigen3& eigen, float* row) {
  Vector3 sorted = eigen.values;
  std::sort(sorted.begin(), sorted.end());
  if (!(sorted[2] > 0.0)) return;
  const auto least = static_cast<std::size_t>(
      std::min_element(eigen.values.begin(), eigen.values.end()) - eigen.values.begin());
  const Vector3 n{eigen.vectors[0][least], eigen.vectors[1][least], eigen.vectors[2][least]};
  const std::array<double, kPlaneValues> values{n[0] * n[0],
                                                n[1] * n[1],
                                                n[2] * n[2],
                                                n[0] * n[1],
                                                n[0] * n[2],
                                                n[1] * n[2],
                                                (sorted[1] - sorted[0]) / sorted[2]};
  for (const double value : values) *row++ = static_cast<float>(value);
}

}  // namespace

at::Tensor local_planes(const at::Tensor& points_N3) {
  pipeline::require(
      points_N3.dim() == 2 && points_N3.size(1) == 3 && points_N3.scalar_type() == at::kFloat,
      pipeline::Errc::kInvalidArgument,
      "[local_planes] points are ",
      points_N3.scalar_type(),
      " ",
      points_N3.sizes(),
      ", not float32 [N, 3]");
  const at::Tensor points = points_N3.contiguous();
  const std::int64_t count = points.size(0);
  const std::int64_t k = std::min(kPlaneNeighbours, count);
  at::Tensor planes = at::zeros({count, kPlaneValues}, at::kFloat);
  if (count == 0) return planes;
  const auto* const from = points.const_data_ptr<float>();
  std::vector<std::int32_t> nearest(static_cast<std::size_t>(count * k));
  pipeline::near_points({from, static_cast<std::size_t>(3 * count)}, k, nearest);
  auto* const to = planes.data_ptr<float>();
  for (std::int64_t p = 0; p < count; ++p) {
    write_plane(eigen_of(covariance_of(from, nearest.data() + p * k, k)), to + p * kPlaneValues);
  }
  return planes;
}

}  // namespace larkspur::readers
