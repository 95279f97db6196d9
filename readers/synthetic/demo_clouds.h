// SPDX-License-Identifier: Apache-2.0
// A made-up data set with the face of ModelNet-40: OFF meshes of solids in a folder a class.
//
//   OUTPUT/box/train/box_0001.off ... OUTPUT/box/test/box_0051.off ... OUTPUT/l_bracket/train/...
//
// No two shapes are alike: proportions vary, the surface is bent and uneven, the shape is turned a
// little, small blocks lie about, and units and origin are those of nobody. Yet the classes stay
// apart, so that a small network learns them in minutes. One file in five has its header glued to
// its counts, as part of ModelNet-40 has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "readers/synthetic/demo_solids.h"

namespace larkspur::readers {

struct DemoCloudOptions {
  std::filesystem::path output;  ///< made if it is not there; must be empty
  std::int64_t classes = 10;     ///< the first ones of demo_class_names()
  std::int64_t train = 50;       ///< training shapes a class
  std::int64_t test = 20;        ///< held-out shapes a class
  std::int64_t seed = 1;

  /// Throws kInvalidArgument naming the option at fault and its value.
  void check() const;
};

/// The classes there are, sorted; some names hold an underscore.
std::vector<std::string_view> demo_class_names();

/// Shape `number` (from 1) of a class: a pure function of its arguments. Closed, outward, 30 to
/// 1,500 vertices. label in [0, demo_class_names().size()).
Mesh demo_shape(std::int64_t seed, std::int64_t label, std::int64_t number);

/// Files 5, 10, 15, ... of a class are glued.
OffHeader demo_header(std::int64_t number);

/// Writes the set: training shapes are numbered from 1, held-out ones after them. The same options
/// give the same bytes. Throws kInvalidArgument when the folder holds anything, kIo naming the
/// path.
void make_demo_clouds(const DemoCloudOptions& options);

}  // namespace larkspur::readers
