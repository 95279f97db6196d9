// SPDX-License-Identifier: Apache-2.0
#include "distributed/reduce_level.h"

#include <ATen/ops/empty.h>

namespace larkspur::distributed {
namespace {

bool is_read(const ProcessGroup& group, int rank) {
  return rank != group.rank() && group.reads(rank);
}

std::int64_t count_of(const LevelSource& source) {
  return static_cast<std::int64_t>(source.subtrees.size());
}

Block block_of(float* data, std::int64_t floats) {
  return std::as_writable_bytes(std::span(data, static_cast<std::size_t>(floats)));
}

}  // namespace

std::int64_t subtrees_read(const ProcessGroup& group, const std::vector<LevelSource>& sources) {
  std::int64_t count = 0;
  for (const LevelSource& source : sources) {
    count += is_read(group, source.rank) ? count_of(source) : 0;
  }
  return count;
}

ReduceLevel::ReduceLevel(ProcessGroup& group,
                         const LevelPlan& plan,
                         std::span<const OwnerSums> mine,
                         std::span<const OwnerSums> results,
                         const at::TensorOptions& like)
    : group_(group),
      route_(plan.route),
      results_(results.begin(), results.end()),
      sends_(static_cast<std::size_t>(group.size())),
      receives_(static_cast<std::size_t>(group.size())),
      leaves_(results.size()) {
  offer(plan, mine);
  expect(plan, mine, like);
}

void ReduceLevel::offer(const LevelPlan& plan, std::span<const OwnerSums> mine) {
  std::int64_t my_subtrees = 0;
  for (const LevelSource& source : plan.sources) {
    if (source.rank == group_.rank()) my_subtrees = count_of(source);
  }
  std::size_t addresses = 0;
  for (const LevelTarget& target : plan.targets) addresses += target.owners.size();
  offered_.reserve(addresses);  // blocks point into it
  for (const LevelTarget& target : plan.targets) {
    const std::size_t first = offered_.size();
    std::int64_t floats = 0;
    for (const int owner : target.owners) {
      const OwnerSums& sums = mine[static_cast<std::size_t>(owner)];
      offered_.push_back(reinterpret_cast<std::uint64_t>(sums.sums));
      floats += my_subtrees * sums.elements;
    }
    const OwnerSums& front = mine[static_cast<std::size_t>(target.owners.front())];
    sends_[static_cast<std::size_t>(target.rank)] =
        is_read(group_, target.rank) ? std::as_bytes(std::span(offered_).subspan(first))
                                     : ConstBlock(block_of(front.sums, floats));
  }
}

void ReduceLevel::expect(const LevelPlan& plan,
                         std::span<const OwnerSums> mine,
                         const at::TensorOptions& like) {
  std::int64_t elements = 0;
  for (const OwnerSums& result : results_) elements += result.elements;
  std::int64_t subtrees_sent = 0;
  std::size_t ranks_read = 0;
  for (const LevelSource& source : plan.sources) {
    const bool read = is_read(group_, source.rank);
    ranks_read += read ? 1 : 0;
    subtrees_sent += read || source.rank == group_.rank() ? 0 : count_of(source);
  }
  found_.resize(ranks_read * results_.size());
  incoming_ = at::empty({subtrees_sent * elements}, like);
  std::span<std::uint64_t> found(found_);
  auto* incoming = incoming_.mutable_data_ptr<float>();
  std::int64_t number = 0;
  for (const LevelSource& source : plan.sources) {
    Block& block = receives_[static_cast<std::size_t>(source.rank)];
    if (source.rank == group_.rank()) {
      take_mine(plan, static_cast<int>(source.subtrees.size()), mine);
    } else if (is_read(group_, source.rank)) {
      const std::span<std::uint64_t> theirs = found.first(results_.size());
      take_read(source, theirs, number);
      block = std::as_writable_bytes(theirs);
      found = found.subspan(theirs.size());
      number += count_of(source);
    } else {
      take_sent(source, incoming);
      block = block_of(incoming, count_of(source) * elements);
      incoming += count_of(source) * elements;
    }
  }
}

void ReduceLevel::take_mine(const LevelPlan& plan, int subtrees, std::span<const OwnerSums> mine) {
  for (std::size_t index = 0; index < results_.size(); ++index) {
    const OwnerSums& sums = mine[static_cast<std::size_t>(plan.owners[index])];
    for (int subtree = 0; subtree < subtrees; ++subtree) {
      leaves_[index].push_back({sums.sums + subtree * sums.elements});
    }
  }
}

void ReduceLevel::take_read(const LevelSource& source,
                            std::span<const std::uint64_t> found,
                            std::int64_t number) {
  for (std::size_t index = 0; index < results_.size(); ++index) {
    for (std::int64_t subtree = 0; subtree < count_of(source); ++subtree) {
      const std::int64_t offset = subtree * results_[index].elements;
      leaves_[index].push_back({nullptr, source.rank, &found[index], offset, number + subtree});
    }
  }
}

void ReduceLevel::take_sent(const LevelSource& source, const float* incoming) {
  for (std::size_t index = 0; index < results_.size(); ++index) {
    for (std::int64_t subtree = 0; subtree < count_of(source); ++subtree) {
      leaves_[index].push_back({incoming});
      incoming += results_[index].elements;
    }
  }
}

void ReduceLevel::start(std::string_view what) {
  pending_ = group_.all_to_all(sends_, receives_, what, route_);
}

void ReduceLevel::finish(LeafFold& fold) {
  pending_.wait();
  for (std::size_t index = 0; index < results_.size(); ++index) {
    fold(leaves_[index], results_[index].elements, results_[index].sums);
  }
}

}  // namespace larkspur::distributed
