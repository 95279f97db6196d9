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

/// Its cube is looked at as a whole: a point's own bucket has too few of its neighbours.
constexpr std::int64_t kFirstRing = 1;

/// Rounding of distances and of bucket borders stays far below this share.
constexpr double kCaution = 1.0 - 1e-4;

// Of the points in order along an axis, so many at either end do not widen the buckets, and the
// rest does by so much of its extent: a stray point would else put all others into one bucket.
constexpr std::ptrdiff_t kPointsAStray = 50;
constexpr double kMargin = 0.25;

using Place3 = std::array<std::int64_t, 3>;

/// A point and its place among all.
struct Member {
  float x, y, z;
  std::int32_t place;
};

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

  /// Those of the buckets from `first` on along x up to `last_x`, which lie one after the other.
  std::span<const Member> members(const Place3& first, std::int64_t last_x) const {
    const auto number = static_cast<std::size_t>(number_of(first));
    const std::size_t begin = starts_[number];
    const std::size_t end = starts_[number + static_cast<std::size_t>(last_x - first[0]) + 1];
    return std::span(members_).subspan(begin, end - begin);
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
    members_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const float* const from = points_.data() + 3 * i;
      members_[next[numbers[i]]++] = {from[0], from[1], from[2], static_cast<std::int32_t>(i)};
    }
  }

  std::span<const float> points_;
  std::array<double, 3> low_{};
  std::int64_t side_ = 1;
  double last_ = 0.0;  // side_ - 1
  double edge_ = 1.0;
  std::vector<std::size_t> starts_;
  std::vector<Member> members_;
};

/// The k best candidates so far, best first. The bits of a float that is not negative grow with it,
/// so distance and place are one number and no two are equal; read as a double they keep their
/// order, and doubles have minima and maxima without branches, side by side.
class BestKeys {
 public:
  explicit BestKeys(std::size_t k) : now_(k + 1), next_(k + 1) { clear(); }

  void add_candidates(std::size_t count) { candidates_ += static_cast<std::int64_t>(count); }
  std::int64_t candidates() const { return candidates_; }

  void clear() {
    std::fill(now_.begin(), now_.end(), kNone);
    now_.front() = next_.front() = -kNone;  // before the best one
  }

  void offer(float square, std::int32_t place) {
    const double key = std::bit_cast<double>(
        kSmallest + ((std::uint64_t{std::bit_cast<std::uint32_t>(square)} << kPlaceBits) |
                     static_cast<std::uint32_t>(place)));
    if (key >= now_.back()) return;
    const double* const now = now_.data();
    double* const next = next_.data();
    const std::size_t size = now_.size();
    for (std::size_t i = 1; i < size; ++i) next[i] = std::max(now[i - 1], std::min(now[i], key));
    now_.swap(next_);
  }

  /// Whether all k are there and none is as far away as `distance`.
  bool are_within(double distance) const {
    if (now_.back() == kNone) return false;
    const auto square =
        std::bit_cast<float>(static_cast<std::uint32_t>(bits_of(now_.back()) >> kPlaceBits));
    return static_cast<double>(square) < distance * distance;
  }

  void write(std::int32_t* places) const {
    constexpr std::uint64_t kPlaces = (std::uint64_t{1} << kPlaceBits) - 1;
    for (std::size_t i = 1; i < now_.size(); ++i) {
      *places++ = static_cast<std::int32_t>(bits_of(now_[i]) & kPlaces);
    }
  }

 private:
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  static constexpr unsigned kPlaceBits = 31;
  /// Added to every key: no double that a processor might take for zero.
  static constexpr std::uint64_t kSmallest = std::uint64_t{1} << 52U;

  static std::uint64_t bits_of(double key) { return std::bit_cast<std::uint64_t>(key) - kSmallest; }

  std::vector<double> now_, next_;
  std::int64_t candidates_ = 0;
};

/// Buckets [first, last] along x of one row; what is outside the grid is left out.
struct BucketRow {
  std::int64_t first, last, y, z;
};

void offer_row(const BucketGrid& grid, const float* point, const BucketRow& row, BestKeys& best) {
  const std::int64_t first = std::max<std::int64_t>(row.first, 0);
  const std::int64_t last = std::min(row.last, grid.side() - 1);
  if (first > last) return;
  const std::span<const Member> members = grid.members({first, row.y, row.z}, last);
  best.add_candidates(members.size());
  for (const Member& other : members) {
    const float dx = point[0] - other.x;
    const float dy = point[1] - other.y;
    const float dz = point[2] - other.z;
    best.offer((dx * dx + dy * dy) + dz * dz, other.place);
  }
}

/// The buckets of the cube's surface that lie in the grid; of the first ring, all of the cube.
void offer_ring(const BucketGrid& grid,
                const float* point,
                const Place3& centre,
                std::int64_t ring,
                BestKeys& best) {
  const auto begin = [&](std::size_t axis) {
    return std::max<std::int64_t>(0, centre[axis] - ring);
  };
  const auto end = [&](std::size_t axis) { return std::min(grid.side(), centre[axis] + ring + 1); };
  const std::int64_t low = centre[0] - ring;
  const std::int64_t high = centre[0] + ring;
  for (std::int64_t z = begin(2); z < end(2); ++z) {
    for (std::int64_t y = begin(1); y < end(1); ++y) {
      const bool face = std::abs(z - centre[2]) == ring || std::abs(y - centre[1]) == ring;
      if (face || ring == kFirstRing) {
        offer_row(grid, point, {low, high, y, z}, best);
      } else {
        offer_row(grid, point, {low, low, y, z}, best);
        offer_row(grid, point, {high, high, y, z}, best);
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
    for (std::int64_t ring = kFirstRing; ring < std::max<std::int64_t>(grid.side(), 2); ++ring) {
      offer_ring(grid, point, bucket, ring, best);
      if (best.are_within(grid.unseen_from(point, bucket, ring))) break;
    }
    best.write(nearest.data() + p * k);
  }
  return best.candidates();
}

}  // namespace larkspur::pipeline
