// SPDX-License-Identifier: Apache-2.0
#include "pipeline/geometry/near_points.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

// 1,024 points on a surface make 10 buckets a side, of two to four points where there are any: then
// 16 to 20 neighbours mostly lie in the first two rings.
constexpr double kPointsASideSquared = 10.0;
constexpr std::int64_t kMostBucketsASide = 128;

/// Rounding of distances and of bucket borders stays far below this share.
constexpr double kCaution = 1.0 - 1e-4;

// Of the points in order along an axis, so many at either end do not widen the buckets, and the
// rest does by so much of its extent: a stray point would else put all others into one bucket.
constexpr std::ptrdiff_t kPointsAStray = 50;
constexpr double kMargin = 0.25;

using Place3 = std::array<std::int64_t, 3>;

struct Range {
  double low, high;
  double extent() const { return high - low; }
};

/// Where points lie along one axis: all of them, and most of them.
struct AxisRanges {
  Range all, most;
};

AxisRanges ranges_along(std::span<const float> points, std::size_t axis) {
  std::vector<float> places;
  places.reserve(points.size() / 3);
  for (std::size_t i = axis; i < points.size(); i += 3) places.push_back(points[i]);
  const auto [least, most] = std::ranges::minmax(places);
  const std::ptrdiff_t stray = std::ssize(places) / kPointsAStray;
  const auto place_of = [&](std::ptrdiff_t number) {
    std::nth_element(places.begin(), places.begin() + number, places.end());
    return double{places[static_cast<std::size_t>(number)]};
  };
  const double low = place_of(stray);
  const double high = place_of(std::ssize(places) - 1 - stray);
  const double margin = kMargin * (high - low);
  return {{least, most},
          {std::max<double>(least, low - margin), std::min<double>(most, high + margin)}};
}

/// Points sorted by bucket, in one bucket by place. Those beyond the grid are in its border
/// buckets, which have no end on that side.
class BucketGrid {
 public:
  explicit BucketGrid(std::span<const float> points) : points_(points) {
    const auto count = static_cast<double>(points.size() / 3);
    double extent = 0.0;
    double extent_of_all = 0.0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const AxisRanges ranges = ranges_along(points, axis);
      low_[axis] = ranges.most.low;
      extent = std::max(extent, ranges.most.extent());
      extent_of_all = std::max(extent_of_all, ranges.all.extent());
    }
    if (extent == 0.0) extent = extent_of_all;  // most lie in one place
    side_ = std::clamp<std::int64_t>(
        std::llround(std::sqrt(count / kPointsASideSquared)), 1, kMostBucketsASide);
    last_ = static_cast<double>(side_ - 1);
    edge_ = extent > 0.0 ? extent / static_cast<double>(side_) : 1.0;
    sort();
  }

  std::int64_t side() const { return side_; }
  const float* point(std::int64_t place) const { return points_.data() + 3 * place; }

  Place3 bucket_of(const float* point) const {
    Place3 bucket{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      // Far points would not fit a whole number.
      const double at = std::clamp((point[axis] - low_[axis]) / edge_, 0.0, last_);
      bucket[axis] = static_cast<std::int64_t>(at);
    }
    return bucket;
  }

  /// Those of one bucket.
  std::span<const std::int32_t> members(const Place3& bucket) const {
    const auto number = static_cast<std::size_t>(number_of(bucket));
    return std::span(order_).subspan(starts_[number], starts_[number + 1] - starts_[number]);
  }

  /// How far from the point everything lies that is in no ring up to this one around its bucket.
  double unseen_from(const float* point, const Place3& bucket, std::int64_t ring) const {
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double at = point[axis] - low_[axis];
      if (bucket[axis] - ring > 0) {
        nearest = std::min(nearest, at - static_cast<double>(bucket[axis] - ring) * edge_);
      }
      if (bucket[axis] + ring + 1 < side_) {
        nearest = std::min(nearest, static_cast<double>(bucket[axis] + ring + 1) * edge_ - at);
      }
    }
    return std::max(0.0, nearest) * kCaution;
  }

 private:
  std::int64_t number_of(const Place3& bucket) const {
    return (bucket[2] * side_ + bucket[1]) * side_ + bucket[0];
  }

  void sort() {
    const std::size_t count = points_.size() / 3;
    std::vector<std::size_t> numbers(count);
    starts_.assign(static_cast<std::size_t>(side_ * side_ * side_) + 1, 0);
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = static_cast<std::size_t>(number_of(bucket_of(points_.data() + 3 * i)));
      ++starts_[numbers[i] + 1];
    }
    for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
    std::vector<std::size_t> next(starts_.begin(), starts_.end() - 1);
    order_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      order_[next[numbers[i]]++] = static_cast<std::int32_t>(i);
    }
  }

  std::span<const float> points_;
  std::array<double, 3> low_{};
  std::int64_t side_ = 1;
  double last_ = 0.0;  // side_ - 1
  double edge_ = 1.0;
  std::vector<std::size_t> starts_;
  std::vector<std::int32_t> order_;
};

