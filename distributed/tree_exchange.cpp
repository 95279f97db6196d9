// SPDX-License-Identifier: Apache-2.0
#include "distributed/tree_exchange.h"

#include <algorithm>
#include <span>
#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::FlatLayout;
using pipeline::kChunkElements;
using pipeline::require;

constexpr std::int64_t kFetchedElements = 65536;  // at a time: they stay in second-level cache

/// Takes a run of one leaf into the held sums; sum_at(slot) is where a sum lies.
template <typename SumAt>
void take_leaf(const FlatSums& sums,
               const FoldStep& step,
               const float* leaf,
               std::int64_t count,
               const SumAt& sum_at) {
  float* sum = sum_at(step.slot);
  if (step.adds) {
    sums.add(sum, leaf, count);
  } else {
    sums.copy(sum, leaf, count);
  }
  for (int join = 0; join < step.joins; ++join) {
    float* left = sum_at(step.slot - join - 1);
    sums.add(left, sum, count);
    sum = left;
  }
}

std::vector<Subtree> leaves_of(const pipeline::Lanes& lanes) {
  std::vector<Subtree> leaves;
  leaves.reserve(static_cast<std::size_t>(lanes.count));
  for (int lane = 0; lane < lanes.count; ++lane) leaves.push_back({lanes.first + lane, 1});
  return leaves;
}

void check_lanes(const ProcessGroup& group, const pipeline::Lanes& lanes) {
  require(pipeline::is_power_of_two(lanes.total) && lanes.total >= group.size(),
          Errc::kInvalidArgument,
          "[tree_exchange] ",
          lanes.total,
          " lanes: not a power of two of at least ",
          group.size(),
          " ranks");
  const auto mine = pipeline::lanes_of_rank(group.rank(), group.size(), lanes.total);
  require(lanes.first == mine.first && lanes.count == mine.count,
          Errc::kInvalidArgument,
          "[tree_exchange] rank ",
          group.rank(),
          " was given ",
          lanes.count,
          " lanes from ",
          lanes.first,
          ", its own are ",
          mine.count,
          " from ",
          mine.first);
}

}  // namespace

TreeExchange::TreeExchange(ProcessGroup& group,
                           pipeline::FlatParameters& flat,
                           pipeline::Lanes lanes)
    : group_(group),
      flat_(flat),
      lanes_(lanes),
      sums_(flat.values().device()),
      lane_steps_(fold_steps(leaves_of(lanes))),
      row_mean_(group) {
  check_lanes(group, lanes);
  require(flat.values().is_cpu() == (group.memory() == Memory::kHost),
          Errc::kInvalidArgument,
          "[tree_exchange] parameters are on ",
          flat.values().device(),
          ", which is not the memory that the group moves");
  // Ranks hold consecutive lanes, so their subtrees one after the other are in lane order.
  std::vector<Subtree> all;
  for (int rank = 0; rank < group.size(); ++rank) {
    const auto theirs = pipeline::lanes_of_rank(rank, group.size(), lanes.total);
    subtrees_.push_back(subtrees(theirs.first, theirs.count));
    all.insert(all.end(), subtrees_.back().begin(), subtrees_.back().end());
  }
  finish_steps_ = fold_steps(all);
  for (int rank = 0; rank < group.size(); ++rank) {
    const auto sums = static_cast<std::int64_t>(subtrees_[static_cast<std::size_t>(rank)].size());
    leaves_read_ += group.reads(rank) ? sums : 0;
  }
  const FlatLayout& layout = flat.layout();
  std::int64_t owned = 0;
  std::int64_t longest_run = 0;
  for (int index = 0; index < layout.bucket_count(); ++index) {
    buckets_.push_back(make_bucket(index));
    const std::int64_t share = layout.owned(index, group.rank(), group.size()).size();
    owned += share;
    longest_run = std::max(longest_run, sums_.run_of(share));
  }
  pending_.resize(buckets_.size());
  fetched_ = room_for(leaves_read_ * window_of(longest_run));
  finish_held_ = room_for((slots_of(finish_steps_) - 1) * longest_run);
  owned_ = room_for(owned);
}

at::Tensor TreeExchange::room_for(std::int64_t elements) const {
  return at::empty({elements}, flat_.values().options());
}

