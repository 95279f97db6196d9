// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/dilated_branches.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

struct TapsAndRate {
  std::int64_t taps;
  std::int64_t rate;
};

const std::vector<TapsAndRate>& published_row(const Extent3& taps) {
  static const std::map<std::int64_t, std::vector<TapsAndRate>> table{
      {7, {{5, 1}, {3, 2}, {3, 3}}},
      {9, {{5, 1}, {5, 2}, {3, 3}, {3, 4}}},
      {11, {{5, 1}, {5, 2}, {3, 3}, {3, 4}, {3, 5}}},
      {13, {{5, 1}, {7, 2}, {3, 3}, {3, 4}, {3, 5}}},
      {15, {{5, 1}, {7, 2}, {3, 3}, {3, 5}, {3, 7}}},
      {17, {{5, 1}, {9, 2}, {3, 4}, {3, 5}, {3, 7}}},
  };
  const auto row = table.find(largest(taps));
  pipeline::require(row != table.end(),
                    pipeline::Errc::kInvalidArgument,
                    "[default_branches] the longest axis of a ",
                    to_text(taps),
                    " kernel is none of 7, 9, 11, 13, 15, 17");
  return row->second;
}

TapsAndRate shorter_axis(std::int64_t axis_taps, std::int64_t rate) {
  const std::int64_t taps = std::min<std::int64_t>(3, axis_taps);
  if (taps == 1) return {1, 1};
  return {taps, std::min((rate + 2) / 3, (axis_taps - 1) / (taps - 1))};
}

/// The values on the axes where the large kernel has more than one tap: one if they agree.
std::string told(const Extent3& values, const std::vector<std::size_t>& axes, bool alike) {
  std::ostringstream text;
  for (std::size_t i = 0; i < axes.size() && !(alike && i > 0); ++i) {
    text << (i > 0 ? "x" : "") << values[axes[i]];
  }
  return text.str();
}

}  // namespace

std::vector<DilatedBranch> default_branches(const Extent3& taps) {
  for (const std::int64_t axis_taps : taps) {
    pipeline::require(axis_taps % 2 == 1,
                      pipeline::Errc::kInvalidArgument,
                      "[default_branches] a ",
                      to_text(taps),
                      " kernel has an even axis");
  }
  std::vector<DilatedBranch> branches;
  for (const TapsAndRate& published : published_row(taps)) {
    DilatedBranch branch;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const bool longest = taps[axis] == largest(taps);
      const auto own = longest ? published : shorter_axis(taps[axis], published.rate);
      branch.taps[axis] = own.taps;
      branch.rate[axis] = own.rate;
    }
    branches.push_back(branch);
  }
  return branches;
}

std::string branch_name(const DilatedBranch& branch, const Extent3& large_taps) {
  std::vector<std::size_t> axes;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (large_taps[axis] > 1) axes.push_back(axis);
  }
  const bool alike = std::ranges::all_of(axes, [&](std::size_t axis) {
    return branch.taps[axis] == branch.taps[axes[0]] && branch.rate[axis] == branch.rate[axes[0]];
  });
  return pipeline::text_of(
      "k", told(branch.taps, axes, alike), "_", told(branch.rate, axes, alike));
}

}  // namespace larkspur::model3d
