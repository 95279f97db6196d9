// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/enlarge.h"

#include <algorithm>
#include <regex>

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_trilinear3d.h>

namespace larkspur::model3d {
namespace {

/// Block and kind, taps, rate and field of "stages.1.0.dwconv.dil_conv_k3x5x5_1x2x2.weight".
const std::regex& branch_pattern() {
  static const std::regex pattern(R"((.*dil_(?:conv|bn)_k)[\dx]+(_[\dx]+\..*))");
  return pattern;
}

}  // namespace

bool is_of_branch(const std::string& name) { return std::regex_match(name, branch_pattern()); }

std::optional<std::string> branch_of_its_rate(const std::string& name,
                                              const std::set<std::string>& names) {
  std::smatch ours;
  if (!std::regex_match(name, ours, branch_pattern())) return std::nullopt;
  const std::string block = ours[1];
  for (auto other = names.lower_bound(block); other != names.end() && other->starts_with(block);
       ++other) {
    std::smatch theirs;
    if (std::regex_match(*other, theirs, branch_pattern()) && theirs[2] == ours[2]) return *other;
  }
  return std::nullopt;
}

bool is_smaller_kernel(at::IntArrayRef theirs, at::IntArrayRef ours) {
  if (theirs.size() != ours.size() || theirs.size() < 4 || theirs == ours) return false;
  if (theirs[0] != ours[0] || theirs[1] != 1 || ours[1] != 1) return false;
  return std::equal(
      theirs.begin() + 2, theirs.end(), ours.begin() + 2, [](std::int64_t k, std::int64_t large) {
        return k % 2 == 1 && large % 2 == 1 && k <= large;
      });
}

at::Tensor enlarged(const at::Tensor& kernel, at::IntArrayRef ours, Enlargement how) {
  if (kernel.sizes() == ours) return kernel;
  const auto taps = ours.slice(2);
  if (how == Enlargement::kResize) {
    return taps.size() == 2 ? at::upsample_bilinear2d(kernel, taps, false)
                            : at::upsample_trilinear3d(kernel, taps, false);
  }
  std::vector<std::int64_t> around;  // of the last axis first, before and behind
  for (std::int64_t axis = kernel.dim() - 1; axis >= 2; --axis) {
    const std::int64_t half = (ours[axis] - kernel.size(axis)) / 2;
    around.insert(around.end(), {half, half});
  }
  return at::constant_pad_nd(kernel, around);
}

}  // namespace larkspur::model3d