TreeExchange::Bucket TreeExchange::make_bucket(int index) const {
  const FlatLayout& layout = flat_.layout();
  const auto me = static_cast<std::size_t>(group_.rank());
  const std::int64_t elements = layout.bucket(index).size();
  const auto my_share =
      static_cast<std::size_t>(layout.owned(index, group_.rank(), group_.size()).size());
  const std::size_t mine = subtrees_[me].size();
  const auto sums_sent = static_cast<std::int64_t>(mine);
  const auto sums_received = static_cast<std::int64_t>(finish_steps_.size() - mine) - leaves_read_;
  Bucket bucket;
  bucket.outgoing = lanes_.count == 1
                        ? flat_.gradients().narrow(0, layout.bucket(index).begin, elements)
                        : room_for(sums_sent * elements);
  bucket.held = room_for(std::max<std::int64_t>(0, slots_of(lane_steps_) - sums_sent) * elements);
  bucket.incoming = room_for(sums_received * static_cast<std::int64_t>(my_share));
  const std::span<float> values(flat_.values().mutable_data_ptr<float>(),
                                static_cast<std::size_t>(layout.elements()));
  float* outgoing = bucket.outgoing.mutable_data_ptr<float>();
  float* incoming = bucket.incoming.mutable_data_ptr<float>();
  bucket.offered.resize(subtrees_.size());
  bucket.found.resize(subtrees_.size());
  std::int64_t slot = 0;
  for (std::size_t rank = 0; rank < subtrees_.size(); ++rank) {
    const ElementRange range = layout.owned(index, static_cast<int>(rank), group_.size());
    const auto share = static_cast<std::size_t>(range.size());
    // What I owe myself stays where it is, and so does what is read there.
    const bool is_me = rank == me;
    const bool is_read = group_.reads(static_cast<int>(rank));
    const float* sums = is_me ? outgoing : incoming;
    for (std::size_t leaf = 0; leaf < subtrees_[rank].size(); ++leaf) {
      const auto offset = static_cast<std::int64_t>(leaf * my_share);
      bucket.leaves.push_back(is_read ? Leaf{nullptr, static_cast<int>(rank), offset, slot++}
                                      : Leaf{sums + offset});
    }
    const std::size_t received = is_me || is_read ? 0 : subtrees_[rank].size() * my_share;
    if (is_read) {
      bucket.offered[rank] = reinterpret_cast<std::uint64_t>(outgoing);
      bucket.sends.push_back(std::as_bytes(std::span(&bucket.offered[rank], 1)));
      bucket.receives.push_back(std::as_writable_bytes(std::span(&bucket.found[rank], 1)));
    } else {
      bucket.sends.push_back(std::as_bytes(std::span(outgoing, is_me ? 0 : mine * share)));
      bucket.receives.push_back(std::as_writable_bytes(std::span(incoming, received)));
    }
    bucket.values.push_back(
        std::as_writable_bytes(values.subspan(static_cast<std::size_t>(range.begin), share)));
    outgoing += mine * share;
    incoming += received;
  }
  return bucket;
}

/// Where a sum over my lanes lies for the chunks of one owner: sums that will be sent lie in the
/// message, so that nothing has to be packed.
float* TreeExchange::sum_at(int index, int slot, int owner) {
  Bucket& bucket = buckets_[static_cast<std::size_t>(index)];
  const auto mine = static_cast<int>(subtrees_[static_cast<std::size_t>(group_.rank())].size());
  const ElementRange whole = flat_.layout().bucket(index);
  const ElementRange share = flat_.layout().owned(index, owner, group_.size());
  const std::int64_t before = share.begin - whole.begin;
  if (slot < mine) {
    return bucket.outgoing.mutable_data_ptr<float>() + mine * before + slot * share.size();
  }
  return bucket.held.mutable_data_ptr<float>() + (slot - mine) * whole.size() + before;
}

void TreeExchange::lane_done(int lane, int bucket) {
  const FlatLayout& layout = flat_.layout();
  require(bucket >= 0 && bucket < layout.bucket_count(),
          Errc::kInvalidArgument,
          "[lane_done] bucket ",
          bucket,
          " of ",
          layout.bucket_count());
  Bucket& state = buckets_[static_cast<std::size_t>(bucket)];
  require(state.lanes_done < lanes_.count && lane == lanes_.first + state.lanes_done,
          Errc::kInvalidArgument,
          "[lane_done] lane ",
          lane,
          " of bucket ",
          bucket,
          ", it is at ",
          state.lanes_done,
          " of my ",
          lanes_.count,
          " lanes from ",
          lanes_.first);
  const FoldStep step = lane_steps_[static_cast<std::size_t>(state.lanes_done++)];
  if (lanes_.count > 1) take_lane(step, bucket);
  if (state.lanes_done == lanes_.count) start(bucket);
}

