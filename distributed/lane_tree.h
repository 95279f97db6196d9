// SPDX-License-Identifier: Apache-2.0
// The one order in which lane gradients are added, whoever holds them: pure arithmetic.
//
//            +                 4 lanes over 3 ranks. Addition is left + right at every node, so the
//        /       \             result never depends on the ranks. A rank adds the complete subtrees
//       +         +            among its lanes and sends their sums; the owner of a chunk adds what
//     /   \     /   \          is left. Here rank 2 sends one sum, of lanes 2 and 3.
//    0  |  1  | 2     3
//   rank 0  1     rank 2       Idea: EasyScale (Li et al., SC'23); the tree is a binary counter.
//
// Aligned subtrees are pushed in lane order; two sums join as soon as they are left and right child
// of one node. So at most log2(count) + 1 sums are held at a time.
#pragma once

#include <span>
#include <vector>

namespace larkspur::distributed {

/// The node over lanes [first, first + count): count is a power of two and divides first.
struct Subtree {
  int first = 0;
  int count = 1;

  bool operator==(const Subtree&) const = default;
};

/// Left and right child of one node, in this order.
constexpr bool are_siblings(const Subtree& left, const Subtree& right) noexcept {
  return left.count == right.count && left.first + left.count == right.first &&
         left.first % (2 * left.count) == 0;
}

/// The fewest aligned subtrees that tile lanes [first, first + count), in lane order.
/// first >= 0, count >= 0; with 0 lanes none. At most 2 * log2(count) + 1 of them.
std::vector<Subtree> subtrees(int first, int count);

/// What to do with the next leaf, given the sums that are held, numbered from 0:
/// held[slot] = leaf, or held[slot] += leaf where `adds`; then `joins` times
/// held[slot - 1] += held[slot] and --slot. All additions keep left + right.
struct FoldStep {
  int slot = 0;
  bool adds = false;
  int joins = 0;

  bool operator==(const FoldStep&) const = default;
};

/// One step a leaf; the leaves are adjacent subtrees in lane order. Afterwards held[0..] are the
/// subtrees that tile the same lanes, so a single held[0] when the leaves tile one node.
std::vector<FoldStep> fold_steps(std::span<const Subtree> leaves);

/// The sums held at the same time, at most, while these steps are taken.
int slots_of(std::span<const FoldStep> steps);

}  // namespace larkspur::distributed
