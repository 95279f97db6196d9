// SPDX-License-Identifier: Apache-2.0
// A network of smaller depthwise kernels as the start of one of larger kernels: of 7 taps an axis,
// say, as that of 13. Names and single kernels; load_weights (weights.h) walks over the entries.
//
//   theirs: lk_origin 7, branches k5_1 k3_2 k3_3     ours: lk_origin 13, k5_1 k7_2 k3_3 k3_4 k3_5
//
// The large kernel goes into the large one, a branch into the one of its rate, which has as many
// taps or more, and branches of rates that the file lacks begin without effect: the weight of the
// norm behind them is 0.
#pragma once

#include <optional>
#include <set>
#include <string>

#include <ATen/core/Tensor.h>

#include "model3d/network.h"

namespace larkspur::model3d {

/// Whether the name is one of a small kernel beside a large one, or of the norm behind it.
bool is_of_branch(const std::string& name);

/// The entry of the same block and rate under another number of taps, among `names`; nothing where
/// `name` is of no branch or there is none.
std::optional<std::string> branch_of_its_rate(const std::string& name,
                                              const std::set<std::string>& names);

/// Whether a depthwise kernel [C, 1, taps..] of `theirs` goes into one of `ours`: as many axes, no
/// axis with more taps, one with fewer, each an odd number.
bool is_smaller_kernel(at::IntArrayRef theirs, at::IntArrayRef ours);

/// The kernel [C, 1, k..] with the taps of `ours` [C, 1, K..], which is_smaller_kernel() fits. A
/// kernel already as large is given back as it is.
at::Tensor enlarged(const at::Tensor& kernel, at::IntArrayRef ours, Enlargement how);

}  // namespace larkspur::model3d
