// SPDX-License-Identifier: Apache-2.0
#include "distributed/lane_tree.h"

#include <algorithm>

namespace larkspur::distributed {

std::vector<Subtree> subtrees(int first, int count) {
  // Greedy from the left: the largest aligned subtree that fits is a maximal one.
  std::vector<Subtree> found;
  const int end = first + count;
  while (first < end) {
    int size = 1;
    while (first % (2 * size) == 0 && first + 2 * size <= end) size *= 2;
    found.push_back({first, size});
    first += size;
  }
  return found;
}

std::vector<FoldStep> fold_steps(std::span<const Subtree> leaves) {
  std::vector<FoldStep> steps;
  std::vector<Subtree> held;
  for (const Subtree& leaf : leaves) {
    held.push_back(leaf);
    int joins = 0;
    while (held.size() >= 2 && are_siblings(held[held.size() - 2], held.back())) {
      held.pop_back();
      held.back().count *= 2;
      ++joins;
    }
    // The first join adds the leaf itself, so that it is never copied.
    const bool adds = joins > 0;
    const int top = static_cast<int>(held.size()) - 1;
    steps.push_back(adds ? FoldStep{top + joins - 1, true, joins - 1} : FoldStep{top, false, 0});
  }
  return steps;
}

int slots_of(std::span<const FoldStep> steps) {
  int slots = 0;
  for (const FoldStep& step : steps) slots = std::max(slots, step.slot + 1);
  return slots;
}

}  // namespace larkspur::distributed
