// SPDX-License-Identifier: Apache-2.0
#include "distributed/tree_exchange.h"

#include <algorithm>
#include <span>
#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::ElementRange;
using pipeline::Errc;
using pipeline::FlatLayout;
using pipeline::require;

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
      my_subtrees_(subtrees(lanes.first, lanes.count)),
      lane_steps_(fold_steps(leaves_of(lanes))),
      row_mean_(group) {
  check_lanes(group, lanes);
  require(flat.values().is_cpu() == (group.memory() == Memory::kHost),
          Errc::kInvalidArgument,
          "[tree_exchange] parameters are on ",
          flat.values().device(),
          ", which is not the memory that the group moves");
  plans_ = plan_levels(group.hosts(), group.rank(), lanes.total);
  make_folds();
  // What goes to one rank has to be one part of the bucket, or it is read.
  sends_gradients_ = lanes.count == 1 &&
                     std::ranges::all_of(plans_.front().targets, [&](const LevelTarget& target) {
                       return target.owners.size() == 1 || group.reads(target.rank);
                     });
  const FlatLayout& layout = flat.layout();
  std::int64_t elements = 0;
  for (const ElementRange& share : layout.owned(group.rank(), group.size())) {
    elements += share.size();
  }
  owned_ = room_for(elements);
  auto* owned = owned_.mutable_data_ptr<float>();
  for (int index = 0; index < layout.bucket_count(); ++index) {
    buckets_.push_back(make_bucket(index, owned));
    owned += share_of(index, group.rank()).size();
  }
  gathering_.resize(buckets_.size());
}

at::Tensor TreeExchange::room_for(std::int64_t elements) const {
  return at::empty({elements}, flat_.values().options());
}

ElementRange TreeExchange::share_of(int bucket, int owner) const {
  return flat_.layout().owned(bucket, owner, group_.size());
}

void TreeExchange::make_folds() {
  for (const LevelPlan& plan : plans_) {
    std::vector<Subtree> leaves;
    for (const LevelSource& source : plan.sources) {
      leaves.insert(leaves.end(), source.subtrees.begin(), source.subtrees.end());
    }
    std::int64_t most = 0;
    for (int index = 0; index < flat_.layout().bucket_count(); ++index) {
      for (const int owner : plan.owners) most = std::max(most, share_of(index, owner).size());
    }
    folds_.emplace_back(
        group_, leaves, subtrees_read(group_, plan.sources), most, flat_.values().options());
  }
}

TreeExchange::Bucket TreeExchange::make_bucket(int index, float* owned) const {
  Bucket bucket;
  place_lane_sums(index, bucket);
  add_levels(index, owned, bucket);
  const std::span<float> values(flat_.values().mutable_data_ptr<float>(),
                                static_cast<std::size_t>(flat_.layout().elements()));
  for (int rank = 0; rank < group_.size(); ++rank) {
    const ElementRange share = share_of(index, rank);
    bucket.values.push_back(std::as_writable_bytes(values.subspan(
        static_cast<std::size_t>(share.begin), static_cast<std::size_t>(share.size()))));
  }
  return bucket;
}

/// Where the sums over my lanes lie: sums that will be sent lie in the message, so that nothing has
/// to be packed.
void TreeExchange::place_lane_sums(int index, Bucket& bucket) const {
  const ElementRange whole = flat_.layout().bucket(index);
  const auto mine = static_cast<std::int64_t>(my_subtrees_.size());
  bucket.held = room_for(std::max<std::int64_t>(0, slots_of(lane_steps_) - mine) * whole.size());
  bucket.mine.resize(static_cast<std::size_t>(group_.size()));
  if (sends_gradients_) {
    bucket.outgoing = flat_.gradients().narrow(0, whole.begin, whole.size());
    for (int owner = 0; owner < group_.size(); ++owner) {
      const ElementRange share = share_of(index, owner);
      bucket.mine[static_cast<std::size_t>(owner)] = {
          bucket.outgoing.mutable_data_ptr<float>() + (share.begin - whole.begin), share.size()};
    }
    return;
  }
  bucket.outgoing = room_for(mine * whole.size());
  auto* next = bucket.outgoing.mutable_data_ptr<float>();
  const auto place = [&](const std::vector<int>& owners) {
    for (const int owner : owners) {
      const std::int64_t share = share_of(index, owner).size();
      bucket.mine[static_cast<std::size_t>(owner)] = {next, share};
      next += mine * share;
    }
  };
  for (const LevelTarget& target : plans_.front().targets) place(target.owners);
  place(plans_.front().owners);
}

/// What a level makes, the next one sends; the last one makes what this rank owns.
void TreeExchange::add_levels(int index, float* owned, Bucket& bucket) const {
  std::vector<OwnerSums> held = bucket.mine;
  for (std::size_t level = 0; level < plans_.size(); ++level) {
    const bool is_last = level + 1 == plans_.size();
    const std::int64_t sums = folds_[level].results();
    std::int64_t elements = 0;
    for (const int owner : plans_[level].owners) elements += share_of(index, owner).size();
    if (!is_last) bucket.host_sums = room_for(sums * elements);
    float* room = is_last ? owned : bucket.host_sums.mutable_data_ptr<float>();
    std::vector<OwnerSums> results;
    for (const int owner : plans_[level].owners) {
      results.push_back({room, share_of(index, owner).size()});
      room += sums * results.back().elements;
    }
    bucket.levels.emplace_back(group_, plans_[level], held, results, flat_.values().options());
    for (std::size_t i = 0; i < results.size(); ++i) {
      held[static_cast<std::size_t>(plans_[level].owners[i])] = results[i];
    }
  }
}

