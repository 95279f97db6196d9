// SPDX-License-Identifier: Apache-2.0
// Where each parameter lies in the flat buffers, and who owns what: pure arithmetic.
//
//   last used parameter ...                                    ... first used parameter
//   |---- bucket 0 ----------------|---- bucket 1 ----------------|-- ...
//   | chunk | chunk | chunk | chunk| chunk | chunk | ...
//     rank 0: first share of each bucket, rank 1: next share, ...
//
// Parameters lie in reverse order of use, each at a multiple of 64 elements, so that buckets fill
// in the order backward produces gradients. A bucket is closed once it holds `bucket_elements`, and
// is padded to whole chunks. A chunk of 4,096 elements is the unit of ownership, of norm sums and
// of checkpoint pieces. Nothing here depends on the number of ranks but the question "who owns".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace larkspur::pipeline {

inline constexpr std::int64_t kChunkElements = 4096;
inline constexpr std::int64_t kAlignElements = 64;

/// Half-open range of elements of a flat buffer.
struct ElementRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  bool operator==(const ElementRange&) const = default;
};

/// One parameter's place.
struct FlatEntry {
  std::string name;
  ElementRange range;  ///< without padding
  bool decays = true;
  int bucket = 0;
  int rate_group = 0;   ///< as in Parameter
  bool frozen = false;  ///< likewise; it has its place all the same, so that a checkpoint is whole
};

/// The part of one parameter that a rank owns in one bucket.
struct OwnedPart {
  std::size_t entry = 0;    ///< index into FlatLayout::entries()
  ElementRange flat;        ///< in the flat buffers, without padding
  std::int64_t packed = 0;  ///< where it begins when a rank's shares are packed bucket by bucket
};

/// What the layout needs to know of a parameter.
struct FlatShape {
  std::string name;
  std::int64_t elements = 0;
  bool decays = true;
  int rate_group = 0;
  bool frozen = false;
};

/// Immutable after construction; safe to read from many threads.
class FlatLayout {
 public:
  /// `shapes` in order of use, names unique, elements > 0; bucket_elements > 0.
  /// Throws kInvalidArgument naming the shape at fault.
  FlatLayout(const std::vector<FlatShape>& shapes, std::int64_t bucket_elements);

  std::int64_t elements() const { return buckets_.empty() ? 0 : buckets_.back().end; }  ///< padded
  std::int64_t chunks() const { return elements() / kChunkElements; }
  int bucket_count() const { return static_cast<int>(buckets_.size()); }
  const ElementRange& bucket(int index) const { return buckets_[static_cast<std::size_t>(index)]; }

  /// In flat order (reverse order of use).
  const std::vector<FlatEntry>& entries() const { return entries_; }

  /// The chunks of a bucket that a rank owns, as one range of elements; may be empty.
  /// The shares of all ranks, in rank order, tile the bucket.
  ElementRange owned(int bucket, int rank, int ranks) const;

  /// owned() of every bucket, in bucket order.
  std::vector<ElementRange> owned(int rank, int ranks) const;

  /// What of each parameter lies in owned(rank, ranks), in flat order.
  std::vector<OwnedPart> owned_parts(int rank, int ranks) const;

 private:
  std::vector<FlatEntry> entries_;
  std::vector<ElementRange> buckets_;
};

}  // namespace larkspur::pipeline