void TreeExchange::take_lane(const FoldStep& step, int bucket) {
  const FlatLayout& layout = flat_.layout();
  // Owner by owner, because sums lie by owner; on a CPU chunk by chunk, so that joins hit the
  // cache.
  const float* gradients = flat_.gradients().const_data_ptr<float>();
  for (int owner = 0; owner < group_.size(); ++owner) {
    const ElementRange share = layout.owned(bucket, owner, group_.size());
    const std::int64_t run = sums_.run_of(share.size());
    for (std::int64_t at = share.begin; at < share.end; at += run) {
      take_leaf(sums_, step, gradients + at, run, [&](int slot) {
        return sum_at(bucket, slot, owner) + (at - share.begin);
      });
    }
  }
}

void TreeExchange::start(int index) {
  const Bucket& bucket = buckets_[static_cast<std::size_t>(index)];
  pending_[static_cast<std::size_t>(index)] = group_.all_to_all(
      bucket.sends, bucket.receives, pipeline::text_of("gradients, bucket ", index));
}

/// Runs that are fetched together, of each sum: whole ones.
std::int64_t TreeExchange::window_of(std::int64_t run) const {
  if (leaves_read_ == 0 || run == 0) return run;
  return std::max<std::int64_t>(1, kFetchedElements / (leaves_read_ * run)) * run;
}

/// A part of what this rank owns of a bucket, of all sums that are read where they lie.
void TreeExchange::fetch(const Bucket& bucket, ElementRange part, std::int64_t window) {
  for (const Leaf& leaf : bucket.leaves) {
    if (leaf.here != nullptr) continue;
    const std::uint64_t address = bucket.found[static_cast<std::size_t>(leaf.rank)];
    const std::span<float> room(fetched_.mutable_data_ptr<float>() + leaf.slot * window,
                                static_cast<std::size_t>(part.size()));
    group_.read(leaf.rank,
                address + static_cast<std::uint64_t>(leaf.offset + part.begin) * sizeof(float),
                std::as_writable_bytes(room));
  }
}

/// Returns where the next bucket's owned sums go.
float* TreeExchange::finish(int index, float* owned) {
  const Bucket& bucket = buckets_[static_cast<std::size_t>(index)];
  const std::int64_t share = flat_.layout().owned(index, group_.rank(), group_.size()).size();
  const std::int64_t run = sums_.run_of(share);
  const std::int64_t window = window_of(run);
  const float* fetched = fetched_.const_data_ptr<float>();
  float* held = finish_held_.mutable_data_ptr<float>();
  for (std::int64_t at = 0; at < share; at += run) {
    const std::int64_t in_window = at % window;
    if (in_window == 0) fetch(bucket, {at, std::min(share, at + window)}, window);
    const auto sum_at = [&](int slot) { return slot == 0 ? owned + at : held + (slot - 1) * run; };
    for (std::size_t i = 0; i < bucket.leaves.size(); ++i) {
      const Leaf& leaf = bucket.leaves[i];
      const float* values =
          leaf.here != nullptr ? leaf.here + at : fetched + leaf.slot * window + in_window;
      take_leaf(sums_, finish_steps_[i], values, run, sum_at);
    }
  }
  return owned + share;
}

at::Tensor TreeExchange::reduce() {
  float* owned = owned_.mutable_data_ptr<float>();
  for (int index = 0; index < static_cast<int>(buckets_.size()); ++index) {
    Bucket& bucket = buckets_[static_cast<std::size_t>(index)];
    require(bucket.lanes_done == lanes_.count,
            Errc::kInvalidArgument,
            "[reduce] bucket ",
            index,
            " has ",
            bucket.lanes_done,
            " of my ",
            lanes_.count,
            " lanes");
    pending_[static_cast<std::size_t>(index)].wait();
    owned = finish(index, owned);
    bucket.lanes_done = 0;
  }
  return owned_;
}

void TreeExchange::gather() {
  const auto me = static_cast<std::size_t>(group_.rank());
  for (std::size_t index = 0; index < buckets_.size(); ++index) {
    // In place: the shares of all ranks tile the bucket.
    const std::vector<Block>& values = buckets_[index].values;
    pending_[index] =
        group_.all_gather(values[me], values, pipeline::text_of("values, bucket ", index));
  }
}

void TreeExchange::wait(int bucket) {
  require(bucket >= 0 && bucket < static_cast<int>(pending_.size()),
          Errc::kInvalidArgument,
          "[wait] bucket ",
          bucket,
          " of ",
          pending_.size());
  pending_[static_cast<std::size_t>(bucket)].wait();
}

}  // namespace larkspur::distributed