/// Where a sum over my lanes lies for the chunks of one owner.
float* TreeExchange::sum_at(int index, int slot, int owner) {
  Bucket& bucket = buckets_[static_cast<std::size_t>(index)];
  const auto sent = static_cast<int>(my_subtrees_.size());
  const OwnerSums& mine = bucket.mine[static_cast<std::size_t>(owner)];
  if (slot < sent) return mine.sums + slot * mine.elements;
  const ElementRange whole = flat_.layout().bucket(index);
  return bucket.held.mutable_data_ptr<float>() + (slot - sent) * whole.size() +
         (share_of(index, owner).begin - whole.begin);
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
  require(
      bucket == 0 || buckets_[static_cast<std::size_t>(bucket) - 1].lanes_done > state.lanes_done,
      Errc::kInvalidArgument,
      "[lane_done] bucket ",
      bucket,
      " of lane ",
      lane,
      " before the bucket before it");
  const FoldStep step = lane_steps_[static_cast<std::size_t>(state.lanes_done++)];
  if (!sends_gradients_) take_lane(step, bucket);
  if (state.lanes_done < lanes_.count) return;
  start(bucket, 0);
  if (bucket > 0) send_across(bucket - 1);
}

/// For the sums of my host's other ranks, of the bucket before: see send_across().
bool TreeExchange::lane_done_waits(int lane, int bucket) const {
  return plans_.size() > 1 && !plans_.front().targets.empty() && bucket > 0 &&
         lane == lanes_.first + lanes_.count - 1;
}

void TreeExchange::take_lane(const FoldStep& step, int bucket) {
  // Owner by owner, because sums lie by owner; on a CPU chunk by chunk, so that joins hit the
  // cache.
  const float* gradients = flat_.gradients().const_data_ptr<float>();
  for (int owner = 0; owner < group_.size(); ++owner) {
    const ElementRange share = share_of(bucket, owner);
    const std::int64_t run = sums_.run_of(share.size());
    for (std::int64_t at = share.begin; at < share.end; at += run) {
      take_leaf(sums_, step, gradients + at, run, [&](int slot) {
        return sum_at(bucket, slot, owner) + (at - share.begin);
      });
    }
  }
}

void TreeExchange::start(int index, std::size_t level) {
  buckets_[static_cast<std::size_t>(index)].levels[level].start(
      pipeline::text_of(level == 0 ? "gradients, bucket " : "gradients of hosts, bucket ", index));
}

/// Between hosts goes what is whole inside: a bucket later, when the host's other ranks have sent.
void TreeExchange::send_across(int index) {
  if (plans_.size() == 1) return;
  buckets_[static_cast<std::size_t>(index)].levels[0].finish(folds_[0]);
  start(index, 1);
}

at::Tensor TreeExchange::reduce() {
  for (std::size_t index = 0; index < buckets_.size(); ++index) {
    require(buckets_[index].lanes_done == lanes_.count,
            Errc::kInvalidArgument,
            "[reduce] bucket ",
            index,
            " has ",
            buckets_[index].lanes_done,
            " of my ",
            lanes_.count,
            " lanes");
  }
  if (!buckets_.empty()) send_across(static_cast<int>(buckets_.size()) - 1);
  for (Bucket& bucket : buckets_) {
    bucket.levels.back().finish(folds_.back());
    bucket.lanes_done = 0;
  }
  return owned_;
}

void TreeExchange::gather() {
  const auto me = static_cast<std::size_t>(group_.rank());
  for (std::size_t index = 0; index < buckets_.size(); ++index) {
    // In place: the shares of all ranks tile the bucket.
    const std::vector<Block>& values = buckets_[index].values;
    gathering_[index] = group_.all_gather(
        values[me], values, pipeline::text_of("values, bucket ", index), Route::kRelayed);
  }
}

void TreeExchange::wait(int bucket) {
  require(bucket >= 0 && bucket < static_cast<int>(gathering_.size()),
          Errc::kInvalidArgument,
          "[wait] bucket ",
          bucket,
          " of ",
          gathering_.size());
  gathering_[static_cast<std::size_t>(bucket)].wait();
}

std::string TreeExchange::text() const {
  std::string text = pipeline::text_of("gradients of ", group_.size(), " ranks");
  if (plans_.size() > 1) {
    text += ", hosts of";
    for (const HostRanks& host : group_.hosts().hosts()) {
      text += pipeline::text_of(host.first == 0 ? " " : ", ", host.count);
    }
    text += ": added inside them, then between them";
  }
  const auto& inside = plans_.front().targets;
  const auto read = std::ranges::count_if(
      inside, [&](const LevelTarget& target) { return group_.reads(target.rank); });
  return text + pipeline::text_of("; rank ",
                                  group_.rank(),
                                  " reads ",
                                  read,
                                  " of ",
                                  inside.size(),
                                  " others' memory, messages carry the rest");
}

}  // namespace larkspur::distributed
