// SPDX-License-Identifier: Apache-2.0
// Which small dilated kernels stand beside a large one, in any number of dimensions.
//
// The published table (code of arXiv 2410.08049) is for square kernels of 7 to 17 taps. The longest
// axis chooses the row and every axis as long follows it. A shorter axis of K taps (time, usually)
// gets min(3, K) taps at the largest rate <= ceil(r / 3) that stays within K.
#pragma once

#include <string>
#include <vector>

#include "model3d/layers/extent.h"

namespace larkspur::model3d {

/// One small kernel beside the large one. Its reach must not exceed the large kernel on any axis.
struct DilatedBranch {
  Extent3 taps{3, 3, 3};  ///< odd
  Extent3 rate{1, 1, 1};  ///< >= 1

  bool operator==(const DilatedBranch&) const = default;
};

/// The fewest taps on the longest axis for which a block has branches at all, as published.
inline constexpr std::int64_t kFewestLargeTaps = 7;

/// The branches of a large kernel of these taps. Throws kInvalidArgument when the longest axis is
/// not in the table or another is even.
std::vector<DilatedBranch> default_branches(const Extent3& taps);

/// What names a branch after "dil_conv_" and "dil_bn_": "k7_2". Axes on which the large kernel has
/// one tap are left out; if the others differ all are told: "k3x7x7_1x2x2".
std::string branch_name(const DilatedBranch& branch, const Extent3& large_taps);

}  // namespace larkspur::model3d
