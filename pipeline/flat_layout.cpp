// SPDX-License-Identifier: Apache-2.0
#include "pipeline/flat_layout.h"

#include <algorithm>
#include <set>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

FlatLayout::FlatLayout(const std::vector<FlatShape>& shapes, std::int64_t bucket_elements) {
  require(bucket_elements > 0,
          Errc::kInvalidArgument,
          "[flat_layout] bucket of ",
          bucket_elements,
          " elements, not > 0");
  std::set<std::string> names;
  std::int64_t bucket_begin = 0;
  std::int64_t next = 0;
  for (auto shape = shapes.rbegin(); shape != shapes.rend(); ++shape) {
    require(shape->elements > 0,
            Errc::kInvalidArgument,
            "[flat_layout] ",
            shape->name,
            " has ",
            shape->elements,
            " elements, not > 0");
    require(names.insert(shape->name).second,
            Errc::kInvalidArgument,
            "[flat_layout] ",
            shape->name,
            " is there twice");
    entries_.push_back({shape->name,
                        {next, next + shape->elements},
                        shape->decays,
                        bucket_count(),
                        shape->rate_group,
                        shape->frozen});
    next = round_up(next + shape->elements, kAlignElements);
    const bool last = shape + 1 == shapes.rend();
    if (last || next - bucket_begin >= bucket_elements) {
      next = round_up(next, kChunkElements);
      buckets_.push_back({bucket_begin, next});
      bucket_begin = next;
    }
  }
}

ElementRange FlatLayout::owned(int bucket, int rank, int ranks) const {
  const ElementRange& whole = this->bucket(bucket);
  const std::int64_t chunks = whole.size() / kChunkElements;
  return {whole.begin + chunks * rank / ranks * kChunkElements,
          whole.begin + chunks * (rank + 1) / ranks * kChunkElements};
}

std::vector<ElementRange> FlatLayout::owned(int rank, int ranks) const {
  std::vector<ElementRange> ranges;
  for (int bucket = 0; bucket < bucket_count(); ++bucket) {
    ranges.push_back(owned(bucket, rank, ranks));
  }
  return ranges;
}

std::vector<OwnedPart> FlatLayout::owned_parts(int rank, int ranks) const {
  std::vector<OwnedPart> parts;
  std::int64_t packed = 0;
  for (const ElementRange& share : owned(rank, ranks)) {
    for (std::size_t entry = 0; entry < entries_.size(); ++entry) {
      const ElementRange& range = entries_[entry].range;
      const ElementRange part{std::max(share.begin, range.begin), std::min(share.end, range.end)};
      if (part.size() > 0) parts.push_back({entry, part, packed + part.begin - share.begin});
    }
    packed += share.size();
  }
  return parts;
}

}  // namespace larkspur::pipeline