/// The k best candidates so far, best first. The bits of a float that is not negative grow with it,
/// so distance and place are one number and no two are equal.
class BestKeys {
 public:
  explicit BestKeys(std::size_t k) : keys_(k, kNone) {}

  void add_candidates(std::size_t count) { candidates_ += static_cast<std::int64_t>(count); }
  std::int64_t candidates() const { return candidates_; }

  void clear() { std::fill(keys_.begin(), keys_.end(), kNone); }

  void offer(float square, std::int32_t place) {
    const std::uint64_t key = (std::uint64_t{std::bit_cast<std::uint32_t>(square)} << 32U) |
                              static_cast<std::uint32_t>(place);
    if (key >= keys_.back()) return;
    std::size_t at = keys_.size() - 1;
    for (; at > 0 && keys_[at - 1] > key; --at) keys_[at] = keys_[at - 1];
    keys_[at] = key;
  }

  /// Whether all k are there and none is as far away as `distance`.
  bool are_within(double distance) const {
    if (keys_.back() == kNone) return false;
    const auto square = std::bit_cast<float>(static_cast<std::uint32_t>(keys_.back() >> 32U));
    return static_cast<double>(square) < distance * distance;
  }

  void write(std::int32_t* places) const {
    for (const std::uint64_t key : keys_) *places++ = static_cast<std::int32_t>(key & 0xFFFFFFFFU);
  }

 private:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> keys_;
  std::int64_t candidates_ = 0;
};

void offer_bucket(const BucketGrid& grid,
                  const float* point,
                  const Place3& bucket,
                  BestKeys& best) {
  const std::span<const std::int32_t> members = grid.members(bucket);
  best.add_candidates(members.size());
  for (const std::int32_t place : members) {
    const float* const other = grid.point(place);
    const float dx = point[0] - other[0];
    const float dy = point[1] - other[1];
    const float dz = point[2] - other[2];
    best.offer((dx * dx + dy * dy) + dz * dz, place);
  }
}

/// The buckets of the cube's surface that lie in the grid.
void offer_ring(const BucketGrid& grid,
                const float* point,
                const Place3& centre,
                std::int64_t ring,
                BestKeys& best) {
  const auto begin = [&](std::size_t axis) {
    return std::max<std::int64_t>(0, centre[axis] - ring);
  };
  const auto end = [&](std::size_t axis) { return std::min(grid.side(), centre[axis] + ring + 1); };
  for (std::int64_t z = begin(2); z < end(2); ++z) {
    for (std::int64_t y = begin(1); y < end(1); ++y) {
      const bool face = std::abs(z - centre[2]) == ring || std::abs(y - centre[1]) == ring;
      if (face) {
        for (std::int64_t x = begin(0); x < end(0); ++x) offer_bucket(grid, point, {x, y, z}, best);
        continue;
      }
      for (const std::int64_t x : {centre[0] - ring, centre[0] + ring}) {
        if (x >= 0 && x < grid.side()) offer_bucket(grid, point, {x, y, z}, best);
      }
    }
  }
}

}  // namespace

std::int64_t near_points(std::span<const float> points,
                         std::int64_t k,
                         std::span<std::int32_t> nearest) {
  const auto count = static_cast<std::int64_t>(points.size() / 3);
  require(points.size() % 3 == 0 && k >= 1 && k <= count &&
              nearest.size() == static_cast<std::size_t>(count * k),
          Errc::kInvalidArgument,
          "[near_points] ",
          points.size(),
          " coordinates, k ",
          k,
          ", room for ",
          nearest.size(),
          " places: not 3 P, in [1, P] and k P");
  const BucketGrid grid(points);
  BestKeys best(static_cast<std::size_t>(k));
  for (std::int64_t p = 0; p < count; ++p) {
    const float* const point = grid.point(p);
    const Place3 bucket = grid.bucket_of(point);
    best.clear();
    for (std::int64_t ring = 0; ring < grid.side(); ++ring) {
      offer_ring(grid, point, bucket, ring, best);
      if (best.are_within(grid.unseen_from(point, bucket, ring))) break;
    }
    best.write(nearest.data() + p * k);
  }
  return best.candidates();
}

}  // namespace larkspur::pipeline
