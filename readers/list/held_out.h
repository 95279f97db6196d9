// SPDX-License-Identifier: Apache-2.0
// A part of a training list that is kept from training, to choose by: epochs, weights, settings.
// What a test set chooses it no longer measures.
#pragma once

#include <cstdint>

#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Which part: a function of seed, class and name alone, so it stays when the list is sorted anew,
/// moves to another folder, or grows, but for a sample or two a class.
struct HeldOut {
  double share = 0.0;  ///< [0, 1) of each class's files, rounded; at least one stays in training
  std::uint64_t seed = 1;
};

/// The list without that part, or (`only_it`) nothing but it, in the list's order; a file that
/// stands in it more than once under a class is on one side. Classes stay as they are. Of several
/// labels the first one counts. Throws kInvalidArgument where nothing would be left.
SampleList part_of(SampleList list, const HeldOut& held_out, bool only_it);

}  // namespace larkspur::readers
