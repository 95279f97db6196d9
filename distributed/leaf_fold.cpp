// SPDX-License-Identifier: Apache-2.0
#include "distributed/leaf_fold.h"

#include <algorithm>

#include <ATen/ops/empty.h>

namespace larkspur::distributed {
namespace {

using pipeline::ElementRange;

constexpr std::int64_t kFetchedElements = 65536;  // at a time: they stay in second-level cache

/// The sums that steps leave: each step holds one more, but for what it joins.
int results_of(std::span<const FoldStep> steps) {
  return steps.empty() ? 0 : steps.back().slot - steps.back().joins + 1;
}

}  // namespace

LeafFold::LeafFold(const ProcessGroup& group,
                   std::span<const Subtree> leaves,
                   std::int64_t fetched,
                   std::int64_t most,
                   const at::TensorOptions& like)
    : group_(group),
      sums_(like.device()),
      steps_(fold_steps(leaves)),
      results_(results_of(steps_)),
      leaves_fetched_(fetched) {
  const std::int64_t run = sums_.run_of(most);
  fetched_ = at::empty({leaves_fetched_ * window_of(run)}, like);
  held_ = at::empty({(slots_of(steps_) - results_) * run}, like);
}

/// Runs that are fetched together, of each sum: whole ones.
std::int64_t LeafFold::window_of(std::int64_t run) const {
  if (leaves_fetched_ == 0 || run == 0) return run;
  return std::max<std::int64_t>(1, kFetchedElements / (leaves_fetched_ * run)) * run;
}

/// A part of what is added, of all leaves that are not here.
void LeafFold::fetch(std::span<const Leaf> leaves, ElementRange part, std::int64_t window) {
  for (const Leaf& leaf : leaves) {
    if (leaf.here != nullptr) continue;
    const std::span<float> room(fetched_.mutable_data_ptr<float>() + leaf.number * window,
                                static_cast<std::size_t>(part.size()));
    const auto behind = static_cast<std::uint64_t>(leaf.offset + part.begin) * sizeof(float);
    group_.read(leaf.rank, *leaf.there + behind, std::as_writable_bytes(room));
  }
}

void LeafFold::operator()(std::span<const Leaf> leaves, std::int64_t elements, float* sums) {
  const std::int64_t run = sums_.run_of(elements);
  const std::int64_t window = window_of(run);
  const float* fetched = fetched_.const_data_ptr<float>();
  float* held = held_.mutable_data_ptr<float>();
  for (std::int64_t at = 0; at < elements; at += run) {
    const std::int64_t in_window = at % window;
    if (in_window == 0) fetch(leaves, {at, std::min(elements, at + window)}, window);
    const auto sum_at = [&](int slot) {
      return slot < results_ ? sums + slot * elements + at : held + (slot - results_) * run;
    };
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const Leaf& leaf = leaves[i];
      const float* values =
          leaf.here != nullptr ? leaf.here + at : fetched + leaf.number * window + in_window;
      take_leaf(sums_, steps_[i], values, run, sum_at);
    }
  }
}

}  // namespace larkspur::distributed
