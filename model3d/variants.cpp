// SPDX-License-Identifier: Apache-2.0
#include "model3d/variants.h"

#include <algorithm>
#include <string>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr std::array kVariants{
    Variant{"a", {2, 2, 6, 2}, {40, 80, 160, 320}, 1},
    Variant{"f", {2, 2, 6, 2}, {48, 96, 192, 384}, 1},
    Variant{"p", {2, 2, 6, 2}, {64, 128, 256, 512}, 1},
    Variant{"n", {2, 2, 8, 2}, {80, 160, 320, 640}, 1},
    Variant{"t", {3, 3, 18, 3}, {80, 160, 320, 640}, 2},
    Variant{"s", {3, 3, 27, 3}, {96, 192, 384, 768}, 3},
    Variant{"b", {3, 3, 27, 3}, {128, 256, 512, 1024}, 3},
    Variant{"l", {3, 3, 27, 3}, {192, 384, 768, 1536}, 3},
    Variant{"xl", {3, 3, 27, 3}, {256, 512, 1024, 2048}, 3},
    Variant{"micro", {1, 1, 2, 1}, {16, 32, 64, 128}, 1},
    Variant{"mini", {1, 1, 2, 1}, {32, 64, 128, 256}, 1},
};

}  // namespace

std::span<const Variant> variants() { return kVariants; }

const Variant& find_variant(std::string_view name) {
  const auto row = std::ranges::find(kVariants, name, &Variant::name);
  std::string known;
  for (const Variant& variant : kVariants) known.append(" ").append(variant.name);
  pipeline::require(row != kVariants.end(),
                    pipeline::Errc::kInvalidArgument,
                    "[variant] \"",
                    name,
                    "\" is none of:",
                    known);
  return *row;
}

}  // namespace larkspur::model3d
